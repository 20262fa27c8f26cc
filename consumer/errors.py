"""The program's own errors: one root, and those that keep it from starting or make it end."""


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
