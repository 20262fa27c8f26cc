"""What a process says of itself: all models that it calls, those of variants too."""

from types import SimpleNamespace
from typing import Any, cast

from consumer.app.called_models import CalledModel
from consumer.app.condition import condition_of
from consumer.pipeline.in_flight import InFlight


def called(reason: str | None, *arm: str) -> CalledModel:
    writer = SimpleNamespace(model=SimpleNamespace(model_name="gpt-4o-mini"))
    provider = SimpleNamespace(writer=writer, unavailable_reason=reason)
    return CalledModel(cast("Any", provider), cast("Any", None), *arm)


def test_the_breaker_of_a_variant_is_told_beside_that_of_the_same_model_without_one() -> None:
    dispatcher = SimpleNamespace(handling=3)
    outcome_store = SimpleNamespace(unsettled=[1, 2], unavailable_reason=None)
    models = [called(None), called("llm_account_refused: no such key", "tone", "hook")]
    found = condition_of(cast("Any", dispatcher), InFlight(4), cast("Any", outcome_store), models)
    assert found["breakers"] == {
        "gpt-4o-mini": None,
        "gpt-4o-mini for tone/hook": "llm_account_refused: no such key",
    }
    assert (found["in_flight"], found["in_flight_limit"], found["slots_used"], found["slots"]) == (3, 4, 0, 5)
    assert found["results_waiting"] == 2
