import logging

from consumer.telemetry.logs import Sparing


def record(message: str, argument: object, *, at_s: float) -> logging.LogRecord:
    made = logging.LogRecord("aiokafka", logging.ERROR, __file__, 1, message, (argument,), None)
    made.created = at_s
    return made


def test_a_library_message_that_repeats_is_told_once_in_a_while() -> None:
    sparing = Sparing(interval_s=30)
    told = [at_s for at_s in range(100) if sparing.filter(record("no node %s", at_s, at_s=at_s))]
    assert told == [0, 30, 60, 90]


def test_another_message_is_told_beside_it() -> None:
    sparing = Sparing(interval_s=30)
    assert sparing.filter(record("no node %s", 1, at_s=0))
    assert sparing.filter(record("no coordinator %s", 1, at_s=1))
