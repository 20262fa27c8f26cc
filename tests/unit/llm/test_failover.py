"""Two providers, one unavailable or both: who is called, how much is taken on, and when it is tried again."""

from collections.abc import Callable
from typing import cast

import pytest

from consumer.llm.breaker import Breaker
from consumer.llm.chat import CallId, Messages
from consumer.llm.completion import Completion
from consumer.llm.errors import AccountRefused, ContentFiltered, Deferred, LlmError, RateLimited, RequestRefused
from consumer.llm.failover import Failover
from consumer.llm.provider import Provider
from consumer.llm.rate_limit.limiter import RateLimiter
from consumer.llm.writer import Writer
from consumer.post.prompt import PromptTemplate
from repository.llm_models import LlmModel
from tests.support.examples import completion, llm_model, overlay_completed

EVENT = overlay_completed()
CALL = CallId(EVENT.overlay_id, 1, 1)
MESSAGES = PromptTemplate(language="ko", max_hashtags=5).messages(EVENT)
REFUSED = AccountRefused("HTTP 401: Incorrect API key")
LONG_S, AT_ONCE_S = 3_600.0, 1e-9


class FakeWriter:
    """Answers, or fails with its present error."""

    def __init__(self, name: str) -> None:
        self.model: LlmModel = llm_model(model_name=name, model_version=None)
        self.error: LlmError | None = None
        self.lookup_error: LlmError | None = None
        self.stored: Completion | None = None
        self.lookups = 0

    async def write(self, _messages: Messages, *, max_tokens: int, call_id: CallId, **_: bool) -> Completion:
        """Make one call."""
        if self.error:
            raise self.error
        return completion(content=f"{self.model.model_name} {max_tokens} {call_id.attempt}")

    async def find_stored(self, _call_id: CallId) -> Completion | None:
        """Look a completion up."""
        self.lookups += 1
        if self.lookup_error:
            raise self.lookup_error
        return self.stored


class Pair:
    """A preferred model and its fallback."""

    def __init__(self, *, first_wait_s: float = LONG_S) -> None:
        self.preferred, self.fallback = FakeWriter("preferred"), FakeWriter("fallback")
        self.providers = Failover(
            *(
                Provider(cast("Writer", writer), RateLimiter(), Breaker(probe_deadline_s=60, first_wait_s=first_wait_s))
                for writer in (self.preferred, self.fallback)
            )
        )

    async def call(self) -> str:
        """Make one call; gives the name of the model that answered."""
        admission = await self.providers.admit(MESSAGES)
        await admission.write(MESSAGES, max_tokens=100, call_id=CALL)
        return admission.writer.model.model_name

    async def fails(self) -> Deferred:
        """Make one call that is held back."""
        with pytest.raises(Deferred) as held_back:
            await self.call()
        return held_back.value


async def test_while_all_are_well_the_preferred_one_writes() -> None:
    pair = Pair()

    assert [await pair.call() for _ in range(3)] == ["preferred"] * 3
    assert pair.providers.unavailable_reason is None


async def test_a_refused_account_comes_back_soon_for_the_fallback_to_write() -> None:
    pair = Pair()
    pair.preferred.error = REFUSED

    assert (await pair.fails()).retry_in_s <= 1
    assert await pair.call() == "fallback"
    assert pair.providers.unavailable_reason is None
    assert pair.providers.allowance(100) == 100


async def test_when_the_preferred_one_is_well_again_it_is_used_again() -> None:
    pair = Pair(first_wait_s=AT_ONCE_S)
    pair.preferred.error = REFUSED
    await pair.fails()
    pair.preferred.error = None

    assert [await pair.call() for _ in range(2)] == ["preferred", "preferred"]


async def test_only_one_call_is_the_probe_and_the_others_do_not_wait_for_it() -> None:
    pair = Pair(first_wait_s=AT_ONCE_S)
    pair.preferred.error = REFUSED
    await pair.fails()

    admitted = [await pair.providers.admit(MESSAGES) for _ in range(3)]

    assert [admission.writer.model.model_name for admission in admitted] == ["preferred", "fallback", "fallback"]


async def test_with_both_in_trouble_nothing_is_taken_on_and_the_first_reason_is_told() -> None:
    pair = Pair()
    pair.preferred.error, pair.fallback.error = REFUSED, AccountRefused("HTTP 402: no credit")
    await pair.fails()

    assert (await pair.fails()).retry_in_s > LONG_S / 2
    assert pair.providers.unavailable_reason == "llm_account_refused: HTTP 401: Incorrect API key"
    assert pair.providers.allowance(100) == 0
    assert (await pair.fails()).retry_in_s > LONG_S / 2


@pytest.mark.parametrize(
    "own_fault", [lambda: RateLimited("HTTP 429", retry_after_s=0), lambda: ContentFiltered("HTTP 400")]
)
async def test_what_does_not_open_the_breaker_brings_no_fallback(own_fault: Callable[[], LlmError]) -> None:
    pair = Pair()
    pair.preferred.error = own_fault()
    with pytest.raises(LlmError):
        await pair.call()
    pair.preferred.error = None

    assert await pair.call() == "preferred"


async def test_a_lost_answer_is_looked_up_at_each_provider_that_is_called() -> None:
    pair = Pair()
    pair.fallback.stored = completion()

    found = await pair.providers.find_stored(CALL)

    assert found is not None
    assert (found[0].model.model_name, found[1]) == ("fallback", pair.fallback.stored)
    assert pair.preferred.lookups == 1


async def test_a_provider_in_trouble_is_not_asked_for_lost_answers() -> None:
    pair = Pair()
    pair.preferred.error = REFUSED
    await pair.fails()

    assert await pair.providers.find_stored(CALL) is None
    assert (pair.preferred.lookups, pair.fallback.lookups) == (0, 1)


async def test_after_a_rate_limit_nothing_is_taken_on_and_no_other_call_goes_out_for_as_long_as_asked() -> None:
    pair = Pair()
    pair.preferred.error = RateLimited("HTTP 429", retry_after_s=30)
    assert (await pair.fails()).retry_in_s >= 30
    pair.preferred.error = None

    assert pair.providers.allowance(100) == 0
    assert 29 <= (await pair.fails()).retry_in_s <= 60


async def test_a_provider_that_refuses_the_lookup_has_kept_nothing() -> None:
    pair = Pair()
    pair.preferred.lookup_error = RequestRefused("HTTP 405")

    assert await pair.providers.find_stored(CALL) is None
