import pytest

from devstack.simulated_llm.chat_request import parse_chat_request
from devstack.simulated_llm.completion import Answer, complete
from devstack.simulated_llm.known_models import ModelList
from devstack.simulated_llm.ledger import Ledger, parse_client_request_id
from devstack.simulated_llm.prompt_cache import CacheUse


def test_overlay_revision_and_attempt_are_read_from_the_request_id() -> None:
    assert parse_client_request_id("9af6c9b0-04d2/2/3") == ("9af6c9b0-04d2", 2, 3)


@pytest.mark.parametrize("text", [None, "", "abc", "a/1", "a/1/2/3", "a/b/1", "/1/1"])
def test_a_request_id_of_another_form_has_none_of_them(text: str | None) -> None:
    assert parse_client_request_id(text) == (None, None, None)


def test_a_call_is_in_flight_until_it_is_closed() -> None:
    ledger = Ledger()
    calls = [ledger.open(f"overlay-{number}/1/1", "req_1") for number in range(3)]
    ledger.close(calls[0])
    assert (ledger.summary().in_flight_calls, ledger.summary().max_in_flight_calls) == (2, 3)


def test_a_bill_carries_the_tokens_and_counts_once() -> None:
    ledger = Ledger()
    chat = parse_chat_request(b'{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}')
    model = ModelList().models[0]
    completion = complete(chat, model, Answer("hi there"), CacheUse(0, 0))
    call = ledger.open("overlay/1/1", "req_1")
    call.bill(completion)
    report = ledger.report()
    assert report.billed_calls == 1
    assert report.calls[0].completion_id == completion.completion_id
    assert report.calls[0].completion_tokens == 2


def test_clearing_forgets_what_has_ended_and_keeps_what_may_yet_be_billed() -> None:
    ledger = Ledger()
    ended, hanging = ledger.open("ended/1/1", "req_1"), ledger.open("hanging/1/1", "req_2")
    ledger.close(ended)
    ledger.clear()
    assert [call.overlay_id for call in ledger.report().calls] == ["hanging"]
    ledger.close(hanging)
    ledger.clear()
    assert ledger.summary().total_calls == ledger.summary().in_flight_calls == 0
