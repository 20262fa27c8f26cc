"""What a replay does about an overlay, by how it stands."""

from uuid import UUID, uuid4

import pytest

from consumer.operations.replay.choice import ACTIVE, PAID, Action, Conditions, Mode, decide
from repository.operations.replay_requests import OverlayStatus
from schemas.request_state import RequestState

CLAIMED, WAITING, DONE, FAILED = RequestState.CLAIMED, RequestState.WAITING, RequestState.DONE, RequestState.FAILED
POST = uuid4()
ANY = Conditions()


def standing(
    request_state: RequestState | None = None,
    post: UUID | None = None,
    *,
    has_event: bool = True,
    replayed: bool = False,
    republished: bool = False,
) -> OverlayStatus:
    return OverlayStatus(uuid4(), request_state, post, "prompt-1", "gpt-4o-mini", has_event, replayed, republished)


@pytest.mark.parametrize(
    ("stands", "action"),
    [
        (standing(), Action.WRITE),
        (standing(FAILED), Action.RETRY),
        (standing(FAILED, replayed=True), Action.DONE_BEFORE),
        (standing(WAITING), Action.IN_PROGRESS),
        (standing(CLAIMED, replayed=True), Action.DONE_BEFORE),
        (standing(DONE, POST), Action.HAS_POST),
        (standing(DONE, POST, replayed=True), Action.DONE_BEFORE),
        (standing(FAILED, POST), Action.HAS_POST),
        (standing(None, POST), Action.HAS_POST),
    ],
)
def test_missing_writes_only_what_has_no_post(stands: OverlayStatus, action: Action) -> None:
    assert decide(Mode.MISSING, stands, ANY) is action


@pytest.mark.parametrize(
    ("stands", "action"),
    [
        (standing(DONE, POST), Action.REPUBLISH),
        (standing(DONE, POST, republished=True), Action.DONE_BEFORE),
        (standing(DONE, POST, has_event=False), Action.NO_EVENT),
        (standing(FAILED, has_event=False), Action.NO_POST),
        (standing(has_event=False), Action.NO_POST),
    ],
)
def test_republish_sends_only_what_is_stored_and_once(stands: OverlayStatus, action: Action) -> None:
    assert decide(Mode.REPUBLISH, stands, ANY) is action


@pytest.mark.parametrize(
    ("stands", "conditions", "action"),
    [
        (standing(DONE, POST), ANY, Action.REWRITE),
        (standing(), ANY, Action.WRITE),
        (standing(FAILED), ANY, Action.WRITE),
        (standing(CLAIMED, POST), ANY, Action.IN_PROGRESS),
        (standing(DONE, POST, replayed=True), ANY, Action.DONE_BEFORE),
        (standing(DONE, POST), Conditions(prompt_version_not="prompt-1"), Action.NOT_MEANT),
        (standing(DONE, POST), Conditions(prompt_version_not="prompt-2"), Action.REWRITE),
        (standing(DONE, POST), Conditions("prompt-2", "gpt-4o-mini"), Action.NOT_MEANT),
        (standing(), Conditions("prompt-1", "gpt-4o-mini"), Action.WRITE),
    ],
)
def test_regenerate_writes_every_post_meant_once(stands: OverlayStatus, conditions: Conditions, action: Action) -> None:
    assert decide(Mode.REGENERATE, stands, conditions) is action


def test_what_costs_money_does_something() -> None:
    assert set(PAID) < set(ACTIVE)
