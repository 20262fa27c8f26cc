"""Logging: structlog to one stream, one JSON object or one readable line each.

The consumer logs to standard output; commands print results there, and so log to standard error.

Names of log events are a closed set, in `log_events`. Prompts, product texts and secrets are never logged at info
level and above.
"""

import io
import json
import logging
import math
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import ExcInfo, Processor

from consumer.telemetry.visible_text import one_line, visible, visible_json

REPEAT_AFTER_S = 30.0
# Never with variables of frames, which may contain keys and product texts.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
)


def configure(*, log_format: Literal["json", "console"], level: str, stream: TextIO | None = None) -> None:
    """Configure structlog for this process, and route the libraries' warnings to it (standard output by default)."""
    stream = stream or sys.stdout
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final: list[Processor] = (
        [_TRACEBACKS, structlog.processors.JSONRenderer(_as_json, ensure_ascii=False)]
        if log_format == "json"
        else [_shown, structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=_plain_traceback)]
    )
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, *final],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    _adopt_library_logs(shared, final, max(threshold, logging.WARNING), stream)


def _as_json(line: object, **options: Any) -> str:  # noqa: ANN401 - json's own
    text = json.dumps(line, **options)
    return text if text.isprintable() else visible_json(text)


def _shown(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make the line's texts harmless; other values are escaped anyway."""
    return {name: one_line(value) if isinstance(value, str) else value for name, value in line.items()}


def _plain_traceback(stream: TextIO, error: ExcInfo) -> None:
    plain = io.StringIO()
    structlog.dev.plain_traceback(plain, error)
    stream.write(visible(plain.getvalue()))


class Sparing(logging.Filter):
    """Rate-limits each kind of message; a kind is a message before its arguments are filled in.

    aiokafka repeats some messages a hundred times a second while a broker is down.
    """

    def __init__(self, *, interval_s: float = REPEAT_AFTER_S) -> None:
        super().__init__()
        self._interval_s = interval_s
        self._last_s: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log this message."""
        kind = (record.name, str(record.msg))
        if record.created - self._last_s.get(kind, -math.inf) < self._interval_s:
            return False
        self._last_s[kind] = record.created
        return True


def _adopt_library_logs(shared: list[Processor], final: list[Processor], threshold: int, stream: TextIO) -> None:
    handler = logging.StreamHandler(stream)
    handler.addFilter(Sparing())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    logging.basicConfig(handlers=[handler], level=threshold, force=True)
