"""What every program has to do, so that they are compared at the same work: prompt, row and event of one size."""

import json
import os
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID, uuid4

import asyncpg

from consumer.llm.chat import as_text
from consumer.post.prompt import PromptTemplate
from schemas.overlay_completed import OverlayCompleted

TEMPLATE = PromptTemplate(language="ko", max_hashtags=5)
MAX_TOKENS = 1_000
TEMPERATURE = 0.7

# A feed refers to rows of the upstream pipeline, so these have to be there, as in the consumer's own statement.
STORE = """
    WITH job AS (INSERT INTO jobs (job_id) SELECT DISTINCT * FROM unnest($3::uuid[]) ON CONFLICT DO NOTHING),
    overlay AS (INSERT INTO overlay_layouts (overlay_id) SELECT * FROM unnest($2::uuid[]) ON CONFLICT DO NOTHING)
    INSERT INTO instagram_feeds (
        instagram_feed_id, overlay_id, job_id, llm_model_id, tenant_id, refined_ad_copy_eng, tone_style,
        product_description, store_information, gpt_prompt, instagram_ad_copy, hashtags, gpt_prompt_used,
        gpt_response_raw, latency_ms, prompt_tokens, completion_tokens, total_tokens,
        used_temperature, used_max_tokens)
    SELECT *, 0.7, 1000
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
        $10::text[], $11::text[], $12::text[], $13::text[], $14::jsonb[], $15::float8[], $16::int[], $17::int[],
        $18::int[])
"""


@dataclass(frozen=True, slots=True)
class Task:
    """Where a program reads and writes, from the environment that the consumer's settings are read from too."""

    bootstrap_servers: str
    group_id: str
    incoming_topic: str
    created_topic: str
    database_url: str
    base_url: str
    api_key: str
    model: str
    in_flight: int

    @classmethod
    def from_environment(cls) -> Self:
        """Read all of it; a missing variable is a KeyError."""
        return cls(
            bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
            group_id=os.environ["KAFKA_GROUP_ID"],
            incoming_topic=os.environ["OVERLAY_COMPLETED_TOPIC"],
            created_topic=os.environ["FEED_CREATED_TOPIC"],
            database_url=os.environ["DATABASE_URL"],
            base_url=os.environ["OPENAI_BASE_URL"],
            api_key=os.environ["OPENAI_API_KEY"],
            model=os.environ["LLM_MODEL"],
            in_flight=int(os.environ["MAX_IN_FLIGHT"]),
        )

    async def model_id(self, pool: "asyncpg.Pool[asyncpg.Record]") -> UUID:
        """Return the row of the model."""
        model_id: UUID = await pool.fetchval("SELECT llm_model_id FROM llm_models WHERE model_name = $1", self.model)
        return model_id


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model wrote, and what it took."""

    instagram_ad_copy: str
    hashtags: str
    raw: str
    latency_ms: float
    prompt_tokens: int
    completion_tokens: int


def prompt(event: OverlayCompleted) -> list[dict[str, str]]:
    """Return the messages of a call: the consumer's own prompt."""
    return [{"role": message.role, "content": message.content} for message in TEMPLATE.messages(event)]


def feed_row(event: OverlayCompleted, answer: Answer, model_id: UUID) -> tuple[Any, ...]:
    """Return the values of `STORE`, in its order, for one post."""
    return (
        uuid4(),
        event.overlay_id,
        event.job_id,
        model_id,
        event.tenant_id,
        event.refined_ad_copy_eng,
        event.tone_style,
        event.product_description,
        event.store_information,
        event.gpt_prompt,
        answer.instagram_ad_copy,
        answer.hashtags,
        as_text(TEMPLATE.messages(event)),
        answer.raw,
        answer.latency_ms,
        answer.prompt_tokens,
        answer.completion_tokens,
        answer.prompt_tokens + answer.completion_tokens,
    )


def created_event(event: OverlayCompleted, answer: Answer, model: str, row: tuple[Any, ...]) -> bytes:
    """Return an event of about the size of the consumer's `instagram_feed.created`."""
    created = {
        "event_id": str(uuid4()),
        "event_type": "instagram_feed.created",
        "instagram_feed_id": str(row[0]),
        "tenant_id": event.tenant_id,
        "job_id": str(event.job_id),
        "overlay_id": str(event.overlay_id),
        "instagram_ad_copy": answer.instagram_ad_copy,
        "hashtags": answer.hashtags,
        "llm": {"provider": "openai", "model_name": model, "used_temperature": 0.7, "used_max_tokens": MAX_TOKENS},
        "metrics": {
            "latency_ms": answer.latency_ms,
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
        },
        "source": {"event_id": event.event_id},
    }
    return json.dumps(created, ensure_ascii=False).encode()
