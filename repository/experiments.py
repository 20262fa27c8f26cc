"""Experiments and their variants, as the service reads them."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from repository.pool import Connection
from schemas.experiments import AssignmentUnit, ExperimentState


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One arm. None means as without an experiment; `prompt` is NAME:VERSION, `model` a display name."""

    variant: str
    weight: float
    is_control: bool = False
    prompt: str | None = None
    llm_model_id: UUID | None = None
    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """An experiment with its variants, the control first; no tenants mean all of them."""

    experiment_id: UUID
    name: str
    hash_key: str
    unit: AssignmentUnit
    share: float
    state: ExperimentState
    minimal_effect: float | None
    created_at: datetime
    started_at: datetime | None
    stopped_at: datetime | None
    variants: tuple[Variant, ...] = ()
    tenants: tuple[str, ...] = ()

    def variant(self, name: str) -> Variant | None:
        """Return the variant with this name, if any."""
        return next((variant for variant in self.variants if variant.variant == name), None)


EXPERIMENT_COLUMNS = ", ".join(field.name for field in fields(Experiment) if field.name not in {"variants", "tenants"})

_SELECT = f"SELECT {EXPERIMENT_COLUMNS} FROM experiments"  # noqa: S608 - the names are those of the dataclass
_RUNNING = f"{_SELECT} WHERE state = 'running' ORDER BY started_at, name"
_BY_ID = f"{_SELECT} WHERE experiment_id = ANY($1::uuid[])"
_VARIANTS = """
    SELECT experiment_id, variant, weight, is_control, prompt, llm_model_id, temperature, max_tokens,
        provider || '/' || model_name || coalesce('@' || model_version, '') AS model
    FROM experiment_variants
    LEFT JOIN llm_models USING (llm_model_id)
    WHERE experiment_id = ANY($1::uuid[])
    ORDER BY experiment_id, position
"""
_TENANTS = """
    SELECT experiment_id, tenant_id FROM experiment_tenants WHERE experiment_id = ANY($1::uuid[]) ORDER BY tenant_id
"""


async def running_experiments(connection: Connection) -> list[Experiment]:
    """Return the running experiments; no two of them apply to the same tenant."""
    return await with_parts(connection, await connection.fetch(_RUNNING))


async def experiments_by_id(connection: Connection, ids: Collection[UUID]) -> dict[UUID, Experiment]:
    """Return the existing experiments with these ids, in any state."""
    found = await with_parts(connection, await connection.fetch(_BY_ID, list(ids)))
    return {experiment.experiment_id: experiment for experiment in found}


async def with_parts(connection: Connection, rows: Sequence[asyncpg.Record]) -> list[Experiment]:
    """Return rows of `EXPERIMENT_COLUMNS` as experiments, with their variants and tenants."""
    if not rows:
        return []
    ids = [row["experiment_id"] for row in rows]
    variants: defaultdict[UUID, list[Variant]] = defaultdict(list)
    for row in await connection.fetch(_VARIANTS, ids):
        columns: dict[str, Any] = dict(row)
        variants[columns.pop("experiment_id")].append(Variant(**columns))
    tenants: defaultdict[UUID, list[str]] = defaultdict(list)
    for experiment_id, tenant_id in await connection.fetch(_TENANTS, ids):
        tenants[experiment_id].append(tenant_id)
    return [
        Experiment(
            **dict(row) | {"unit": AssignmentUnit(row["unit"]), "state": ExperimentState(row["state"])},
            variants=tuple(variants[row["experiment_id"]]),
            tenants=tuple(tenants[row["experiment_id"]]),
        )
        for row in rows
    ]
