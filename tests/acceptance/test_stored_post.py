"""One post, column by column and field by field, against an LLM whose answer is known to the letter."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest_asyncio
from aiohttp import web

from devstack.endpoints import Endpoints
from tests.support.answering_server import Asked, answering
from tests.support.kafka_records import encoded, overlay_event
from tests.support.ledger_rows import query
from tests.support.service import lasting_service, texts_of

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"
USAGE = {
    "prompt_tokens": 2_000,
    "completion_tokens": 300,
    "total_tokens": 2_300,
    "prompt_tokens_details": {"cached_tokens": 1_024, "audio_tokens": 0},
}
# gpt-4o-mini: 976 * 0.15 + 1024 * 0.075 + 300 * 0.60 = 146.4 + 76.8 + 180 = 403.2 millionths of a dollar
COST_USD = Decimal("0.0004032")
CAPTION = "푸른 바다를 입다 💙\n\n오션 블루 셔츠로 여름을 가볍게."
HASHTAGS = "#오션블루셔츠 #성수동"
ANSWER = {
    "id": "chatcmpl-known",
    "object": "chat.completion",
    "created": 1_793_520_000,
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": json.dumps({"instagram_ad_copy": CAPTION, "hashtags": HASHTAGS}, ensure_ascii=False),
                "refusal": None,
                "annotations": [],
            },
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": USAGE,
    "x_unknown": {"of a later version": [1, 2.5, None, "값"]},
}
EVENT = overlay_event(gpt_prompt="")
LATENCY_S = 0.25


@dataclass(frozen=True, slots=True)
class Post:
    """All that one event led to."""

    asked: Asked
    row: dict[str, Any]
    request: dict[str, Any]
    model: dict[str, Any]
    record: Any

    @property
    def created(self) -> dict[str, Any]:
        """The created event."""
        value: dict[str, Any] = json.loads(self.record.value)
        return value


async def answer(_: web.BaseRequest) -> web.StreamResponse:
    await asyncio.sleep(LATENCY_S)
    return web.json_response(ANSWER)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def post(stack: Endpoints, migrated_template: str) -> AsyncIterator[Post]:
    """The event is produced once; the tests look at different parts of what it led to."""
    overlay_id = str(EVENT["overlay_id"])
    async with answering(answer) as (base_url, asked):
        async with lasting_service(stack, migrated_template, {"OPENAI_BASE_URL": base_url}) as service:
            headers = [("traceparent", f"00-{TRACE_ID}-{SPAN_ID}-01".encode())]
            await service.send(encoded(EVENT), key=b"upstream's key", headers=headers, partition=2)
            row = await service.feed(overlay_id)
            [model] = await query(
                service.env["DATABASE_URL"], "SELECT * FROM llm_models WHERE model_name = 'gpt-4o-mini'"
            )
            [request] = await service.rows("feed_requests", overlay_id)
            [record] = await service.announced(service.topics.created, overlay_id)
        [only] = asked
        yield Post(only, row, request, model, record)


def test_inputs_are_stored_as_they_came(post: Post) -> None:
    for name in ("tenant_id", "refined_ad_copy_eng", "tone_style", "product_description", "store_information"):
        assert post.row[name] == EVENT[name]
    assert (str(post.row["overlay_id"]), str(post.row["job_id"])) == (EVENT["overlay_id"], EVENT["job_id"])
    assert post.row["source_event_id"] == EVENT["event_id"]


def test_the_built_in_instruction_is_stored_where_the_event_has_none(post: Post) -> None:
    assert len(post.row["gpt_prompt"]) > 20
    assert f"<gpt_prompt>\n{post.row['gpt_prompt']}\n</gpt_prompt>" in post.row["gpt_prompt_used"]


def test_the_post_is_the_one_that_was_answered(post: Post) -> None:
    assert (post.row["instagram_ad_copy"], post.row["hashtags"]) == (CAPTION, HASHTAGS)


def test_the_answer_is_stored_to_the_letter(post: Post) -> None:
    assert json.loads(post.row["gpt_response_raw"]) == ANSWER
    assert json.loads(post.row["token_usage"]) == USAGE


def test_the_whole_prompt_is_stored_as_it_was_sent(post: Post) -> None:
    messages = post.asked.json["messages"]
    assert post.row["gpt_prompt_used"] == "\n\n".join(
        f"[{message['role']}]\n{message['content']}" for message in messages
    )


def test_the_values_used_are_those_that_were_sent(post: Post) -> None:
    assert post.row["used_temperature"] == post.asked.json["temperature"] == post.model["default_temperature"] == 0.7
    assert post.row["used_max_tokens"] == post.asked.json["max_completion_tokens"] == 1_000
    assert post.row["llm_model_id"] == post.model["llm_model_id"]
    assert post.asked.json["model"] == "gpt-4o-mini"
    assert post.asked.headers["x-client-request-id"] == f"{EVENT['overlay_id']}/1/1"


def test_tokens_cost_and_latency_are_the_call_s(post: Post) -> None:
    assert (post.row["prompt_tokens"], post.row["completion_tokens"], post.row["total_tokens"]) == (2_000, 300, 2_300)
    assert (post.row["cost_usd"], post.row["llm_calls"]) == (COST_USD, 1)
    assert LATENCY_S * 1_000 <= post.row["latency_ms"] < 10_000


def test_no_column_of_the_seed_is_empty(post: Post) -> None:
    not_of_a_first_post = {"experiment_id", "variant", "replay_id", "based_on_feed_id"}
    assert [name for name, value in post.row.items() if value is None and name not in not_of_a_first_post] == []


def test_the_row_is_new(post: Post) -> None:
    assert post.row["updated_at"] == post.row["created_at"]
    assert timedelta(0) < datetime.now(UTC) - post.row["created_at"] < timedelta(minutes=2)
    assert post.row["revision"] == 1


def test_the_request_says_what_was_spent_and_keeps_no_record(post: Post) -> None:
    request = post.request
    assert (request["state"], request["attempts"], request["llm_calls"]) == ("done", 0, 1)
    assert (request["prompt_tokens"], request["cached_prompt_tokens"], request["completion_tokens"]) == (
        2_000,
        1_024,
        300,
    )
    assert request["cost_usd"] == COST_USD
    assert request["source_value"] is None


def test_the_created_event_tells_the_same_as_the_row(post: Post) -> None:
    created, row = post.created, post.row
    for name in ("instagram_feed_id", "job_id", "overlay_id", "tenant_id", "revision", "instagram_ad_copy", "hashtags"):
        assert created[name] == (row[name] if isinstance(row[name], int) else str(row[name]))
    assert created["llm"] == {
        "llm_model_id": str(row["llm_model_id"]),
        "provider": "openai",
        "model_name": "gpt-4o-mini",
        "model_version": "2024-07-18",
        "used_temperature": row["used_temperature"],
        "used_max_tokens": row["used_max_tokens"],
        "prompt_version": row["prompt_version"],
    }
    metrics = created["metrics"]
    for name in ("latency_ms", "prompt_tokens", "completion_tokens", "total_tokens", "llm_calls"):
        assert metrics[name] == row[name]
    assert (metrics["cached_prompt_tokens"], metrics["cost_usd"]) == (1_024, f"{COST_USD:f}")
    assert metrics["end_to_end_ms"] >= row["latency_ms"]
    assert created["experiment"] is None
    assert datetime.fromisoformat(created["occurred_at"]) == row["created_at"]
    assert (created["event_type"], created["schema_version"]) == ("instagram_feed.created", 1)


def test_the_created_event_says_which_record_it_answers(post: Post) -> None:
    source = post.created["source"]
    assert (source["event_id"], source["partition"], source["offset"]) == (EVENT["event_id"], 2, 0)
    assert (post.request["source_topic"], post.request["source_partition"]) == (source["topic"], 2)


def test_the_created_record_is_a_cloud_event_in_binary_mode(post: Post) -> None:
    [headers] = texts_of([post.record])
    assert post.record.key.decode() == EVENT["overlay_id"]
    assert headers["ce_specversion"] == "1.0"
    assert headers["ce_type"] == "instagram_feed.created"
    assert headers["ce_id"] == post.created["event_id"]
    assert headers["ce_subject"] == EVENT["overlay_id"]
    assert headers["ce_time"] == post.created["occurred_at"]
    assert headers["ce_source"]
    assert headers["content-type"] == "application/json"


def test_the_trace_of_the_event_goes_on(post: Post) -> None:
    [headers] = texts_of([post.record])
    version, trace_id, span_id, flags = headers["traceparent"].split("-")
    assert (version, trace_id, flags) == ("00", TRACE_ID, "01")
    assert span_id != SPAN_ID
