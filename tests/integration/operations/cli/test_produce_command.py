import os
import signal
from pathlib import Path

from consumer.operations.produce.event_lines import EventLine
from consumer.operations.produce.line_reader import line_batches
from devstack.endpoints import Endpoints
from tests.integration.operations.cli.conftest import Commands, finished
from tests.support.kafka_records import encoded, overlay_event, read_all
from tests.support.topics import Topics
from tests.support.waiting import eventually

MALFORMED = b'{"overlay_id": "overlay-17", oops'


async def test_every_line_is_sent_as_it_is_with_its_overlay_as_key(
    stack: Endpoints, commands: Commands, topics: Topics, tmp_path: Path
) -> None:
    events = [overlay_event() for _ in range(5)]
    lines = [*map(encoded, events), MALFORMED]
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(lines) + b"\n\n")

    done = await commands.run("produce", "events.jsonl", "--json")

    assert (done.exit_code, done.document["sent"], done.document["blank_lines"]) == (0, 6, 1)
    records = await read_all(stack.kafka_bootstrap_servers, topics.incoming)
    expected = {encoded(event): str(event["overlay_id"]).encode() for event in events}
    assert {record.value: record.key for record in records} == expected | {MALFORMED: None}


async def test_standard_input_and_another_topic(stack: Endpoints, commands: Commands, topics: Topics) -> None:
    value = encoded(overlay_event())

    done = await commands.run("produce", "-", "--topic", topics.failed, stdin=value)

    assert done.output.startswith(f"1 events sent to {topics.failed}")
    assert [record.value for record in await read_all(stack.kafka_bootstrap_servers, topics.failed)] == [value]


async def test_a_check_names_the_lines_that_break_the_contract_and_sends_none(
    stack: Endpoints, commands: Commands, topics: Topics
) -> None:
    lines = [encoded(overlay_event()), MALFORMED, encoded(overlay_event(tenant_id=...))]

    done = await commands.run("produce", "-", "--check", stdin=b"\n".join(lines))

    assert done.exit_code == 1
    assert [line.partition(":")[0] for line in done.errors.splitlines()] == ["line 2", "line 3", "instagram-feed"]
    assert "tenant_id is required" in done.errors
    assert await read_all(stack.kafka_bootstrap_servers, topics.incoming) == []


async def test_what_passes_the_check_is_sent(stack: Endpoints, commands: Commands, topics: Topics) -> None:
    lines = [encoded(overlay_event()) for _ in range(3)]

    done = await commands.run("produce", "-", "--check", "--json", stdin=b"\n".join(lines))

    assert done.document["sent"] == 3
    assert len(await read_all(stack.kafka_bootstrap_servers, topics.incoming)) == 3


async def test_ctrl_c_ends_after_the_lines_under_way_and_tells_how_many_were_sent(
    stack: Endpoints, commands: Commands, topics: Topics, tmp_path: Path
) -> None:
    (tmp_path / "many.jsonl").write_bytes(b"".join(encoded(overlay_event()) + b"\n" for _ in range(500)))
    producing = await commands.start("produce", "many.jsonl", "--rate", "20", "--json")

    async def some_sent() -> bool:
        return bool(await read_all(stack.kafka_bootstrap_servers, topics.incoming))

    await eventually(some_sent, 30)
    producing.send_signal(signal.SIGINT)
    done = await finished(producing)

    assert (done.exit_code, done.document["interrupted"]) == (130, True)
    assert 0 < done.document["sent"] < 500
    assert len(await read_all(stack.kafka_bootstrap_servers, topics.incoming)) == done.document["sent"]


async def test_a_record_too_large_for_the_topic_is_named_and_the_others_are_sent(
    commands: Commands, stack: Endpoints, topics: Topics
) -> None:
    lines = [encoded(overlay_event()), b"x" * 2_000_000, encoded(overlay_event())]

    done = await commands.run("produce", "-", "--json", stdin=b"\n".join(lines))

    assert done.exit_code == 1
    assert (done.document["sent"], [problem["line"] for problem in done.document["failed"]]) == (2, [2])
    assert len(await read_all(stack.kafka_bootstrap_servers, topics.incoming)) == 2


async def test_a_topic_that_does_not_exist_is_not_created_by_the_way(commands: Commands) -> None:
    done = await commands.run("produce", "-", "--topic", "nobody.made.it", stdin=b"{}")

    assert done.exit_code == 1
    assert "instagram-feed topics create" in done.errors


async def test_a_missing_file_is_a_usage_error(commands: Commands) -> None:
    done = await commands.run("produce", "nowhere.jsonl")

    assert done.exit_code == 2
    assert "nowhere.jsonl" in done.errors


async def test_lines_are_read_whole_however_they_come_in() -> None:
    readable, writable = os.pipe()
    for piece in (b"first\nsec", b"ond\n\nlast ", b"without line feed"):
        os.write(writable, piece)
    os.close(writable)

    lines = [line async for batch in line_batches(readable) for line in batch]

    os.close(readable)
    expected = [b"first", b"second", b"", b"last without line feed"]
    assert lines == [EventLine(number, value) for number, value in enumerate(expected, 1)]
