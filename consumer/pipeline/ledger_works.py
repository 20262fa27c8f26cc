"""From ledger rows back to work: decodes events again, with the answers already paid for."""

from collections.abc import Sequence

import structlog

from consumer.pipeline.in_flight import ClaimTerms
from consumer.pipeline.outcome_store import OutcomeStore
from consumer.pipeline.outcomes import Rejected, Work, usage_so_far
from consumer.telemetry.metrics import Metrics
from repository.llm_calls import KeptAnswers, kept_answers
from repository.pool import Connection
from repository.requests import ClaimedRequest
from schemas.codec import IgnoredEvent, InvalidEvent, decode_overlay_completed
from schemas.reasons import Reason

log = structlog.get_logger()


class LedgerWorks:
    """Turns claimed requests into work, and fails those for which that is impossible."""

    def __init__(self, outcome_store: OutcomeStore, metrics: Metrics, *, terms: ClaimTerms) -> None:
        self._outcome_store = outcome_store
        self._metrics = metrics
        self._terms = terms

    async def kept_answers(self, connection: Connection, claimed: Sequence[ClaimedRequest]) -> KeptAnswers:
        """Return the answers that earlier handlings paid for: they are judged again before another call is made."""
        called_for = [(request.overlay_id, request.revision) for request in claimed if request.llm_calls]
        return await kept_answers(connection, called_for) if called_for else {}

    def of(self, claimed: Sequence[ClaimedRequest], kept: KeptAnswers) -> list[Work]:
        """Return the works of requests that may be handled; the others are put to be stored as failed."""
        self._metrics.requests.reclaimed.inc(sum(request.reclaimed for request in claimed))
        return [work for request in claimed if not self._is_to_blame(request) and (work := self._decode(request, kept))]

    def _is_to_blame(self, request: ClaimedRequest) -> bool:
        """Return whether a request was handled alone when its process was lost, and fails for that."""
        if request.takeovers <= self._terms.max_takeovers:
            return False
        detail = f"{request.takeovers} processes in a row were lost while they handled it, the last one it alone"
        self._reject(request, Reason.KILLS_PROCESS, detail)
        return True

    def _decode(self, request: ClaimedRequest, kept: KeptAnswers) -> Work | None:
        """Decode stored bytes, which were valid once but may not be after a change of the contract."""
        try:
            event = decode_overlay_completed(
                request.source, max_event_bytes=self._terms.max_event_bytes, event_types=self._terms.event_types
            )
        except (InvalidEvent, IgnoredEvent) as error:
            self._reject(request, Reason.INVALID_EVENT, str(error))
            return None
        except Exception as error:
            # a defect of ours over one row must not keep the others, whose leases are taken
            log.exception("worker.defect", overlay_id=str(request.overlay_id))
            self._reject(request, Reason.INTERNAL_ERROR, type(error).__name__)
            return None
        return Work(request, event, kept.get((request.overlay_id, request.revision), ()))

    def _reject(self, request: ClaimedRequest, reason: Reason, detail: str) -> None:
        self._outcome_store.put(
            Rejected(
                request=request, usage=usage_so_far(request), attempts=request.attempts, reason=reason, detail=detail
            )
        )
