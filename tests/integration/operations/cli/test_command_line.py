"""What all commands have in common: where logs go, what a failure looks like, how values are refused."""

import json
import os
import signal
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.integration.operations.cli.conftest import Commands, Database, finished
from tests.support.kafka_records import encoded, overlay_event, read_all
from tests.support.topics import Topics
from tests.support.waiting import eventually

PROGRAM = (sys.executable, "-m", "consumer")
ESCAPES = "\x1b]52;c;ZXZpbA==\x07\x1b[2Jtea\nroom"


def test_the_version_is_told() -> None:
    done = subprocess.run([*PROGRAM, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"instagram-feed {version('instagram-feed-consumer')}\n"


def test_letters_that_the_terminals_encoding_lacks_are_escaped(tmp_path: Path) -> None:
    nothing_set = {"PATH": os.environ["PATH"], "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [*PROGRAM, "doctor"], capture_output=True, text=True, check=False, env=nothing_set, cwd=tmp_path
    )
    assert "Traceback" not in done.stderr
    assert done.stdout.startswith("\\u2717 settings")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to make a namespace for processes")
def test_as_process_1_a_command_obeys_sigterm() -> None:
    """As in a container without an init: the kernel delivers to process 1 only what it handles."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = {**os.environ, "DATABASE_URL": f"postgresql://127.0.0.1:{silent.getsockname()[1]}/feeds"}
        alone = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", *PROGRAM, "migrate"]
        with subprocess.Popen(alone, env=environment, stderr=subprocess.PIPE, text=True) as process:
            silent.settimeout(60)
            connected, _ = silent.accept()
            [child] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            os.kill(int(child), signal.SIGTERM)
            process.communicate(timeout=20)
            connected.close()
    assert process.returncode == 130


def test_a_full_device_is_told_in_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*PROGRAM, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "instagram-feed: standard output: No space left on device\n")


def test_a_closed_standard_output_is_told_in_one_line() -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", '"$0" -m consumer --help >&-', sys.executable], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, b"instagram-feed: standard output is closed\n")


def test_a_reader_that_has_enough_is_no_failure_to_speak_of() -> None:
    pipeline = f"{sys.executable} -m consumer --help | true"
    done = subprocess.run(["/bin/sh", "-c", pipeline], capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


@pytest.mark.usefixtures("topics")
async def test_what_a_library_logs_leaves_json_alone(commands: Commands, tmp_path: Path) -> None:
    lines = tmp_path / "events.jsonl"
    lines.write_bytes(encoded(overlay_event(product_description="x" * 2_000_000)) + b"\n")
    done = await commands.run("produce", str(lines), "--json")
    assert done.exit_code == 1
    assert len(done.document["failed"]) == 1
    assert "Traceback" not in done.errors


async def test_ctrl_c_ends_produce_after_the_lines_under_way(commands: Commands, topics: Topics) -> None:
    process = await commands.start("produce", "-", "--rate", "5", "--json")
    assert process.stdin is not None
    process.stdin.write(b"\n".join(encoded(overlay_event()) for _ in range(1_000)))

    async def sent() -> list[object]:
        return list(await read_all(commands.env["KAFKA_BOOTSTRAP_SERVERS"], topics.incoming))

    await eventually(sent, 40)
    process.send_signal(signal.SIGINT)
    done = await finished(process)
    assert (done.exit_code, done.document["interrupted"]) == (130, True)
    assert "Traceback" not in done.errors


def test_ctrl_c_while_modules_are_imported_ends_the_program_without_a_word() -> None:
    program = "import consumer.__main__, os, signal; os.kill(os.getpid(), signal.SIGINT)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")


async def test_texts_of_others_do_nothing_in_a_terminal(commands: Commands, database: Database) -> None:
    await database.store(ESCAPES, "\x1b[31m글")
    await database.connection.execute(
        "INSERT INTO feed_requests (overlay_id, state, tenant_id, event_id, last_error_reason, last_error_detail,"
        " source_topic, source_partition, source_offset, source_timestamp_ms)"
        " VALUES (gen_random_uuid(), 'failed', $1::text, 'event-1', 'llm_refused', $1::text, 'topic', 0, 0, 0)",
        ESCAPES,
    )
    for arguments in (("feeds", "list"), ("requests", "list"), ("report", "latency", "--by", "tenant")):
        for output_option in ((), ("--json",)):
            done = await commands.run(*arguments, *output_option)
            assert done.exit_code == 0
            assert {"\x1b", "\x07"}.isdisjoint(done.output)
    shown = await commands.run("report", "latency", "--by", "tenant", "--csv")
    assert "\x1b" not in shown.output


async def test_what_cannot_be_taken_back_is_asked_for(commands: Commands) -> None:
    done = await commands.run("migrate", "--down-to", "base")
    assert done.exit_code == 1
    assert "--yes" in done.errors
    assert json.loads((await commands.run("doctor", "--json")).output)["checks"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("requests", "retry"),
        ("requests", "list", "--limit", "0"),
        ("feeds", "regenerate"),
        ("feeds", "show", "nonsense"),
        ("report", "latency", "--since", "2026-11-02", "--until", "2026-11-01"),
        ("report", "latency", "--timezone", "Nowhere"),
        ("report", "cost", "--json", "--csv"),
        ("replay", "--if-model-not", "x"),
        ("replay", "--from", "yesterday-ish"),
        ("nonsense",),
    ],
)
async def test_wrong_values_exit_with_2(commands: Commands, arguments: tuple[str, ...]) -> None:
    done = await commands.run(*arguments)
    assert (done.exit_code, done.output) == (2, "")
    assert "Traceback" not in done.errors


async def test_what_costs_more_than_agreed_is_not_begun(commands: Commands, database: Database) -> None:
    overlay_id, _, _ = await database.store("tea", "글")
    await database.connection.execute(
        "UPDATE instagram_feeds SET prompt_tokens = 1000000, completion_tokens = 1000000,"
        " llm_model_id = (SELECT llm_model_id FROM llm_models WHERE model_name = 'gpt-4o-mini')"
    )
    done = await commands.run("feeds", "regenerate", str(overlay_id), "--no-wait", "--max-cost-usd", "0")
    assert done.exit_code == 1
    assert "--max-cost-usd" in done.errors
    assert await database.connection.fetchval("SELECT count(*) FROM feed_requests") == 0


async def test_doctor_names_a_setting_that_nothing_reads(commands: Commands) -> None:
    done = await commands.run("doctor", env={"MAX_INFLIGHT": "5", "LEASE_S": "20"})
    assert "did you mean MAX_IN_FLIGHT?" in done.output
    assert "LEASE_S (20) is below LLM_TIMEOUT_S" in done.output


@pytest.mark.usefixtures("topics")
async def test_lists_at_eighty_columns_keep_ids_and_reasons_whole(commands: Commands, database: Database) -> None:
    tenant = "store-" + "x" * 120
    overlay_id, _, feed_ids = await database.store(tenant, "따뜻한 차 한 잔, 오늘도 천천히 쉬어 가세요")
    await database.connection.execute(
        "INSERT INTO feed_requests (overlay_id, state, tenant_id, event_id, last_error_reason, last_error_detail,"
        " source_topic, source_partition, source_offset, source_timestamp_ms)"
        " VALUES ($1, 'failed', $2, 'event-1', 'llm_refused', 'the model said why', 'topic', 0, 0, 0)",
        overlay_id,
        tenant,
    )
    narrow = {"COLUMNS": "80"}
    for arguments, wanted in (
        (("feeds", "list"), (str(feed_ids[0]), tenant, "따뜻한 차")),
        (("requests", "list"), (str(overlay_id), tenant, "llm_refused: the model said why")),
        (("feeds", "history", str(overlay_id)), (str(feed_ids[0]),)),
        (("report", "latency", "--by", "tenant"), (tenant, "p99")),
        (("models", "list"), ("openai/gpt-4o-mini@2024-07-18",)),
        (("status",), ("partitions",)),
    ):
        done = await commands.run(*arguments, env=narrow)
        assert done.exit_code == 0, done.errors
        together = "".join(done.output.split())
        assert all("".join(text.split()) in together for text in wanted), (arguments, done.output)
    wide = await commands.run("feeds", "list", "--wide", env=narrow)
    assert len(wide.output.splitlines()) == 2


async def test_posts_are_listed_by_model_and_time_for_spreadsheets_too(commands: Commands, database: Database) -> None:
    await database.store("tea", "글")
    listed = await commands.run("feeds", "list", "--since", "2026-01-01", "--csv")
    assert listed.output.splitlines()[0].startswith("instagram_feed_id,overlay_id,revision")
    assert len(listed.output.splitlines()) == 2
    assert (await commands.run("feeds", "list", "--until", "2020-01-01", "--json")).document == []
    assert (await commands.run("feeds", "list", "--model", "gpt-4o-mini", "--json")).document == []


async def test_a_revision_is_named_alike_wherever_a_post_is(commands: Commands, database: Database) -> None:
    overlay_id, _, feed_ids = await database.store("tea", "하나", "둘")
    shown = await commands.run("feeds", "show", f"{overlay_id}:1", "--json")
    assert shown.document["instagram_feed_id"] == str(feed_ids[0])
    assert (await commands.run("feeds", "history", f"{overlay_id}:1")).exit_code == 0
    assert (await commands.run("feeds", "show", f"{overlay_id}:9")).exit_code == 1


async def test_requests_are_counted_by_state_and_reason(commands: Commands, database: Database) -> None:
    await database.connection.execute(
        "INSERT INTO feed_requests (overlay_id, state, tenant_id, event_id, last_error_reason, llm_calls, cost_usd,"
        " source_topic, source_partition, source_offset, source_timestamp_ms)"
        " SELECT gen_random_uuid(), 'failed', 'tea', 'event-1', 'llm_refused', 2, 0.5, 'topic', 0, 0, 0"
        " FROM generate_series(1, 3)"
    )
    counted = (await commands.run("requests", "summary", "--json")).document
    assert [(one["state"], one["last_error_reason"], one["requests"], one["cost_usd"]) for one in counted] == [
        ("failed", "llm_refused", 3, "1.5")
    ]
    assert "llm_refused" in (await commands.run("requests", "summary")).output
