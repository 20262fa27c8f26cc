"""The program's own errors: the base class, and those that prevent its start or end it."""

import re
from typing import Final

_CAPITAL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


class FeedConsumerError(Exception):
    """The base class of the errors that this program raises itself."""


class StartupError(FeedConsumerError):
    """Something needed for the start is missing; the message says what, and what to do."""


class FatalError(FeedConsumerError):
    """Something is wrong with the records that only people can fix: they stay where they are."""


class UnreadableRecord(FatalError):
    """A header whose name is not UTF-8: Kafka accepts it, but aiokafka cannot read the batch that contains it."""

    def __init__(self, place: str) -> None:
        """Name its position."""
        super().__init__(
            f"a header's name is not UTF-8, so its batch cannot be read: {place}; fix the producer, then move the "
            "group's offset past the batch (kafka-consumer-groups --reset-offsets)"
        )


def in_words(error: BaseException) -> str:
    """Return a library's error in readable form: its message, else the words of its name."""
    message = " ".join(str(error).split())
    if message and message != type(error).__name__:
        return message.removeprefix(f"{type(error).__name__}: ")
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return _CAPITAL.sub(" ", type(error).__name__.removesuffix("Error")).lower()
