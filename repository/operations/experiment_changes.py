"""Creating, starting, widening and stopping experiments. What a started one allows, the database guards."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from repository.errors import RefusedData, translated
from repository.experiments import EXPERIMENT_COLUMNS, Experiment, Variant, with_parts
from repository.pool import Connection
from schemas.experiments import AssignmentUnit, ExperimentState

NAME_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}"
VARIANT_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}"


class ExperimentRefused(Exception):
    """What was asked for does not go with what is there; the message says why and what to do."""


class UnknownExperiment(ExperimentRefused):
    """There is no experiment of this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExperiment:
    """What an experiment is created with; its variants, the control first. Without tenants it is for all."""

    name: str
    unit: AssignmentUnit
    share: float
    minimal_effect: float | None
    variants: Sequence[Variant]
    tenants: Sequence[str]


_CREATE = """
    INSERT INTO experiments (name, hash_key, unit, share, minimal_effect)
    VALUES ($1, $1, $2, $3, $4)
    RETURNING experiment_id
"""
_ADD_VARIANT = """
    INSERT INTO experiment_variants (
        experiment_id, position, variant, weight, is_control, prompt, llm_model_id, temperature, max_tokens)
    VALUES ($1, $2, $3, $4, $2 = 0, $5, $6, $7, $8)
"""
_ADD_TENANT = "INSERT INTO experiment_tenants (experiment_id, tenant_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"


async def create_experiment(connection: Connection, new: NewExperiment) -> Experiment:
    """Create a draft.

    Raises:
        ExperimentRefused: there is an experiment of this name.
    """
    try:
        with translated():
            async with connection.transaction():
                experiment_id: UUID = await connection.fetchval(
                    _CREATE, new.name, new.unit, new.share, new.minimal_effect
                )
                await connection.executemany(
                    _ADD_VARIANT,
                    [
                        (
                            experiment_id,
                            position,
                            variant.variant,
                            variant.weight,
                            variant.prompt,
                            variant.llm_model_id,
                            variant.temperature,
                            variant.max_tokens,
                        )
                        for position, variant in enumerate(new.variants)
                    ],
                )
                await connection.executemany(_ADD_TENANT, [(experiment_id, tenant) for tenant in new.tenants])
    except RefusedData as error:
        if error.constraint == "experiments_name_key":
            raise ExperimentRefused(f"experiment {new.name} exists already; choose another name") from None
        raise
    return await find_experiment(connection, new.name)


_FIND = f"SELECT {EXPERIMENT_COLUMNS} FROM experiments WHERE name = $1"  # noqa: S608 - the names are the dataclass's
_ALL = f"SELECT {EXPERIMENT_COLUMNS} FROM experiments ORDER BY created_at DESC, name"  # noqa: S608 - the same


async def find_experiment(connection: Connection, name: str) -> Experiment:
    """Return the experiment of this name.

    Raises:
        UnknownExperiment: there is none.
    """
    found = await with_parts(connection, await connection.fetch(_FIND, name))
    if not found:
        names = ", ".join(experiment.name for experiment in await all_experiments(connection)) or "none"
        raise UnknownExperiment(f"there is no experiment '{name}'; there are: {names}")
    return found[0]


async def all_experiments(connection: Connection) -> list[Experiment]:
    """Every experiment, the newest first."""
    return await with_parts(connection, await connection.fetch(_ALL))


_START = """
    UPDATE experiments SET state = 'running', started_at = now() WHERE name = $1 AND state = 'draft' RETURNING name
"""
_IN_THE_WAY = """
    SELECT other.name, (
        SELECT string_agg(tenant_id, ', ' ORDER BY tenant_id)
        FROM (
            SELECT tenant_id FROM experiment_tenants WHERE experiment_id = other.experiment_id
            INTERSECT
            SELECT tenant_id FROM experiment_tenants WHERE experiment_id = mine.experiment_id
            LIMIT 3
        ) AS shared
    ) AS tenants
    FROM experiments AS mine
    JOIN experiments AS other ON other.state = 'running' AND other.experiment_id <> mine.experiment_id
    JOIN running_experiment_tenants AS theirs ON theirs.experiment_id = other.experiment_id
    WHERE mine.name = $1
        AND (
            upper_inf(theirs.tenants)
            OR NOT EXISTS (SELECT FROM experiment_tenants AS mine_of WHERE mine_of.experiment_id = mine.experiment_id)
            OR EXISTS (
                SELECT FROM experiment_tenants AS mine_of
                WHERE mine_of.experiment_id = mine.experiment_id AND mine_of.tenant_id::text <@ theirs.tenants))
    LIMIT 1
"""


