"""Checks of the database, its schema and the model's row."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from consumer.llm.model_lifetime import shutdown_notice
from consumer.operations.doctor.finding import Examination, Finding
from consumer.operations.doctor.ignored_events import examine_ignored
from consumer.settings import DatabaseSettings
from repository.connecting import Pooler, is_pooled
from repository.errors import StoreError
from repository.llm_models import LlmModel, ModelNotUsable, find_active
from repository.operations.budget_changes import any_budget_in_usd
from repository.operations.intake_status import GapStatus, recent_gaps
from repository.pool import Connection, Pool, connection, open_pool
from repository.prompts import UnknownPrompt, find_prompt
from repository.rehearsal import DatabaseLook, look_at_database
from repository.schema_version import schema_version
from schemas.event_types import DEFAULT_EVENT_TYPES, EventTypes

CHECKS = ("database", "schema", "losses")
MODEL_CHECK = "model"
PROMPT_CHECK = "prompt"
PRICES = ("prompt_token_cost_per_1m", "completion_token_cost_per_1m")
LOSSES_DAYS = 7
APPLICATION_NAME = "instagram-feed doctor"


class WantedModel(NamedTuple):
    """The variable that names a model, and the name."""

    variable: str
    name: str


async def examine_database(
    settings: DatabaseSettings,
    models: Mapping[str, WantedModel],
    *,
    prompt: str | None = None,
    event_types: EventTypes = DEFAULT_EVENT_TYPES,
) -> Examination:
    """Check whether the database responds and is migrated, and whether models have usable rows."""
    try:
        pool = await _opened(settings)
    except StoreError as error:
        yield Finding("database", "failed", str(error), "start it, or correct DATABASE_URL")
        return
    try:
        async with connection(pool) as borrowed:
            yield await _server(borrowed, settings.database_pooler)
            schema = await schema_version(borrowed)
            if schema.current != schema.head:
                detail = f"at migration {schema.current or 'none'}, this program needs {schema.head}"
                yield Finding("schema", "failed", detail, schema.advice)
                return
            ensures = settings.reference_rows == "ensure"
            yield _schema(schema.head, await look_at_database(borrowed, ensures_references=ensures))
            yield losses_finding(await recent_gaps(borrowed, days=LOSSES_DAYS))
            for check, wanted in models.items():
                yield replace(await _model(borrowed, wanted), check=check)
            if prompt is not None:
                yield await _prompt(borrowed, prompt)
            async for finding in examine_ignored(borrowed, event_types):
                yield finding
    except StoreError as error:
        yield Finding("database", "failed", str(error), "see the database's log")
    finally:
        pool.terminate()


def losses_finding(lost: Sequence[GapStatus]) -> Finding:
    """Return the records lost according to consumers."""
    if not lost:
        return Finding("losses", "ok", f"no records were deleted unread within {LOSSES_DAYS} days")
    records, known = sum(gap.end_offset - gap.begin_offset for gap in lost), sum(gap.known for gap in lost)
    ranges = ", ".join(f"partition {gap.partition}: {gap.begin_offset}-{gap.end_offset - 1}" for gap in lost)
    return Finding(
        "losses",
        "warning",
        f"{records} records were deleted before they were read, {known} of them known to the ledger ({ranges})",
        "have upstream send the others again: a replay reads only what is still in the topic",
    )


async def _opened(settings: DatabaseSettings) -> Pool:
    return await open_pool(
        settings.database_url.get_secret_value(),
        size=1,
        application_name=APPLICATION_NAME,
        pooler=settings.database_pooler,
        must_write=False,
    )


def _schema(head: str, found: DatabaseLook) -> Finding:
    at_head = f"at migration {head}"
    if found.obstacles:
        advice = "fix it; `instagram-feed run` refuses to start"
        return Finding("schema", "failed", f"{at_head}; would refuse every post: {'; '.join(found.obstacles)}", advice)
    if found.unfillable:
        detail = f"{at_head}; no upstream rows can be inserted: {'; '.join(found.unfillable.values())}"
        return Finding("schema", "warning", detail, "events wait until upstream has written theirs (REFERENCE_WAIT_S)")
    if found.doubts:
        detail = f"{at_head}; a rehearsed post was refused: {'; '.join(found.doubts)}"
        return Finding("schema", "warning", detail, "check whether that concerns every post")
    return Finding("schema", "ok", at_head)


async def _server(borrowed: Connection, pooler: Pooler) -> Finding:
    version = borrowed.get_server_version()
    # asyncpg keeps the position of the middle number from before PostgreSQL 10
    server = f"PostgreSQL {version.major}.{version.micro}"
    if not await is_pooled(borrowed):
        return Finding("database", "ok", server)
    behind = f"{server} behind a pooler"
    if pooler == "none":
        return Finding("database", "warning", behind, "set DATABASE_POOLER to auto or transaction")
    return Finding("database", "ok", f"{behind}; no prepared statements or session locks (DATABASE_POOLER={pooler})")


async def provider_and_name(settings: DatabaseSettings, name: str) -> tuple[str, str] | None:
    """Return provider and model_name of a model's row; None if unknown."""
    try:
        pool = await _opened(settings)
    except StoreError:
        return None
    try:
        async with connection(pool) as borrowed:
            model = await find_active(borrowed, name)
    except (StoreError, ModelNotUsable):
        return None
    finally:
        pool.terminate()
    return model.provider, model.model_name


async def _model(borrowed: Connection, wanted: WantedModel) -> Finding:
    try:
        model = await find_active(borrowed, wanted.name)
    except ModelNotUsable as error:
        return Finding(
            MODEL_CHECK, "failed", str(error), f"set {wanted.variable} to one that is active, or activate it"
        )
    in_usd = await any_budget_in_usd(borrowed)
    return model_finding(model, now=datetime.now(UTC), variable=wanted.variable, has_usd_budget=in_usd)


async def _prompt(borrowed: Connection, reference: str) -> Finding:
    try:
        prompt = await find_prompt(borrowed, reference)
    except UnknownPrompt as error:
        return Finding(PROMPT_CHECK, "failed", str(error), "set LLM_PROMPT to one that is there, or add it")
    return Finding(PROMPT_CHECK, "ok", prompt.reference)


def model_finding(model: LlmModel, *, now: datetime, variable: str, has_usd_budget: bool = False) -> Finding:
    """Return the finding about a model's row."""
    notice = shutdown_notice(model.shutdown_date, today=now.date())
    if notice is not None:
        advice = f"set {variable} to its successor; see `instagram-feed models list`"
        return Finding(MODEL_CHECK, "failed" if notice.is_over else "warning", f"{model.model_name} {notice}", advice)
    prices = (model.prompt_token_cost_per_1m, model.completion_token_cost_per_1m)
    if unpriced := [name for name in PRICES if getattr(model, name) is None]:
        advice = f"`instagram-feed models update {model.full_name}` with {' and '.join(unpriced)}"
        if has_usd_budget:
            detail = f"{model.model_name} has no price, so under a budget in USD its requests are held"
            return Finding(MODEL_CHECK, "failed", detail, advice)
        return Finding(MODEL_CHECK, "warning", f"{model.model_name} has no price, so every post counts as free", advice)
    return Finding(MODEL_CHECK, "ok", f"{model.model_name}: USD {prices[0]} in, {prices[1]} out per 1M tokens")
