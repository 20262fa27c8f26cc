"""What a replay does about an overlay: decided from how it stands, not from when it is asked. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from repository.operations.replay_requests import OverlayStatus
from schemas.request_state import RequestState


class Mode(StrEnum):
    """What a replay is for."""

    MISSING = "missing"
    REPUBLISH = "republish"
    REGENERATE = "regenerate"


class Action(StrEnum):
    """What becomes of an overlay's event in a replay; the first four do something, the others say why not."""

    WRITE = "written for the first time"
    RETRY = "failed before, tried again"
    REWRITE = "written again"
    REPUBLISH = "sent again"
    HAS_POST = "has a post"
    NO_POST = "has no post"
    NO_EVENT = "has no stored event"
    IN_PROGRESS = "in progress"
    NOT_MEANT = "not meant by --prompt-version-not or --model-not"
    DONE_BEFORE = "done by this replay before"


ACTIVE = (Action.WRITE, Action.RETRY, Action.REWRITE, Action.REPUBLISH)
PAID = (Action.WRITE, Action.RETRY, Action.REWRITE)


@dataclass(frozen=True, slots=True)
class Conditions:
    """Of mode regenerate: leave posts alone that were written with this prompt version, or by this model."""

    prompt_version_not: str | None = None
    model_not: str | None = None

    def mean(self, standing: OverlayStatus) -> bool:
        """Return whether an overlay's current post is meant; an overlay without one is."""
        if standing.instagram_feed_id is None:
            return True
        by_prompt = self.prompt_version_not is None or standing.prompt_version != self.prompt_version_not
        return by_prompt and (self.model_not is None or standing.model_name != self.model_not)


def decide(mode: Mode, standing: OverlayStatus, conditions: Conditions) -> Action:
    """Return what to do about an overlay."""
    match mode:
        case Mode.MISSING:
            return _missing(standing)
        case Mode.REPUBLISH:
            return _republish(standing)
        case Mode.REGENERATE:
            return _regenerate(standing, conditions)


def _missing(standing: OverlayStatus) -> Action:
    if standing.instagram_feed_id is not None:
        return Action.DONE_BEFORE if standing.replayed else Action.HAS_POST
    if standing.request_state is None:
        return Action.WRITE
    if standing.replayed:
        return Action.DONE_BEFORE
    return Action.RETRY if standing.request_state == RequestState.FAILED else Action.IN_PROGRESS


def _republish(standing: OverlayStatus) -> Action:
    if standing.republished:
        return Action.DONE_BEFORE
    if standing.instagram_feed_id is None:
        return Action.NO_POST
    return Action.REPUBLISH if standing.has_event else Action.NO_EVENT


def _regenerate(standing: OverlayStatus, conditions: Conditions) -> Action:
    if standing.replayed:
        return Action.DONE_BEFORE
    if standing.request_state is not None and not standing.request_state.has_ended:
        return Action.IN_PROGRESS
    if not conditions.mean(standing):
        return Action.NOT_MEANT
    return Action.WRITE if standing.instagram_feed_id is None else Action.REWRITE
