"""Which step of an event's way a call stack belongs to. Pure."""

import re
from collections import Counter
from collections.abc import Iterable

from bench.profiling.stacks import Stack

# The innermost frame that matches decides, so what a step calls in a library without a rule of its own is the step's.
_RULES: tuple[tuple[str, str], ...] = (
    ("garbage collection", r"^gc_collect"),
    ("openai client", r"\(openai/(?!_vendor)"),
    ("httpx2 below openai", r"\(httpx2/"),
    ("aiohttp transport", r"\((aiohttp/|openai/_vendor/|_http_parser\.c|yarl/|multidict/)"),
    ("LLM call: body, limiter, breaker, answer", r"\(consumer/llm/"),
    ("log line and metrics", r"\((structlog/|consumer/(telemetry/|pipeline/outcome_log\.py)|prometheus_client/)"),
    ("poll and decode", r"\((schemas/(codec|incoming_cloudevents|overlay_completed)\.py|aiokafka/consumer/)"),
    ("poll and decode", r"^(classify_records|_source_record|_room|_commit|_seek_back|Intake\._(room|commit)) "),
    ("claim", r"\((consumer/pipeline/intake\.py|repository/requests\.py)"),
    ("prompt", r"\(consumer/(post/prompt|pipeline/conversation)\.py"),
    ("Instagram rules", r"\((consumer/(pipeline/judgement\.py|post/)|schemas/post\.py)"),
    ("row and created event", r"\((consumer/pipeline/feed_events\.py|schemas/)"),
    ("store", r"\((consumer/pipeline/outcome_store\.py|repository/(feeds|pool)\.py)"),
    (
        "relay and publish",
        r"\((consumer/(pipeline/outbox_relay|kafka/publisher)\.py|repository/outbox\.py|aiokafka/producer/)",
    ),
    ("aiokafka", r"\(aiokafka/"),
    ("asyncpg", r"\((asyncpg/|pgproto\.c|protocol\.c)"),
    ("dispatch", r"\(consumer/(pipeline/(dispatcher|worker|in_flight|outcomes|sweeper|lease_keeper)|lifecycle)\.py"),
    ("event loop and sockets", r"\((uvloop/|loop\.c|asyncio/|_asynciomodule\.c)"),
)
_COMPILED = tuple((step, re.compile(pattern)) for step, pattern in _RULES)
REST = "the rest"


def step_of(stack: Stack) -> str:
    """The step that a stack counts for."""
    for frame in reversed(stack.frames):
        for step, pattern in _COMPILED:
            if pattern.search(frame):
                return step
    return REST


def shares(stacks: Iterable[Stack]) -> dict[str, float]:
    """The share of each step in all samples, largest first."""
    counts: Counter[str] = Counter()
    for stack in stacks:
        counts[step_of(stack)] += stack.samples
    return {step: count / counts.total() for step, count in counts.most_common()}


def hottest(stacks: Iterable[Stack], *, limit: int) -> list[tuple[str, float]]:
    """The Python lines at which most of the time is spent, with their shares; C below a line counts for the line."""
    counts: Counter[str] = Counter()
    for stack in stacks:
        counts[_innermost_python(stack)] += stack.samples
    return [(line, count / counts.total()) for line, count in counts.most_common(limit)]


def _innermost_python(stack: Stack) -> str:
    return next((frame for frame in reversed(stack.frames) if ".py:" in frame), stack.frames[-1])
