from hypothesis import given
from hypothesis import strategies as st

from devstack.simulated_llm.prompt_cache import CacheUse, PromptCache
from devstack.simulated_llm.tokens import count_tokens

STATIC_PART = "인스타그램 글을 한국어로 씁니다. " * 200


def use(cache: PromptCache, prompt: str, model: str = "gpt-4o-mini") -> CacheUse:
    return cache.use(model, prompt, count_tokens(prompt))


def test_the_first_prompt_is_written_to_the_cache_and_the_second_read_from_it() -> None:
    cache = PromptCache()
    first, second = use(cache, STATIC_PART + "하나"), use(cache, STATIC_PART + "둘")
    assert first.cached_tokens == 0
    assert first.written_tokens == second.cached_tokens > 1024


def test_a_prompt_below_1024_tokens_is_never_cached() -> None:
    cache = PromptCache()
    short = "가" * 1600
    use(cache, short)
    assert use(cache, short) == CacheUse(0, 0)


def test_a_difference_at_the_start_leaves_nothing_to_reuse() -> None:
    cache = PromptCache()
    use(cache, STATIC_PART)
    assert use(cache, "다른 시작. " + STATIC_PART).cached_tokens == 0


def test_models_do_not_share_their_caches() -> None:
    cache = PromptCache()
    use(cache, STATIC_PART)
    assert use(cache, STATIC_PART, model="gpt-6-luna").cached_tokens == 0


def test_the_least_recently_used_prefix_is_forgotten() -> None:
    cache = PromptCache(capacity_blocks=len(STATIC_PART) // 128)
    use(cache, STATIC_PART)
    use(cache, "이웃. " + STATIC_PART)
    assert use(cache, STATIC_PART).cached_tokens == 0


@given(st.text(max_size=300))
def test_cached_tokens_are_whole_steps_and_at_most_the_prompt(ending: str) -> None:
    cache = PromptCache()
    use(cache, STATIC_PART)
    prompt = STATIC_PART + ending
    cached = use(cache, prompt).cached_tokens
    assert cached % 128 == 0
    assert 1024 <= cached <= count_tokens(prompt)
