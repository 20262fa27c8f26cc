"""OpenAI's ``chat.completion`` object, with usage figures that follow the texts."""

import secrets
import time
from typing import Literal, NamedTuple

from devstack.simulated_llm.chat_request import ChatRequest
from devstack.simulated_llm.known_models import KnownModel
from devstack.simulated_llm.prompt_cache import CacheUse
from devstack.simulated_llm.tokens import count_tokens, cut_to_tokens

SYSTEM_FINGERPRINT = "fp_51mula7ed0"
JsonObject = dict[str, object]


class Answer(NamedTuple):
    """What the model says: content or a refusal, and why it stopped."""

    content: str | None
    finish_reason: Literal["stop", "length", "content_filter"] = "stop"
    refusal: str | None = None

    @property
    def tokens(self) -> int:
        """The tokens generated."""
        return count_tokens(self.content or self.refusal or "")

    def limited_to(self, token_limit: int | None) -> "Answer":
        """Return the answer, cut off where the limit is reached."""
        if token_limit is None or self.content is None or self.tokens <= token_limit:
            return self
        return Answer(cut_to_tokens(self.content, token_limit), "length")


class Completion(NamedTuple):
    """One generated, and therefore billed, completion."""

    completion_id: str
    created_s: int
    model: KnownModel
    answer: Answer
    prompt_tokens: int
    completion_tokens: int
    cache: CacheUse
    service_tier: Literal["default", "flex"] = "default"

    def json(self) -> JsonObject:
        """Return the ``chat.completion`` object."""
        return {
            "id": self.completion_id,
            "object": "chat.completion",
            "created": self.created_s,
            "model": self.model.snapshot,
            "choices": [self._choice()],
            "usage": self._usage(),
            "service_tier": self.service_tier,
            "system_fingerprint": SYSTEM_FINGERPRINT,
        }

    def _choice(self) -> JsonObject:
        message: JsonObject = {
            "role": "assistant",
            "content": self.answer.content,
            "refusal": self.answer.refusal,
            "annotations": [],
        }
        return {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": self.answer.finish_reason,
        }

    def _usage(self) -> JsonObject:
        prompt_details = {"cached_tokens": self.cache.cached_tokens, "audio_tokens": 0}
        if self.model.reports_cache_writes:
            prompt_details["cache_write_tokens"] = self.cache.written_tokens
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "prompt_tokens_details": prompt_details,
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }


def complete(chat: ChatRequest, model: KnownModel, answer: Answer, cache: CacheUse) -> Completion:
    """Put the answer to a request into a completion with an id of its own."""
    return Completion(
        completion_id=f"chatcmpl-{secrets.token_hex(15)[:29]}",
        created_s=int(time.time()),
        model=model,
        answer=answer,
        prompt_tokens=chat.prompt_tokens,
        completion_tokens=answer.tokens,
        cache=cache,
    )
