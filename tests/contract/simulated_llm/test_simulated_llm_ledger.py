"""The ledger as an observer: what was called, what was billed, what is still under way."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import openai
import pytest
from openai import AsyncOpenAI

from devstack.simulated_llm.control import SimulatedLlmControl
from devstack.simulated_llm.server import SimulatedLlmServer
from tests.contract.simulated_llm.calls import ask, open_client, request_id
from tests.support.waiting import eventually


async def in_flight(simulated_llm: SimulatedLlmControl, calls: int) -> bool:
    return (await simulated_llm.ledger_summary()).in_flight_calls == calls


async def test_a_call_is_entered_under_its_overlay_revision_and_attempt(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    overlay_id = str(uuid4())
    completion = await ask(client, {"X-Client-Request-Id": f"{overlay_id}/2/3"})
    (call,) = (await simulated_llm.ledger()).calls
    assert (call.request_id, call.overlay_id, call.revision, call.attempt) == (
        f"{overlay_id}/2/3",
        overlay_id,
        2,
        3,
    )
    assert (call.model, call.completion_id) == (completion.model, completion.id)
    assert (call.status, call.billed, call.delivered, call.in_flight) == (200, True, True, False)
    assert call.answered_at
    assert datetime.now(UTC) - timedelta(minutes=1) < call.received_at <= call.answered_at
    assert completion.usage
    assert call.prompt_tokens == completion.usage.prompt_tokens


async def test_a_call_without_a_request_id_is_entered_as_well(simulated_llm: SimulatedLlmControl) -> None:
    async with open_client(simulated_llm.base_url) as client:
        await client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "ping"}])
    (call,) = (await simulated_llm.ledger()).calls
    assert (call.request_id, call.overlay_id, call.billed) == (None, None, True)


async def test_the_summary_counts_by_status_and_by_fault(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    await simulated_llm.set_faults({"kind": "server_error_500", "first": 2}, {"kind": "length", "first": 1})
    for _ in range(4):
        with contextlib.suppress(openai.InternalServerError):
            await ask(client)
    summary = await simulated_llm.ledger_summary()
    assert (summary.billed_calls, summary.total_calls) == (2, 4)
    assert summary.by_status == {"500": 2, "200": 2}
    assert summary.by_fault == {"server_error_500": 2, "length": 1}


async def test_a_call_can_be_seen_while_the_model_thinks(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    await simulated_llm.set_faults({"kind": "hang"})
    async with asyncio.timeout(10):
        asking = asyncio.create_task(ask(client))
        await eventually(lambda: in_flight(simulated_llm, 1))
        (call,) = (await simulated_llm.ledger()).calls
        assert (call.in_flight, call.status, call.answered_at, call.fault) == (True, None, None, "hang")
        asking.cancel()
        await eventually(lambda: in_flight(simulated_llm, 0))


async def test_a_client_that_leaves_while_the_model_thinks_is_billed_all_the_same(
    simulated_llm: SimulatedLlmControl,
) -> None:
    await simulated_llm.set_latency("constant:0.6")
    async with open_client(simulated_llm.base_url, timeout_s=0.2) as client:
        with pytest.raises(openai.APITimeoutError):
            await ask(client)
    assert (await simulated_llm.ledger_summary()).billed_calls == 0
    await eventually(lambda: in_flight(simulated_llm, 0))
    (call,) = (await simulated_llm.ledger()).calls
    assert (call.billed, call.delivered) == (True, False)


async def test_clearing_the_ledger_starts_the_counts_anew(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    await ask(client)
    await simulated_llm.clear_ledger()
    assert (await simulated_llm.ledger()).calls == []
    await ask(client)
    assert (await simulated_llm.ledger_summary()).billed_calls == 1


async def test_the_server_ends_at_once_whatever_is_under_way() -> None:
    async with SimulatedLlmServer() as server:
        simulated_llm = server.control()
        await simulated_llm.set_latency("constant:600")
        async with open_client(server.base_url) as client:
            asking = asyncio.create_task(ask(client))
            await eventually(lambda: in_flight(simulated_llm, 1))
            async with asyncio.timeout(5):
                await server.close()
                with pytest.raises(openai.APIConnectionError):
                    await asking
    assert len(asyncio.all_tasks()) == 1


async def test_accounts_share_a_server_and_nothing_else(server: SimulatedLlmServer) -> None:
    calm, stormy = server.control("calm"), server.control("stormy")
    await stormy.set_faults({"kind": "server_error_500"})
    async with open_client(calm.base_url) as calm_client, open_client(stormy.base_url) as stormy_client:
        await ask(calm_client)
        with pytest.raises(openai.InternalServerError):
            await ask(stormy_client, request_id())
    assert (await calm.ledger_summary()).by_status == {"200": 1}
    assert (await stormy.ledger_summary()).by_status == {"500": 1}
    assert (await server.control().ledger_summary()).total_calls == 0
