"""Connections and clients that are opened at startup, checked one by one, and closed in reverse order."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from aiokafka import AIOKafkaConsumer

from consumer.errors import StartupError, in_words
from consumer.kafka.publisher import Publisher
from consumer.llm.batches.openai_batches import OpenAIBatches
from consumer.llm.batches.port import BatchProvider
from consumer.llm.model_lifetime import shutdown_notice
from consumer.llm.writer import Writer, open_client
from consumer.pipeline.tracing.call_spans import ModelOf
from consumer.pipeline.tracing.traces import Traces
from consumer.resources.broker import open_kafka, register_schemas
from consumer.resources.closing import closed_in_time
from consumer.resources.writers import Writers
from consumer.settings import Settings, SettingsError
from consumer.settings.current import CurrentSettings
from repository.errors import StoreError, WrongDatabaseUrl
from repository.experiments import Experiment, running_experiments
from repository.llm_models import LlmModel, ModelNotUsable, find_active
from repository.pool import Connection, Pool, connection, open_pool
from repository.prompts import Prompt, UnknownPrompt, find_prompt
from repository.rehearsal import DatabaseLook, look_at_database
from repository.schema_version import SchemaVersion, schema_version

log = structlog.get_logger()

BATCH_TIMEOUT_S = 60.0
BATCH_CONNECTIONS = 4


OpenTraces = Callable[[ModelOf], Traces]
"""Opens the port for tracing, given a lookup of models by id."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Connections and clients, ready for use; one writer per model of the settings, the preferred one first.

    `all_writers` opens more.
    """

    pool: Pool
    database: DatabaseLook
    prompt: Prompt
    writers: tuple[Writer, ...]
    all_writers: Writers
    experiments: tuple[Experiment, ...]
    consumer: "AIOKafkaConsumer[bytes, bytes]"
    outcome_consumer: "AIOKafkaConsumer[bytes, bytes]"
    publisher: Publisher
    batch_providers: Mapping[str, BatchProvider]
    open_traces: "OpenTraces"
    current: CurrentSettings


@asynccontextmanager
async def open_resources(settings: Settings, current: CurrentSettings | None = None) -> AsyncIterator[Resources]:
    """Open all that the consumer needs; `current` is the source of secrets that change later.

    Raises:
        StartupError: the first thing that is missing.
        SettingsError: the model's provider needs a key that is not set.
    """
    current = current or CurrentSettings(settings)
    async with AsyncExitStack() as stack:
        open_traces = _open_span_export(settings, stack)
        pool, database = await _open_pool(current, stack)
        prompt = await _find_prompt(settings, pool)
        experiments = await _find_experiments(pool)
        models = await _find_models(settings, pool)
        all_writers = Writers(current, stack)
        writers = tuple([all_writers.open(model) for model in models])
        framings = await register_schemas(settings)
        publisher, consumer, outcome_consumer = await open_kafka(current, stack, framings)
        yield Resources(
            pool,
            database,
            prompt,
            writers,
            all_writers,
            experiments,
            consumer,
            outcome_consumer,
            publisher,
            _open_batch_providers(current, stack),
            open_traces,
            current,
        )


def _open_span_export(settings: Settings, stack: AsyncExitStack) -> "OpenTraces":
    if not settings.traces:
        return lambda _: Traces()
    try:
        # an extra, imported only if spans are sent
        from consumer.pipeline.tracing.request_spans import RequestSpans  # noqa: PLC0415
        from consumer.telemetry.tracing import SpanExport  # noqa: PLC0415
    except ModuleNotFoundError:
        raise StartupError("TRACING needs OpenTelemetry: pip install 'instagram-feed-consumer[tracing]'") from None
    try:
        export = SpanExport()
    except ValueError as error:
        raise StartupError(f"TRACING: one of the OTEL_* variables is invalid: {in_words(error)}") from error
    stack.push_async_callback(closed_in_time, "span export", lambda: asyncio.to_thread(export.close))
    return lambda model_of: RequestSpans(
        export.tracer, model_of, group_id=settings.kafka_group_id, with_texts=settings.trace_texts
    )


async def _open_pool(current: CurrentSettings, stack: AsyncExitStack) -> tuple[Pool, DatabaseLook]:
    settings = current.now
    try:
        pool = await open_pool(
            settings.database_url.get_secret_value(),
            size=settings.database_pool_size,
            application_name=settings.kafka_client_id,
            pooler=settings.database_pooler,
            current_url=current.database_url,
        )
        stack.push_async_callback(closed_in_time, "database pool", pool.close)
        async with connection(pool) as borrowed:
            _require_newest(await schema_version(borrowed))
            found = await look_at_database(borrowed, ensures_references=settings.reference_rows == "ensure")
    except WrongDatabaseUrl as error:
        raise SettingsError(f"DATABASE_URL {error}") from error
    except StoreError as error:
        raise StartupError(f"DATABASE_URL: {error}") from error
    _heed_database(found)
    return pool, found


def _require_newest(schema: SchemaVersion) -> None:
    if schema.current != schema.head:
        raise StartupError(
            f"the database is at migration {schema.current or 'none'}, this program needs {schema.head}: "
            f"{schema.advice}"
        )


def _heed_database(found: DatabaseLook) -> None:
    """Check that the database would accept posts, before any is paid for."""
    if found.obstacles:
        raise StartupError(f"the database would refuse every post: {'; '.join(found.obstacles)}")
    if found.doubts:
        log.warning("database.doubtful", refused=list(found.doubts))
    if found.unfillable:
        log.warning("references.unfillable", tables=dict(found.unfillable))


async def _find_prompt(settings: Settings, pool: Pool) -> Prompt:
    try:
        async with connection(pool) as borrowed:
            return await find_prompt(borrowed, settings.llm_prompt)
    except UnknownPrompt as error:
        raise SettingsError(f"LLM_PROMPT: {error}") from None
    except StoreError as error:
        raise StartupError(f"DATABASE_URL: {error}") from error


async def _find_experiments(pool: Pool) -> tuple[Experiment, ...]:
    try:
        async with connection(pool) as borrowed:
            return tuple(await running_experiments(borrowed))
    except StoreError as error:
        raise StartupError(f"DATABASE_URL: {error}") from error


async def _find_models(settings: Settings, pool: Pool) -> list[LlmModel]:
    models: list[LlmModel] = []
    try:
        async with connection(pool) as borrowed:
            for variable, name in settings.models.items():
                model = await _find_model(borrowed, variable, name)
                if model in models:
                    raise StartupError(f"{variable}: {model.full_name} is LLM_MODEL itself; choose another")
                models.append(model)
    except StoreError as error:
        raise StartupError(f"DATABASE_URL: {error}") from error
    return models


async def _find_model(borrowed: Connection, variable: str, name: str) -> LlmModel:
    try:
        model = await find_active(borrowed, name)
    except ModelNotUsable as error:
        raise StartupError(f"{variable}: {error}") from error
    _heed_shutdown(model, variable)
    return model


def _heed_shutdown(model: LlmModel, variable: str) -> None:
    notice = shutdown_notice(model.shutdown_date, today=datetime.now(UTC).date())
    if notice is not None and notice.is_over:
        raise StartupError(
            f"{variable}: {model.full_name} {notice}; choose another (`instagram-feed models list`), or correct its "
            "shutdown_date (`instagram-feed models update`)"
        )
    if notice is not None:
        log.warning(
            "model.shutdown",
            model=model.model_name,
            shutdown_date=str(notice.shutdown_date),
            days_left=notice.days_left,
        )


def _open_batch_providers(current: CurrentSettings, stack: AsyncExitStack) -> dict[str, BatchProvider]:
    """Open the providers with a Batch API and a key: only OpenAI."""
    if current.now.openai_api_key is None:
        return {}
    endpoint = current.now.endpoint("openai", model="batches")
    client = open_client(endpoint, timeout_s=BATCH_TIMEOUT_S, max_connections=BATCH_CONNECTIONS)
    stack.push_async_callback(closed_in_time, "batch client", client.close)
    current.on_change(lambda fresh: client.use_key(fresh.endpoint("openai", model="batches").api_key))
    return {"openai": OpenAIBatches(client)}
