"""Why the program ends by itself."""


class GaveUp(Exception):
    """Something is wrong with the records that only people can mend: they stay where they are."""


class UnreadableRecord(GaveUp):
    """Kafka takes a header whose name is not UTF-8; aiokafka cannot read the batch that it is in."""

    def __init__(self, place: str) -> None:
        """Say where it is."""
        super().__init__(
            f"a header's name is not UTF-8, so its batch cannot be read: {place}; mend the producer, then move the "
            "group's offset past the batch (kafka-consumer-groups --reset-offsets)"
        )
