from xml.etree import ElementTree as ET

import pytest

from bench.profiling.chart import bar_chart, table
from bench.profiling.stacks import Stack, busy_stacks, read_stacks
from bench.profiling.steps import REST, hottest, shares, step_of

RUN = "run_until_complete (loop.c:1)"
STORE = "store (repository/feeds.py:9)"


@pytest.mark.parametrize(
    ("frames", "step"),
    [
        ((RUN, "Writer.write (consumer/llm/writer.py:94)", "AsyncAPIClient.post (openai/_base_client.py:1)"), "openai"),
        ((RUN, "Writer._body (consumer/llm/writer.py:94)", "dumps (json/__init__.py:1)"), "LLM call"),
        ((RUN, STORE, "_do_execute (asyncpg/connection.py:2069)"), "asyncpg"),
        ((RUN, STORE, "zip_rows (x.py:1)", "gc_collect_main (libpython3.11.so.1.0)"), "garbage collection"),
        ((RUN, "data_received (aiohttp/client_proto.py:359)"), "aiohttp"),
        ((RUN, "run_once (consumer/pipeline/intake.py:1)", "classify_records (consumer/pipeline/intake.py:2)"), "poll"),
        ((RUN,), "event loop"),
        (("somewhere (elsewhere.py:1)",), REST),
    ],
)
def test_a_stack_counts_for_the_innermost_step_it_is_in(frames: tuple[str, ...], step: str) -> None:
    assert step_of(Stack(frames, 1)).startswith(step)


def test_shares_add_up_and_come_largest_first() -> None:
    found = shares([Stack((RUN,), 1), Stack((RUN, "put (consumer/pipeline/outcome_store.py:1)"), 3)])
    assert list(found.items()) == [("store", 0.75), ("event loop and sockets", 0.25)]


def test_time_in_c_counts_for_the_python_line_that_called_it() -> None:
    assert hottest([Stack((STORE, "encode (pgproto.c:5)"), 2), Stack((STORE,), 1)], limit=5) == [(STORE, 1.0)]


def test_raw_stacks_are_read_with_spaces_in_their_frames() -> None:
    assert read_stacks("a (b.py:1);c <x> (d.py:2) 7\n") == [Stack(("a (b.py:1)", "c <x> (d.py:2)"), 7)]


def test_waiting_and_other_threads_are_left_out() -> None:
    stacks = [
        Stack((RUN, "epoll_pwait (libc.so.6)"), 1),
        Stack(("_worker (thread.py:81)",), 1),
        Stack((RUN, STORE), 1),
    ]
    assert busy_stacks(stacks, entry="run_until_complete") == stacks[2:]


def test_the_chart_has_a_bar_for_each_step_as_long_as_its_time() -> None:
    picture = ET.fromstring(bar_chart("One <event>", {"store": 200.0, "claim": 50.0}))  # noqa: S314 - our own
    bars = [float(bar.attrib["width"]) for bar in picture.iter("{http://www.w3.org/2000/svg}rect")]
    assert bars == [pytest.approx(4 * bars[1]), bars[1]]


def test_the_table_tells_the_share_of_each_step() -> None:
    assert "| store | 30 | 75% |" in table({"store": 30.0, "claim": 10.0})
