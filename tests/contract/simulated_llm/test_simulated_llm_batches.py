"""Files and batches of the simulated LLM, as the openai client sees them."""

import json
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI
from openai.types import Batch

from devstack.simulated_llm.control import SimulatedLlmControl
from tests.contract.simulated_llm.calls import MESSAGES, MODEL
from tests.support.waiting import eventually

ENDS = {"failed", "completed", "expired", "cancelled"}


def line(custom_id: str, **changes: object) -> dict[str, object]:
    """One request of a batch."""
    body = {"model": MODEL, "messages": MESSAGES}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body, **changes}


async def upload(client: AsyncOpenAI, *lines: dict[str, object]) -> str:
    """Upload an input file; gives its id."""
    content = "".join(f"{json.dumps(one)}\n" for one in lines)
    return (await client.files.create(file=("input.jsonl", content.encode()), purpose="batch")).id


async def create(client: AsyncOpenAI, *lines: dict[str, object]) -> Batch:
    """Create a batch of these lines."""
    file_id = await upload(client, *lines)
    return await client.batches.create(
        input_file_id=file_id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        metadata={"feed_batch_id": "ours"},
    )


async def ended(client: AsyncOpenAI, batch_id: str) -> Batch:
    """The batch, once it has ended."""

    async def looked_at() -> Batch | None:
        batch = await client.batches.retrieve(batch_id)
        return batch if batch.status in ENDS else None

    batch = await eventually(looked_at)
    assert batch is not None
    return batch


async def lines_of(client: AsyncOpenAI, file_id: str | None) -> list[dict[str, Any]]:
    """The lines of a file."""
    assert file_id
    return [json.loads(text) for text in (await client.files.content(file_id)).text.splitlines()]


async def test_a_batch_is_answered_at_half_price(client: AsyncOpenAI, simulated_llm: SimulatedLlmControl) -> None:
    batch = await ended(client, (await create(client, line("a/1/1"), line("b/1/1"))).id)
    assert (batch.status, batch.error_file_id) == ("completed", None)
    assert batch.metadata == {"feed_batch_id": "ours"}
    found = await lines_of(client, batch.output_file_id)
    assert {one["custom_id"] for one in found} == {"a/1/1", "b/1/1"}
    assert {one["response"]["status_code"] for one in found} == {200}
    ledger = await simulated_llm.ledger()
    assert {(call.service, call.price_factor, call.billed, call.batch_id) for call in ledger.calls} == {
        ("batch", 0.5, True, batch.id)
    }


async def test_files_are_listed_and_deleted(client: AsyncOpenAI) -> None:
    file_id = await upload(client, line("a"))
    assert [file.filename async for file in client.files.list(purpose="batch")] == ["input.jsonl"]
    assert (await client.files.retrieve(file_id)).bytes == len((await client.files.content(file_id)).content)
    await client.files.delete(file_id)
    with pytest.raises(openai.NotFoundError):
        await client.files.retrieve(file_id)


async def test_batches_are_listed_a_page_at_a_time_the_newest_first(client: AsyncOpenAI) -> None:
    created = [(await create(client, line("a"))).id for _ in range(3)]
    assert [batch.id async for batch in client.batches.list(limit=2)] == created[::-1]


async def test_a_line_may_fail_as_a_call_may(client: AsyncOpenAI, simulated_llm: SimulatedLlmControl) -> None:
    await simulated_llm.set_faults({"kind": "bad_request", "match": "b/1/1"})
    batch = await ended(client, (await create(client, line("a/1/1"), line("b/1/1"))).id)
    [failed] = await lines_of(client, batch.error_file_id)
    assert (failed["custom_id"], failed["response"]["status_code"]) == ("b/1/1", 400)
    assert len(await lines_of(client, batch.output_file_id)) == 1


async def test_a_batch_that_fails_validation_names_its_lines(client: AsyncOpenAI) -> None:
    batch = await ended(client, (await create(client, line("a"), line("a"), line("b", url="/v1/embeddings"))).id)
    assert batch.status == "failed"
    assert batch.errors is not None
    assert batch.errors.data is not None
    assert [(error.code, error.line) for error in batch.errors.data] == [("duplicate_custom_id", 2), ("invalid_url", 3)]


