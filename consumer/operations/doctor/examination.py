"""All checks concurrently, each with a deadline, so that one dead server does not hide findings about others."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing, suppress
from typing import TypeVar

from consumer.operations.doctor import database, kafka, llm, registry
from consumer.operations.doctor.database import WantedModel, examine_database, provider_and_name
from consumer.operations.doctor.doubtful_settings import doubtful_settings
from consumer.operations.doctor.finding import FALLBACK, Examination, Finding
from consumer.operations.doctor.kafka import examine_kafka
from consumer.operations.doctor.llm import ModelAtProvider, examine_llm
from consumer.operations.doctor.registry import examine_registry
from consumer.operations.models.model_fields import PROVIDERS
from consumer.settings import (
    DatabaseSettings,
    KafkaSettings,
    LlmSettings,
    RegistrySettings,
    Settings,
    SettingsError,
    TopicSettings,
    load,
)
from schemas.event_types import DEFAULT_EVENT_TYPES

DEADLINE_S = 15.0
ROW_DEADLINE_S = 3.0

Group = TypeVar("Group", KafkaSettings, TopicSettings, RegistrySettings, DatabaseSettings, LlmSettings)


async def examine() -> list[Finding]:
    """Check settings, broker, topics, database, schema, model and LLM endpoint; changes and costs nothing."""
    groups = await asyncio.gather(_kafka(), _registry(), _database(), _llm())
    return [_settings_finding(), *doubtful_settings(), *(finding for group in groups for finding in group)]


async def _kafka() -> list[Finding]:
    settings = _if_valid(KafkaSettings)
    return await all_of(kafka.CHECKS, examine_kafka(settings) if settings else None)


async def _registry() -> list[Finding]:
    settings = _if_valid(RegistrySettings)
    if settings is None or settings.schema_registry_url is None:
        return []
    return await all_of([registry.CHECK], examine_registry(settings))


async def _database() -> list[Finding]:
    settings, llm_settings = _if_valid(DatabaseSettings), _if_valid(LlmSettings)
    wanted = {} if llm_settings is None else _by_check(database.MODEL_CHECK, llm_settings)
    checks = (*database.CHECKS, *(wanted or [database.MODEL_CHECK]), database.PROMPT_CHECK)
    prompt = llm_settings.llm_prompt if llm_settings else None
    models = {check: WantedModel(variable, name) for check, (variable, name) in wanted.items()}
    if settings is None:
        return await all_of(checks, None)
    topics = _if_valid(TopicSettings)
    event_types = topics.event_types if topics else DEFAULT_EVENT_TYPES
    return await all_of(checks, examine_database(settings, models, prompt=prompt, event_types=event_types))


async def _llm() -> list[Finding]:
    settings, database_settings = _if_valid(LlmSettings), _if_valid(DatabaseSettings)
    if settings is None:
        return await all_of([llm.CHECK], None)
    wanted = _by_check(llm.CHECK, settings)
    models = {check: await _at_provider(settings, database_settings, name) for check, (_, name) in wanted.items()}
    return await all_of(list(models), examine_llm(settings, models))


async def _at_provider(settings: LlmSettings, row_in: DatabaseSettings | None, name: str) -> ModelAtProvider:
    """Return the provider by the model's row, else by its name, else by the keys."""
    with suppress(TimeoutError):
        async with asyncio.timeout(ROW_DEADLINE_S):
            if row_in and (found := await provider_and_name(row_in, name)):
                return ModelAtProvider(*found)
    provider, slash, rest = name.partition("/")
    if slash and provider in PROVIDERS:
        return ModelAtProvider(provider, rest)
    return ModelAtProvider(next(each for each in PROVIDERS if getattr(settings, f"{each}_api_key")), name)


def _by_check(check: str, settings: LlmSettings) -> dict[str, tuple[str, str]]:
    """Check, variable and name of each model to be used."""
    names = (check, f"{FALLBACK}{check}")
    return dict(zip(names, settings.models.items(), strict=False))


def _settings_finding() -> Finding:
    try:
        load(Settings)
    except SettingsError as error:
        return Finding("settings", "failed", str(error), "set it in the environment or in .env")
    return Finding("settings", "ok", "complete and valid")


def _if_valid(group: type[Group]) -> Group | None:
    try:
        return load(group)
    except SettingsError:
        return None


async def all_of(checks: Sequence[str], examination: Examination | None) -> list[Finding]:
    """Return a finding per check: those not reached failed (the first, if time is up) or are skipped."""
    if examination is None:
        return [Finding(check, "skipped", "needs its settings") for check in checks]
    findings: list[Finding] = []
    try:
        async with asyncio.timeout(DEADLINE_S), aclosing(examination):
            async for finding in examination:
                findings.append(finding)  # noqa: PERF401 - what was found counts even if time runs out
    except TimeoutError:
        late = checks[len(findings)]
        findings.append(Finding(late, "failed", f"no answer within {DEADLINE_S:g} s", "check whether it is overloaded"))
    known = {finding.check for finding in findings}
    need = f"needs: {findings[-1].check}" if findings[-1].status == "failed" else "needs its settings"
    return findings + [Finding(check, "skipped", need) for check in checks if check not in known]
