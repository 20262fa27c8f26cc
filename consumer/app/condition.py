"""This process's state for `instagram-feed status`, which reads it from the database."""

from collections.abc import Iterable

from consumer.app.called_models import CalledModel
from consumer.pipeline.dispatcher import Dispatcher
from consumer.pipeline.in_flight import InFlight
from consumer.pipeline.outcome_store import OutcomeStore


def condition_of(
    dispatcher: Dispatcher, in_flight: InFlight, outcome_store: OutcomeStore, called_models: Iterable[CalledModel]
) -> dict[str, object]:
    """Return the requests in flight and their limit, and why models are not called, if so."""
    return {
        "in_flight": dispatcher.handling,
        "in_flight_limit": in_flight.limit,
        "slots_used": in_flight.used,
        "slots": in_flight.slots,
        "results_waiting": len(outcome_store.unsettled),
        "store_problem": outcome_store.unavailable_reason,
        "breakers": {called.name: called.provider.unavailable_reason for called in called_models},
    }
