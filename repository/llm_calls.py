"""LLM calls whose answer did not become the stored post: kept for accounting, and to be judged again.

Rows are written by the statement that ends their handling (`repository.feeds`, `repository.requests`), also for a
process that lost its lease, since its calls were paid for as well.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import asyncpg

from repository.columns import Columns
from repository.llm_models import LlmModel, models_by_id
from repository.pool import Connection
from schemas.call_verdict import CallVerdict

MOST_JUDGED_AGAIN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmCall:
    """One row of `llm_calls`. Unknown figures are None.

    `raw_response` is the answer as received, if any. `cost_usd` is 0 if nothing was billed. `ended_at` is only known
    in memory, and not a column.
    """

    overlay_id: UUID
    revision: int
    fencing_token: int
    call_number: int
    llm_model_id: UUID
    called_at: datetime
    raw_response: bytes | None
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_prompt_tokens: int | None
    cost_usd: Decimal | None
    latency_ms: float | None
    verdict: CallVerdict
    detail: str | None
    used_temperature: float | None
    used_max_tokens: int
    prompt_version: str
    gpt_prompt_used: str | None
    event_digest: bytes
    ended_at: datetime | None = None


CALL = Columns(LlmCall, leaving_out={"ended_at"})


def keep_calls(*, first: int) -> str:
    """Return a CTE that writes calls; its arrays are the parameters from `$first` on.

    Repeated after a lost response, it writes none twice.
    """
    return f"""
        INSERT INTO llm_calls ({CALL})
        SELECT {CALL} FROM {CALL.unnest("call", first=first)}
        ON CONFLICT DO NOTHING
    """  # noqa: S608 - the names are those of the dataclass


_KEEP = keep_calls(first=1)
_STORED = "SELECT instagram_feed_id FROM instagram_feeds WHERE instagram_feed_id = ANY($1::uuid[])"


async def keep_superseded(connection: Connection, calls: Mapping[UUID, LlmCall | None]) -> set[UUID]:
    """Keep the calls behind posts that were not stored, by the posts' ids; None for calls already kept.

    Returns the ids of posts that exist after all, because an earlier attempt to store them succeeded unnoticed.
    """
    there = {row["instagram_feed_id"] for row in await connection.fetch(_STORED, list(calls))}
    superseded = [call for feed_id, call in calls.items() if call is not None and feed_id not in there]
    await connection.execute(_KEEP, *CALL.arrays(superseded))
    return there


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """A paid answer, and its model."""

    call: LlmCall
    raw_response: bytes
    model: LlmModel


KeptAnswers = Mapping[tuple[UUID, int], Sequence[KeptAnswer]]
"""By overlay and revision, newest first."""

# verdicts written by hand that are none are left out, too
_JUDGED_AGAIN = [verdict for verdict in CallVerdict if verdict is not CallVerdict.WRONG_KEY]

_KEPT = f"""
    SELECT kept.*
    FROM unnest($1::uuid[], $2::int[]) AS wanted (overlay_id, revision)
    CROSS JOIN LATERAL (
        SELECT {CALL}
        FROM llm_calls
        WHERE (llm_calls.overlay_id, llm_calls.revision) = (wanted.overlay_id, wanted.revision)
            AND raw_response IS NOT NULL
            AND verdict = ANY($3::text[])
        ORDER BY called_at DESC
        LIMIT {MOST_JUDGED_AGAIN}
    ) AS kept
"""  # noqa: S608 - the names are those of the dataclass


async def kept_answers(connection: Connection, requests: Sequence[tuple[UUID, int]]) -> KeptAnswers:
    """Return the newest answers of these requests that can be judged again."""
    overlay_ids, revisions = [overlay for overlay, _ in requests], [revision for _, revision in requests]
    rows = await connection.fetch(_KEPT, overlay_ids, revisions, _JUDGED_AGAIN)
    calls = [_call(row) for row in rows]
    models = await models_by_id(connection, {call.llm_model_id for call in calls}) if calls else {}
    found: dict[tuple[UUID, int], list[KeptAnswer]] = defaultdict(list)
    for call in calls:
        model = models.get(call.llm_model_id)
        if call.raw_response is not None and model is not None:
            found[call.overlay_id, call.revision].append(
                KeptAnswer(call=call, raw_response=call.raw_response, model=model)
            )
    return found


def _call(row: asyncpg.Record) -> LlmCall:
    return LlmCall(**dict(row) | {"verdict": CallVerdict(row["verdict"])})
