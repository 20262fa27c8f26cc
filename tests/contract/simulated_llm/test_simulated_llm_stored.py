"""Completions stored on request: how a takeover finds one that is already paid for."""

import asyncio

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion

from devstack.simulated_llm.control import SimulatedLlmControl
from tests.contract.simulated_llm.calls import MESSAGES, MODEL, ask, open_client
from tests.support.waiting import eventually


async def ask_and_store(client: AsyncOpenAI, **metadata: str) -> ChatCompletion:
    return await client.chat.completions.create(model=MODEL, messages=MESSAGES, store=True, metadata=metadata)


async def test_a_stored_completion_is_found_by_its_metadata(client: AsyncOpenAI) -> None:
    await ask_and_store(client, overlay_id="other", revision="1")
    stored = await ask_and_store(client, overlay_id="mine", revision="1")
    page = await client.chat.completions.list(metadata={"overlay_id": "mine", "revision": "1"})
    (found,) = page.data
    assert (found.id, found.choices, found.usage) == (stored.id, stored.choices, stored.usage)
    assert found.metadata == {"overlay_id": "mine", "revision": "1"}


async def test_a_stored_completion_is_found_by_its_id(client: AsyncOpenAI) -> None:
    stored = await ask_and_store(client, overlay_id="mine")
    assert (await client.chat.completions.retrieve(stored.id)).choices == stored.choices


async def test_what_was_not_to_be_stored_is_not_there(client: AsyncOpenAI) -> None:
    completion = await ask(client)
    assert (await client.chat.completions.list()).data == []
    with pytest.raises(openai.NotFoundError):
        await client.chat.completions.retrieve(completion.id)


async def test_the_client_walks_through_all_pages(client: AsyncOpenAI) -> None:
    ids = [(await ask_and_store(client, batch="a")).id for _ in range(5)]
    pages = client.chat.completions.list(metadata={"batch": "a"}, limit=2)
    assert [completion.id async for completion in pages] == ids


async def test_a_wrong_query_is_400(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refusal:
        await client.chat.completions.list(limit=0)
    assert refusal.value.param == "limit"


async def test_a_completion_its_client_did_not_wait_for_can_still_be_fetched(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    await simulated_llm.set_latency("constant:0.5")
    async with open_client(simulated_llm.base_url) as impatient:
        asking = asyncio.create_task(ask_and_store(impatient, overlay_id="mine"))

        async def is_thinking() -> bool:
            return (await simulated_llm.ledger_summary()).in_flight_calls == 1

        await eventually(is_thinking)
        asking.cancel()

    async def is_stored() -> bool:
        return bool((await client.chat.completions.list(metadata={"overlay_id": "mine"})).data)

    await eventually(is_stored)
    assert (await simulated_llm.ledger_summary()).billed_calls == 1
