"""The call that the openai documentation shows: `parse` with a pydantic model."""

import time

from openai import AsyncOpenAI
from pydantic import BaseModel

from bench.programs.task import MAX_TOKENS, TEMPERATURE, Answer, prompt
from schemas.overlay_completed import OverlayCompleted


class Post(BaseModel):
    """What the model is asked for."""

    instagram_ad_copy: str
    hashtags: str


async def write_post(client: AsyncOpenAI, model: str, event: OverlayCompleted) -> Answer:
    """Have the model write one post.

    Raises:
        ValueError: it gave no post.
    """
    started_s = time.perf_counter()
    completion = await client.chat.completions.parse(
        model=model,
        messages=prompt(event),  # type: ignore[arg-type] # plain dictionaries in place of its typed ones
        response_format=Post,
        max_completion_tokens=MAX_TOKENS,
        temperature=TEMPERATURE,
    )
    post, usage = completion.choices[0].message.parsed, completion.usage
    if post is None or usage is None:
        raise ValueError("the model gave no post")
    return Answer(
        post.instagram_ad_copy,
        post.hashtags,
        completion.model_dump_json(),
        (time.perf_counter() - started_s) * 1_000,
        usage.prompt_tokens,
        usage.completion_tokens,
    )
