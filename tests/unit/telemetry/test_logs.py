import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from consumer.telemetry.logs import Sparing, configure


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


@pytest.fixture
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def fail_with(secret: str) -> None:
    raise RuntimeError(f"{len(secret)} characters")


@pytest.mark.usefixtures("_logging_as_it_was")
@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("library", [False, True], ids=["ours", "a library's"])
def test_a_traceback_never_shows_the_variables_of_its_frames(
    capfd: pytest.CaptureFixture[str],
    log_format: Literal["json", "console"],
    library: bool,  # noqa: FBT001
) -> None:
    configure(log_format=log_format, level="debug")
    logger = logging.getLogger("somebody") if library else structlog.get_logger()
    secret = "sk-" + "never shown"
    try:
        fail_with(secret)
    except RuntimeError:
        logger.exception("part.broke")
    written = "".join(capfd.readouterr())
    assert "fail_with" in written
    assert "14 characters" in written
    assert secret not in written
    assert "locals" not in written
    if log_format == "json":
        assert json.loads(written)["event"] == "part.broke"


@pytest.mark.usefixtures("_logging_as_it_was")
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_text_of_others_acts_in_a_log_line(
    capfd: pytest.CaptureFixture[str], log_format: Literal["json", "console"]
) -> None:
    configure(log_format=log_format, level="debug")
    hostile = "\x1b[2J\x9b31m\u202egnp\nfeed.stored"
    structlog.get_logger().info("event.invalid", tenant_id=hostile, problems=[hostile])
    try:
        fail_with_text(hostile)
    except RuntimeError:
        structlog.get_logger().exception("part.broke")
    written = "".join(capfd.readouterr())
    assert set("\x1b\x9b\u202e").isdisjoint(written)
    if log_format == "json":
        first, second = map(json.loads, written.splitlines())
        assert first["tenant_id"] == hostile
        assert second["event"] == "part.broke"


def fail_with_text(text: str) -> None:
    raise RuntimeError(text)
