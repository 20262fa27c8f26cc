from devstack.simulated_llm.chat_request import ChatRequest
from devstack.simulated_llm.completion import Answer, complete
from devstack.simulated_llm.known_models import ModelList
from devstack.simulated_llm.prompt_cache import CacheUse
from devstack.simulated_llm.stored_completions import StoredCompletions, StoredQuery

MODELS = ModelList()


def store(stored: StoredCompletions, model: str = "gpt-4o-mini", **metadata: str) -> str:
    chat = ChatRequest.model_validate(
        {"model": model, "messages": [{"role": "user", "content": "x"}], "store": True, "metadata": metadata}
    )
    known = MODELS.find(model)
    assert known is not None
    completion = complete(chat, known, Answer("y"), CacheUse(0, 0))
    stored.add(chat, completion, "req_1")
    return completion.completion_id


def listed(stored: StoredCompletions, **query: object) -> list[str]:
    data = stored.page(StoredQuery.model_validate(query))["data"]
    assert isinstance(data, list)
    return [completion["id"] for completion in data]


def test_every_metadata_pair_asked_for_must_be_there() -> None:
    stored = StoredCompletions()
    first = store(stored, overlay="a", attempt="1")
    second = store(stored, overlay="a", attempt="2")
    store(stored, overlay="b", attempt="2")
    assert listed(stored, metadata={"overlay": "a"}) == [first, second]
    assert listed(stored, metadata={"overlay": "a", "attempt": "2"}) == [second]
    assert listed(stored, metadata={"overlay": "c"}) == []


def test_the_model_that_answered_can_be_asked_for() -> None:
    stored = StoredCompletions()
    store(stored, "gpt-4o-mini")
    luna = store(stored, "gpt-6-luna")
    assert listed(stored, model="gpt-6-luna-2026-09-22") == [luna]


def test_pages_follow_each_other_without_gaps_in_both_orders() -> None:
    stored = StoredCompletions()
    ids = [store(stored) for _ in range(5)]
    assert listed(stored, limit=2, after=ids[1]) == ids[2:4]
    assert listed(stored, limit=2, after=ids[1], order="desc") == [ids[0]]


def test_a_page_says_whether_more_follows() -> None:
    stored = StoredCompletions()
    ids = [store(stored) for _ in range(3)]
    page = stored.page(StoredQuery(limit=2))
    assert (page["object"], page["first_id"], page["last_id"], page["has_more"]) == ("list", ids[0], ids[1], True)
    assert stored.page(StoredQuery(limit=3))["has_more"] is False


def test_an_empty_page_has_no_first_and_no_last() -> None:
    page = StoredCompletions().page(StoredQuery())
    assert (page["data"], page["first_id"], page["last_id"], page["has_more"]) == ([], None, None, False)
