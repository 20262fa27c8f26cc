"""Writers on the real client, for the time of a test."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

from consumer.llm.chat import CallId
from consumer.llm.completion import Completion
from consumer.llm.endpoints import Endpoint
from consumer.llm.writer import Writer, open_client
from consumer.post.prompt import PromptTemplate
from schemas.post import INSTAGRAM_POST_JSON_SCHEMA
from tests.support.examples import llm_model, overlay_completed

API_KEY = "sk-live-0123456789abcdef0123456789abcdef"
CALL_ID = CallId(UUID("9af6c9b0-04d2-5a5e-86f3-cc8cc00350fa"), revision=1, attempt=3)
MESSAGES = PromptTemplate(language="ko", max_hashtags=5).messages(overlay_completed())


@asynccontextmanager
async def open_writer(
    base_url: str,
    *,
    timeout_s: float = 10,
    model: Mapping[str, object] | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    store_responses: bool = False,
) -> AsyncIterator[Writer]:
    """A writer for gpt-4o-mini, changed as `model` says, against `base_url`."""
    client = open_client(Endpoint("openai", base_url, API_KEY), timeout_s=timeout_s, max_connections=20)
    async with client:
        yield Writer(
            client,
            llm_model(**(model or {})),
            response_format=INSTAGRAM_POST_JSON_SCHEMA,
            timeout_s=timeout_s,
            temperature=temperature,
            max_tokens=max_tokens,
            store_responses=store_responses,
        )


async def write(writer: Writer, *, max_tokens: int = 1_000) -> Completion:
    """One call about one and the same overlay."""
    return await writer.write(MESSAGES, max_tokens=max_tokens, call_id=CALL_ID)