async def start_experiment(connection: Connection, name: str) -> Experiment:
    """Have a draft run.

    Raises:
        UnknownExperiment: there is none of this name.
        ExperimentRefused: it is no draft, or another one runs for a tenant of it.
    """
    try:
        with translated():
            started = await connection.fetchval(_START, name)
    except RefusedData as error:
        if error.constraint != "one_running_experiment_per_tenant":
            raise
        raise ExperimentRefused(await _why_not(connection, name)) from None
    experiment = await find_experiment(connection, name)
    if started is None:
        was = (
            "is running already"
            if experiment.state is ExperimentState.RUNNING
            else "was stopped and does not run again"
        )
        raise ExperimentRefused(f"{name} {was}; a new experiment has a name of its own")
    return experiment


async def _why_not(connection: Connection, name: str) -> str:
    row = await connection.fetchrow(_IN_THE_WAY, name)
    other = row["name"] if row else "another experiment"
    whom = f"tenant {row['tenants']}" if row and row["tenants"] else "tenants of it"
    return f"{name} cannot start: {other} is running for {whom}, and one experiment runs for a tenant; stop it first"


_STOP = """
    UPDATE experiments SET state = 'stopped', stopped_at = now() WHERE name = $1 AND state = 'running' RETURNING name
"""
_WIDEN = """
    UPDATE experiments SET share = $2 WHERE name = $1 AND state = 'running' AND share < $2 RETURNING name
"""


async def stop_experiment(connection: Connection, name: str) -> Experiment:
    """End a running experiment; requests that have a variant keep it.

    Raises:
        UnknownExperiment: there is none of this name.
        ExperimentRefused: it is not running.
    """
    stopped = await connection.fetchval(_STOP, name)
    experiment = await find_experiment(connection, name)
    if stopped is None:
        raise ExperimentRefused(f"{name} is not running: it is {_told(experiment)}")
    return experiment


async def widen_experiment(connection: Connection, name: str, share: float) -> Experiment:
    """Have a running experiment take a larger share; nobody who has a variant gets another.

    Raises:
        UnknownExperiment: there is none of this name.
        ExperimentRefused: it is not running, or its share is as large.
    """
    widened = await connection.fetchval(_WIDEN, name, share)
    experiment = await find_experiment(connection, name)
    if widened is None and experiment.state is not ExperimentState.RUNNING:
        raise ExperimentRefused(f"{name} is not running: it is {_told(experiment)}")
    if widened is None:
        raise ExperimentRefused(f"the share of {name} is {experiment.share:g} already, and it can only grow")
    return experiment


def _told(experiment: Experiment) -> str:
    return "a draft" if experiment.state is ExperimentState.DRAFT else experiment.state


@dataclass(frozen=True, slots=True)
class VariantCount:
    """How many requests of a variant are in the ledger, and how many of them have a post."""

    variant: str
    requests: int
    posts: int


_COUNT = """
    SELECT variant, count(*) AS requests, count(*) FILTER (WHERE state = 'done') AS posts
    FROM feed_requests
    WHERE experiment_id = $1
    GROUP BY variant
"""


async def count_by_variant(connection: Connection, experiment_id: UUID) -> dict[str, VariantCount]:
    """Return what the ledger has of an experiment, by variant; revisions count each."""
    return {row["variant"]: VariantCount(**dict(row)) for row in await connection.fetch(_COUNT, experiment_id)}
