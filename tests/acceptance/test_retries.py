"""Calls that fail for a while: tried again until they succeed, counted, and given up in the end."""

from collections import Counter
from collections.abc import Mapping

from devstack.endpoints import Endpoints
from devstack.simulated_llm.control import SimulatedLlmControl
from tests.support.kafka_records import encoded, overlay_event
from tests.support.ledger_rows import count_feeds, query
from tests.support.service import Service, running_service
from tests.support.topics import Topics
from tests.support.waiting import eventually

QUICK = {"RETRY_BASE_S": "0.1", "RETRY_MAX_S": "0.5", "MAX_ATTEMPTS": "3", "LLM_TIMEOUT_S": "1"}
# As many as the breaker looks back on: what fails among them is not an outage.
GOOD_CALLS = 20
PASSING_FAULTS: list[dict[str, object]] = [
    {"kind": "server_error_500"},
    {"kind": "unavailable_503"},
    {"kind": "timeout_408"},
    {"kind": "conflict_409"},
    {"kind": "connection_reset"},
    {"kind": "truncated_body"},
    {"kind": "html_200"},
    {"kind": "hang"},
]


async def send_and_store(service: Service, events: int) -> None:
    """Write good events and wait until their posts are there."""
    database_url = service.env["DATABASE_URL"]
    wanted = await count_feeds(database_url) + events
    await service.send(*(encoded(overlay_event()) for _ in range(events)))

    async def all_stored() -> bool:
        return await count_feeds(database_url) == wanted

    await eventually(all_stored, 30)


async def test_a_call_that_fails_for_a_while_is_made_again_and_one_that_always_fails_is_given_up(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    await llm.set_latency("constant:0.02")
    async with running_service({**feed_env, **QUICK}, stack, topics, llm) as service:
        await send_and_store(service, GOOD_CALLS)
        await passing_faults_are_outlasted(service)
        await send_and_store(service, GOOD_CALLS)
        await a_lasting_fault_is_given_up(service)
        assert service.consumer.events("breaker.opened") == []


async def passing_faults_are_outlasted(service: Service) -> None:
    events = {str(fault["kind"]): overlay_event() for fault in PASSING_FAULTS}
    await service.llm.set_faults(
        *({**fault, "match": events[str(fault["kind"])]["overlay_id"], "attempts": [1]} for fault in PASSING_FAULTS)
    )
    await service.send(*map(encoded, events.values()))
    outcomes = {}
    for kind, event in events.items():
        overlay_id = str(event["overlay_id"])
        request = await service.ended(overlay_id)
        calls = [call.attempt for call in await service.calls(overlay_id)]
        outcomes[kind] = (request["state"], request["attempts"], request["llm_calls"], calls)
    assert outcomes == dict.fromkeys(events, ("done", 1, 2, [1, 2]))


async def a_lasting_fault_is_given_up(service: Service) -> None:
    event = overlay_event()
    overlay_id = str(event["overlay_id"])
    await service.spoil(overlay_id, {"kind": "server_error_500"})
    await service.send(encoded(event))
    request = await service.ended(overlay_id)
    assert (request["state"], request["last_error_reason"]) == ("failed", "llm_unavailable")
    assert (request["attempts"], request["llm_calls"]) == (3, 3)
    assert "HTTP 500" in request["last_error_detail"]
    assert len(await service.calls(overlay_id)) == 3
    assert len(await service.announced(service.topics.failed, overlay_id)) == 1
    assert len(await service.dead_letters_of(b"key")) == 1


async def test_a_rate_limit_is_waited_out_and_uses_up_no_attempt(
    stack: Endpoints, feed_env: Mapping[str, str], topics: Topics, llm: SimulatedLlmControl
) -> None:
    await llm.set_latency("constant:0.02")
    await llm.set_faults({"kind": "rate_limited", "first": 1, "retry_after_s": 3})
    async with running_service({**feed_env, **QUICK, "MAX_ATTEMPTS": "1"}, stack, topics, llm) as service:
        await send_and_store(service, 8)
        requests = await query(feed_env["DATABASE_URL"], "SELECT state, attempts FROM feed_requests")
        assert Counter((row["state"], row["attempts"]) for row in requests) == {("done", 0): 8}
    calls = (await llm.ledger()).calls
    [limited] = [call for call in calls if call.status == 429]
    [again] = [call for call in calls if call.overlay_id == limited.overlay_id and call.status == 200]
    assert limited.answered_at is not None
    assert (again.received_at - limited.answered_at).total_seconds() >= 3
