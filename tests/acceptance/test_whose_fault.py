"""What hits everybody is nobody's own fault: it is paid for a few times, said once, probed, and fails nothing."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.support.consumer_process import ConsumerProcess, running_consumer
from tests.support.kafka_records import encoded, overlay_event, read_all, send
from tests.support.ledger_rows import count_feeds, query
from tests.support.topics import Topics
from tests.support.waiting import eventually

IN_FLIGHT = 20
EVENTS = 200
FAST = {"PROBE_S": "0.2", "RETRY_BASE_S": "0.1", "MAX_IN_FLIGHT": f"{IN_FLIGHT}", "MAX_ATTEMPTS": "3"}
FLAGGED = "a text that a moderation flags"
STATUSES = Path(__file__).parents[1] / "fixtures" / "field" / "statuses.jsonl"


def http_error(status: int, message: str, **error: object) -> dict[str, object]:
    return {"kind": "http_error", "status": status, "body": {"error": {"message": message, **error}}}


def account_cases() -> list[Any]:
    """What a gateway says of the account, the model's name, the money or a setting."""
    cases = [json.loads(line) for line in STATUSES.read_text().splitlines()]
    return [
        pytest.param(
            {"kind": "http_error", **{name: case[name] for name in ("status", "body", "headers")}}, id=case["case"]
        )
        for case in cases
        if "account" in case["want"]
    ]


async def states(feed_env: Mapping[str, str]) -> list[str]:
    return [row["state"] for row in await query(feed_env["DATABASE_URL"], "SELECT state FROM feed_requests")]


async def all_written_after(
    consumer: ConsumerProcess, feed_env: Mapping[str, str], llm: SimulatedLlmControl, events: int
) -> None:
    """Put the provider right, and see everything written and the consumer ready."""
    await llm.set_faults()

    async def all_written() -> bool:
        return await count_feeds(feed_env["DATABASE_URL"]) == events

    await eventually(all_written, 60)
    assert await consumer.ready_status() == 200
    assert await consumer.stop() == 0


@pytest.mark.parametrize(
    ("fault", "reason", "calls_each"),
    [
        pytest.param({"kind": "bad_request"}, "llm_bad_request", 1, id="every call answers 400"),
        pytest.param({"kind": "schema_violation"}, "llm_output_invalid", 2, id="no answer is a post"),
        pytest.param({"kind": "refusal"}, "llm_refused", 1, id="the model refuses everything"),
        pytest.param({"kind": "length"}, "llm_truncated", 2, id="the token limit is too small for any answer"),
        pytest.param({"kind": "content_filter"}, "llm_content_filtered", 1, id="the filter stops everything"),
    ],
)
async def test_what_every_request_meets_fails_none_and_is_paid_a_handful_of_times(
    stack: Endpoints,
    feed_env: Mapping[str, str],
    topics: Topics,
    llm: SimulatedLlmControl,
    fault: dict[str, object],
    reason: str,
    calls_each: int,
) -> None:
    await llm.set_latency("constant:0.05")
    await llm.set_faults(fault)
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(EVENTS)])
    async with running_consumer({**feed_env, **FAST}) as consumer:
        await eventually(lambda: consumer.events("breaker.opened"), 30)

        async def probed_again() -> bool:
            return (await llm.ledger_summary()).total_calls >= calls_each * (IN_FLIGHT + 2)

        await eventually(probed_again, 30)
        assert await consumer.ready_status() == 503
        [opened] = consumer.events("breaker.opened")
        assert reason in str(opened["reason"])
        assert "failed" not in await states(feed_env)
        assert (await llm.ledger_summary()).total_calls < 4 * IN_FLIGHT
        await all_written_after(consumer, feed_env, llm, EVENTS)
    assert await read_all(stack.kafka_bootstrap_servers, topics.failed) == []
    assert await read_all(stack.kafka_bootstrap_servers, topics.dead_letter) == []
    assert await query(feed_env["DATABASE_URL"], "SELECT 1 FROM feed_requests WHERE attempts > 0") == []


async def test_while_every_call_answers_400_one_probe_goes_out_at_a_time_each_after_twice_the_wait(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    await llm.set_faults({"kind": "bad_request"})
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(EVENTS)])
    async with running_consumer({**feed_env, **FAST}) as consumer:
        await eventually(lambda: consumer.events("breaker.opened"), 30)

        async def five_probed() -> bool:
            return (await llm.ledger_summary()).total_calls >= IN_FLIGHT + 5

        began_s = time.monotonic()
        await eventually(five_probed, 30)
        assert time.monotonic() - began_s > 0.2 + 0.4 + 0.8
        await all_written_after(consumer, feed_env, llm, EVENTS)


