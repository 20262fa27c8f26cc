"""The proxy understands what a client of PostgreSQL sends, however the bytes are cut."""

import struct
from collections.abc import Iterator
from itertools import pairwise
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repository import available_requests, feeds, outbox, requests
from tests.chaos.lost_answers import MARKERS
from tests.chaos.pg_messages import PROTOCOL_3_0, MessageSplitter, StatementTracker
from tests.chaos.schedule import STATEMENTS

SSL_REQUEST = struct.pack(">II", 8, 80_877_103)
STARTUP = struct.pack(">II", 8 + 12, PROTOCOL_3_0) + b"user\0someone"


def message(kind: bytes, payload: bytes) -> bytes:
    return kind + struct.pack(">I", 4 + len(payload)) + payload


PARSE_STORE = message(b"P", b"__stmt_1__\0INSERT INTO instagram_feeds\0\0\0")
PARSE_OTHER = message(b"P", b"__stmt_2__\0SELECT 1\0\0\0")
BIND_STORE = message(b"B", b"\0__stmt_1__\0\0\0\0\0\0\0")
BIND_OTHER = message(b"B", b"\0__stmt_2__\0\0\0\0\0\0\0")
EXECUTE = message(b"E", b"\0\0\0\0\0")
SYNC = message(b"S", b"")
SESSION = SSL_REQUEST + STARTUP + PARSE_STORE + PARSE_OTHER + BIND_OTHER + EXECUTE + SYNC + BIND_STORE + EXECUTE + SYNC


@given(st.lists(st.integers(min_value=0, max_value=len(SESSION))))
def test_statements_are_recognised_however_the_bytes_arrive(cuts: list[int]) -> None:
    tracker = StatementTracker()
    edges = [0, *sorted(cuts), len(SESSION)]
    executed = [text for a, b in pairwise(edges) for text in tracker.executed(SESSION[a:b])]
    assert executed == ["SELECT 1", "INSERT INTO instagram_feeds"]


def test_messages_of_the_server_come_out_whole() -> None:
    splitter = MessageSplitter(untyped_start=False)
    ready = message(b"Z", b"I")
    assert splitter.feed(ready[:3]) == []
    assert [found.type for found in splitter.feed(ready[3:] + message(b"C", b"INSERT 0 1\0"))] == [b"Z", b"C"]


# Forms of one statement.
STORING = {"_STORE_ENSURING", "_STORE_REQUIRING", "_STORE_ENSURING_AND_SETTLE", "_STORE_REQUIRING_AND_SETTLE"}
VARIANTS = (STORING, {"_CLAIM_BY_AGE", "_CLAIM_BY_TENANT"})


def statements(module: ModuleType) -> Iterator[tuple[str, str]]:
    return ((name, text) for name, text in vars(module).items() if isinstance(text, str) and not name.startswith("__"))


@pytest.mark.parametrize("marker", MARKERS.values(), ids=MARKERS)
def test_each_marker_is_in_one_statement_of_the_repository_only(marker: str) -> None:
    modules = (available_requests, feeds, outbox, requests)
    named = {name for module in modules for name, text in statements(module) if marker in text}
    assert len(named) == 1 or named in VARIANTS


def test_every_statement_of_the_schedule_has_a_marker() -> None:
    assert set(MARKERS) == set(STATEMENTS)
