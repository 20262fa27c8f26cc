"""All checks side by side, each with a deadline, so that one dead server hides nothing about the others."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import TypeVar

from consumer.doctor import database, kafka, llm
from consumer.doctor.database import examine_database
from consumer.doctor.finding import Examination, Finding
from consumer.doctor.kafka import examine_kafka
from consumer.doctor.llm import examine_llm
from consumer.settings import DatabaseSettings, KafkaSettings, LlmSettings, Settings, SettingsError, load

DEADLINE_S = 8.0

Group = TypeVar("Group", KafkaSettings, DatabaseSettings, LlmSettings)


async def examine() -> list[Finding]:
    """Check settings, broker, topics, database, schema, model and LLM endpoint; changes and costs nothing."""
    groups = await asyncio.gather(_kafka(), _database(), _llm())
    return [_settings_finding(), *(finding for group in groups for finding in group)]


async def _kafka() -> list[Finding]:
    settings = _if_valid(KafkaSettings)
    return await all_of(kafka.CHECKS, examine_kafka(settings) if settings else None)


async def _database() -> list[Finding]:
    settings, llm_settings = _if_valid(DatabaseSettings), _if_valid(LlmSettings)
    llm_model = llm_settings.llm_model if llm_settings else None
    return await all_of(database.CHECKS, examine_database(settings, llm_model) if settings else None)


async def _llm() -> list[Finding]:
    settings = _if_valid(LlmSettings)
    return await all_of(llm.CHECKS, examine_llm(settings) if settings else None)


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
    """A finding for each check: those that are not reached failed (the first, if time is up) or are skipped."""
    if examination is None:
        return [Finding(check, "skipped", "needs its settings") for check in checks]
    findings: list[Finding] = []
    try:
        async with asyncio.timeout(DEADLINE_S), aclosing(examination):
            async for finding in examination:
                findings.append(finding)  # noqa: PERF401 - what was found counts even if time runs out
    except TimeoutError:
        late = checks[len(findings)]
        findings.append(Finding(late, "failed", f"no answer within {DEADLINE_S:g} s", "see whether it is overloaded"))
    known = {finding.check for finding in findings}
    need = f"needs: {findings[-1].check}" if findings[-1].status == "failed" else "needs its settings"
    return findings + [Finding(check, "skipped", need) for check in checks if check not in known]
