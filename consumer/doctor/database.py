"""Checks of the database, its schema and the model's row."""

from datetime import UTC, datetime

from consumer.doctor.finding import Examination, Finding
from consumer.model_lifetime import shutdown_notice
from consumer.settings import DatabaseSettings
from repository.errors import StoreError
from repository.llm_models import LlmModel, ModelNotUsable, find_active
from repository.migrations import current_and_head
from repository.pool import Connection, connection, open_pool

CHECKS = ("database", "schema", "model")
PRICES = ("prompt_token_cost_per_1m", "completion_token_cost_per_1m")
APPLICATION_NAME = "instagram-feed doctor"


async def examine_database(settings: DatabaseSettings, llm_model: str | None) -> Examination:
    """Whether the database answers and is migrated, and whether `llm_model` has a usable row in it."""
    database_url = settings.database_url.get_secret_value()
    try:
        schema = await current_and_head(database_url)
        pool = await open_pool(database_url, size=1, application_name=APPLICATION_NAME)
    except StoreError as error:
        yield Finding("database", "failed", str(error), "start it, or correct DATABASE_URL")
        return
    try:
        async with connection(pool) as borrowed:
            yield Finding("database", "ok", _server(borrowed))
            if schema.current != schema.head:
                detail = f"at migration {schema.current or 'none'}, this program needs {schema.head}"
                yield Finding("schema", "failed", detail, "run `instagram-feed migrate`")
                return
            yield Finding("schema", "ok", f"at migration {schema.head}")
            if llm_model is not None:
                yield await _model(borrowed, llm_model)
    except StoreError as error:
        yield Finding("database", "failed", str(error), "see the database's log")
    finally:
        pool.terminate()


def _server(borrowed: Connection) -> str:
    version = borrowed.get_server_version()
    # asyncpg keeps the place that the middle number had until PostgreSQL 9
    return f"PostgreSQL {version.major}.{version.micro}"


async def _model(borrowed: Connection, name: str) -> Finding:
    try:
        model = await find_active(borrowed, name)
    except ModelNotUsable as error:
        return Finding("model", "failed", str(error), "set LLM_MODEL to one that is active, or `models activate` it")
    return model_finding(model, now=datetime.now(UTC))


def model_finding(model: LlmModel, *, now: datetime) -> Finding:
    """What is to be said about the row of a model."""
    notice = shutdown_notice(model.shutdown_date, today=now.date())
    if notice is not None:
        advice = "set LLM_MODEL to its successor; see `instagram-feed models list`"
        return Finding("model", "failed" if notice.is_over else "warning", f"{model.model_name} {notice}", advice)
    prices = (model.prompt_token_cost_per_1m, model.completion_token_cost_per_1m)
    if unpriced := [name for name in PRICES if getattr(model, name) is None]:
        advice = f"`instagram-feed models update {model.full_name}` with {' and '.join(unpriced)}"
        return Finding("model", "warning", f"{model.model_name} has no price, so every post counts as free", advice)
    return Finding("model", "ok", f"{model.model_name}: USD {prices[0]} in, {prices[1]} out per 1M tokens")