@pytest.mark.parametrize("fault", account_cases())
async def test_what_a_gateway_says_of_the_account_fails_nothing_and_heals(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl, fault: dict[str, object]
) -> None:
    await llm.set_faults(fault)
    await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(30)])
    async with running_consumer({**feed_env, **FAST}) as consumer:
        [opened] = await eventually(lambda: consumer.events("breaker.opened"), 30)
        if "max_tokens" in str(fault):
            assert opened["parameter"] == "max_tokens"
            assert "openai/gpt-4o-mini" in str(opened["advice"])
        await eventually(lambda: consumer.events("feed.retry_later"), 30)
        assert "failed" not in await states(feed_env)
        await all_written_after(consumer, feed_env, llm, 30)
    assert await query(feed_env["DATABASE_URL"], "SELECT 1 FROM feed_requests WHERE attempts > 0") == []
    assert await read_all(stack.kafka_bootstrap_servers, topics.dead_letter) == []


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param({"kind": "bad_request"}, "llm_bad_request", id="bad request"),
        pytest.param(
            http_error(
                429, "Request too large for gpt-4o-mini: Limit 1000, Requested 4000.", code="rate_limit_exceeded"
            ),
            "llm_bad_request",
            id="larger than a minute's tokens",
        ),
        pytest.param(
            http_error(403, "Your input was flagged", code=403, metadata={"flagged_input": "…", "reasons": ["x"]}),
            "llm_content_filtered",
            id="flagged input as 403",
        ),
        pytest.param(
            http_error(400, "Invalid prompt", code="invalid_prompt"), "llm_content_filtered", id="invalid prompt"
        ),
        pytest.param({"kind": "refusal"}, "llm_refused", id="the model refuses it"),
    ],
)
async def test_one_bad_event_among_good_ones_fails_once_and_slows_nobody(
    stack: Endpoints,
    feed_env: Mapping[str, str],
    topics: Topics,
    llm: SimulatedLlmControl,
    fault: dict[str, object],
    reason: str,
) -> None:
    await llm.set_latency("constant:0.1")
    await llm.set_faults({**fault, "match": FLAGGED})
    bad = overlay_event(tone_style=FLAGGED)
    events = [bad, *(overlay_event() for _ in range(99))]
    await send(stack.kafka_bootstrap_servers, topics.incoming, list(map(encoded, events)))
    async with running_consumer({**feed_env, **FAST}) as consumer:

        async def good_ones_written() -> bool:
            return await count_feeds(feed_env["DATABASE_URL"]) == 99

        await eventually(good_ones_written, 30)

        async def bad_one_failed() -> bool:
            return (await states(feed_env)).count("failed") == 1

        await eventually(bad_one_failed, 30)
        assert consumer.events("breaker.opened") == []
        assert await consumer.stop() == 0
    [row] = await query(feed_env["DATABASE_URL"], "SELECT * FROM feed_requests WHERE state = 'failed'")
    assert (str(row["overlay_id"]), row["last_error_reason"], row["llm_calls"]) == (bad["overlay_id"], reason, 1)
    assert len(await read_all(stack.kafka_bootstrap_servers, topics.dead_letter)) == 1


async def test_an_input_refused_like_an_account_fails_alone_in_the_end(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    """No word of the answer tells that it is about this input; that all others are answered does."""
    await llm.set_latency("constant:0.02")
    await llm.set_faults({**http_error(403, "Forbidden", code=403), "match": FLAGGED})
    events = [overlay_event(tone_style=FLAGGED), *(overlay_event() for _ in range(EVENTS))]
    await send(stack.kafka_bootstrap_servers, topics.incoming, list(map(encoded, events)))
    async with running_consumer({**feed_env, **FAST}) as consumer:

        async def all_ended() -> bool:
            ended = await states(feed_env)
            return len(ended) == EVENTS + 1 and set(ended) == {"done", "failed"}

        await eventually(all_ended, 60)
        assert await consumer.ready_status() == 200
        assert await consumer.stop() == 0
    [failed] = await query(feed_env["DATABASE_URL"], "SELECT * FROM feed_requests WHERE state = 'failed'")
    assert failed["last_error_reason"] == "llm_bad_request"


async def test_those_that_failed_one_by_one_before_it_showed_are_put_back(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    await llm.set_faults({"kind": "bad_request"})
    async with running_consumer({**feed_env, **FAST, "MAX_IN_FLIGHT": "1"}) as consumer:
        await send(stack.kafka_bootstrap_servers, topics.incoming, [encoded(overlay_event()) for _ in range(8)])
        await eventually(lambda: consumer.events("feed.put_back"), 30)

        async def none_failed() -> bool:
            return "failed" not in await states(feed_env)

        await eventually(none_failed, 30)
        await all_written_after(consumer, feed_env, llm, 8)
    told = [json.loads(record.value) for record in await read_all(stack.kafka_bootstrap_servers, topics.failed)]
    assert 1 <= len(told) <= 4
    assert {event["reason"] for event in told} == {"llm_bad_request"}