async def test_too_many_enqueued_tokens_fail_the_batch(client: AsyncOpenAI, simulated_llm: SimulatedLlmControl) -> None:
    await simulated_llm.set_limits(enqueued_tokens=10)
    batch = await ended(client, (await create(client, line("a"))).id)
    assert batch.errors is not None
    assert batch.errors.data is not None
    assert [error.code for error in batch.errors.data] == ["token_limit_exceeded"]


@pytest.mark.parametrize("status", ["expired", "cancelled"])
async def test_an_early_end_keeps_what_was_answered(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl, status: str
) -> None:
    await simulated_llm.set_faults({"kind": f"batch_{status}", "done": 0.6})
    batch = await ended(client, (await create(client, *(line(str(number)) for number in range(10)))).id)
    assert batch.status == status
    assert len(await lines_of(client, batch.output_file_id)) == 6
    assert {one["error"]["code"] for one in await lines_of(client, batch.error_file_id)} == {f"batch_{status}"}
    assert (await simulated_llm.ledger_summary()).billed_calls == 6


async def test_a_cancelled_batch_goes_on_for_a_while(client: AsyncOpenAI, simulated_llm: SimulatedLlmControl) -> None:
    await simulated_llm.set_batch_pace(in_progress_s=60, cancelling_s=0.1)
    created = await create(client, *(line(str(number)) for number in range(200)))
    assert (await client.batches.cancel(created.id)).status == "cancelling"
    assert (await ended(client, created.id)).status == "cancelled"


async def test_a_creation_may_be_lost_after_it_was_made(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    await simulated_llm.set_faults({"kind": "batch_create_reset"}, {"kind": "batch_drops_metadata"})
    with pytest.raises(openai.APIConnectionError):
        await create(client, line("a"))
    [batch] = [batch async for batch in client.batches.list()]
    assert batch.metadata is None


async def test_results_may_come_otherwise_than_they_should(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    await simulated_llm.set_faults(
        {"kind": "batch_swapped_results"},
        {"kind": "batch_repeated_custom_ids"},
        {"kind": "batch_unknown_custom_ids"},
        {"kind": "batch_lost_lines", "lines": 1},
    )
    batch = await ended(client, (await create(client, *(line(str(number)) for number in range(4)))).id)
    found = [one["custom_id"] for one in await lines_of(client, batch.output_file_id)]
    assert found == ["3", "1", "0", "2", "unknown-0"]


async def test_a_download_may_be_cut_off_and_a_part_be_asked_for(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    await simulated_llm.set_faults({"kind": "batch_truncated_output", "first": 1})
    await simulated_llm.set_batch_pace(serves_ranges=True)
    file_id = await upload(client, line("a"))
    size = (await client.files.retrieve(file_id)).bytes
    assert len((await client.files.content(file_id)).content) == size // 2
    rest = await client.get(
        f"/files/{file_id}/content", cast_to=httpx2.Response, options={"headers": {"Range": f"bytes={size - 5}-"}}
    )
    assert (rest.status_code, len(rest.content)) == (206, 5)


async def test_all_lines_may_fail_and_files_be_missing(client: AsyncOpenAI, simulated_llm: SimulatedLlmControl) -> None:
    await simulated_llm.set_faults({"kind": "batch_lines_fail", "first": 1}, {"kind": "batch_without_files"})
    failed = await ended(client, (await create(client, line("a"))).id)
    assert (failed.status, bool(failed.output_file_id), bool(failed.error_file_id)) == ("completed", False, True)
    batch = await ended(client, (await create(client, line("a"))).id)
    assert batch.status == "completed"
    assert not batch.output_file_id
    assert not batch.error_file_id
    assert batch.request_counts is not None
    assert batch.request_counts.completed == 1


async def test_the_flex_tier_costs_half_where_there_is_room(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    async def ask() -> str | None:
        answer = await client.chat.completions.create(model="gpt-6-luna", messages=MESSAGES, service_tier="flex")
        return answer.service_tier

    await simulated_llm.set_faults(
        {"kind": "flex_at_default_tier", "first": 1}, {"kind": "flex_unavailable", "first": 1}
    )
    assert await ask() == "default"
    with pytest.raises(openai.RateLimitError) as refused:
        await ask()
    assert refused.value.code == "resource_unavailable"
    assert await ask() == "flex"
    assert [call.price_factor for call in (await simulated_llm.ledger()).calls] == [1.0, 1.0, 0.5]
