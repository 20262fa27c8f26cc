"""Calls as the consumer makes them."""

import json
from uuid import uuid4

import httpx2
from openai import AsyncOpenAI, DefaultAioHttpClient
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

MODEL = "gpt-4o-mini"
MESSAGES: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "인스타그램 글을 한국어로 쓰고 JSON으로만 답하세요."},
    {
        "role": "user",
        "content": "<refined_ad_copy_eng>\nOcean Blue Shirt — Ocean blue cotton shirt.\n</refined_ad_copy_eng>\n\n"
        "<tone_style>\n따뜻하고 다정한 말투\n</tone_style>\n\n"
        "<store_information>\n오션앤코 성수점 · 서울 성동구\n</store_information>",
    },
]


def open_client(base_url: str, api_key: str = "sk-test", timeout_s: float = 10.0) -> AsyncOpenAI:
    """The client the consumer uses: aiohttp underneath, no retries of its own."""
    http_client = DefaultAioHttpClient(timeout=timeout_s)
    return AsyncOpenAI(base_url=base_url, api_key=api_key, max_retries=0, timeout=timeout_s, http_client=http_client)


def request_id(attempt: int = 1, overlay_id: str | None = None) -> dict[str, str]:
    """The header that names overlay, revision and attempt."""
    return {"X-Client-Request-Id": f"{overlay_id or uuid4()}/1/{attempt}"}


async def ask(client: AsyncOpenAI, headers: dict[str, str] | None = None, model: str = MODEL) -> ChatCompletion:
    """Make a call whose answer is parsed by the client."""
    return await client.chat.completions.create(model=model, messages=MESSAGES, extra_headers=headers or request_id())


async def ask_raw(client: AsyncOpenAI, headers: dict[str, str] | None = None) -> httpx2.Response:
    """Make the consumer's lean call: bytes in, the HTTP response out."""
    return await client.post(
        "/chat/completions",
        cast_to=httpx2.Response,
        content=json.dumps({"model": MODEL, "messages": MESSAGES}).encode(),
        options={"headers": {"Content-Type": "application/json", **(headers or request_id())}},
    )
