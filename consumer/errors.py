"""The program's own errors: one root, and those that keep it from starting or make it end."""

import re
from typing import Final

_CAPITAL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


class FeedConsumerError(Exception):
    """The root of the errors that this program raises itself."""


class StartupError(FeedConsumerError):
    """Something it cannot start without is missing; the message says what, and what to do."""


class FatalError(FeedConsumerError):
    """Something is wrong with the records that only people can repair: they stay where they are."""


class UnreadableRecord(FatalError):
    """Kafka takes a header whose name is not UTF-8; aiokafka cannot read the batch that it is in."""

    def __init__(self, place: str) -> None:
        """Say where it is."""
        super().__init__(
            f"a header's name is not UTF-8, so its batch cannot be read: {place}; repair the producer, then move the "
            "group's offset past the batch (kafka-consumer-groups --reset-offsets)"
        )


def in_words(error: BaseException) -> str:
    """Return what a library's error says, for people: its message, else its name taken apart; never a bare class."""
    message = " ".join(str(error).split())
    if message and message != type(error).__name__:
        return message.removeprefix(f"{type(error).__name__}: ")
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return _CAPITAL.sub(" ", type(error).__name__.removesuffix("Error")).lower()
