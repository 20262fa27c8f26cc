"""`instagram-feed experiments create`: a draft, which has no effect until started."""

import asyncio
import math
from typing import Annotated

import typer
from pydantic import Field, TypeAdapter, ValidationError

from consumer.operations.cli.errors import CommandError, UsageError
from consumer.operations.cli.experiments.database import experiments_database, require_name
from consumer.operations.cli.experiments.view import document, print_experiment
from consumer.operations.cli.output import DryRunOption, JsonOption, print_json, say
from consumer.operations.experiments.creation import require_different, resolved
from consumer.operations.experiments.variant_spec import VariantSpec, WrongVariant, parse_variant
from consumer.telemetry.visible_text import one_line
from repository.experiments import Experiment
from repository.operations.experiment_changes import (
    NewExperiment,
    UnknownExperiment,
    create_experiment,
    find_experiment,
)
from repository.pool import Connection
from schemas.experiments import AssignmentUnit
from schemas.wire_types import VisibleId

VARIANT_FORM = "VARIANT[:WEIGHT][,prompt=NAME:VERSION][,model=MODEL][,temperature=X][,max_tokens=N]"
MOST_TENANT_CHARS = 255

_TENANT_ID = TypeAdapter(Annotated[VisibleId, Field(max_length=MOST_TENANT_CHARS)])


def create(  # noqa: PLR0913 - the options of one command
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, which is also the seed of the assignment.")],
    *,
    control: Annotated[
        str | None,
        typer.Option(metavar="VARIANT", help=f"The variant that the others are compared with: {VARIANT_FORM}"),
    ] = None,
    variant: Annotated[
        list[str] | None, typer.Option(metavar="VARIANT", help="Another variant, in the same form; repeatable.")
    ] = None,
    share: Annotated[float, typer.Option(help="Share of all units that take part: above 0, at most 1.")] = 1.0,
    unit: Annotated[
        AssignmentUnit, typer.Option(help="The unit that is assigned to a variant.")
    ] = AssignmentUnit.OVERLAY,
    tenant: Annotated[
        list[str] | None,
        typer.Option(metavar="TENANT_ID", help="Only for this tenant; repeatable.", show_default="all tenants"),
    ] = None,
    minimal_effect: Annotated[
        float | None,
        typer.Option(
            help="The smallest relative difference worth finding, such as 0.05. `report` says how many posts find it "
            "with a power of 80%: for a single look, and about 1.9 times as many for any number of looks."
        ),
    ] = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Create an experiment as a draft; start it with `start`.

    A variant lists what differs: prompt, model, temperature, max_tokens; everything else is as without an experiment.
    Weights are proportions: 70 and 30 are the same as 0.7 and 0.3.

    Example: instagram-feed experiments create tone --control now:70 --variant hook:30,prompt=hook-first:1
    """
    if control is None:
        raise UsageError(f"--control is missing; expected: {VARIANT_FORM}")
    require_name(name)
    _require_figures(share, minimal_effect)
    tenants = _tenants(tenant)
    try:
        specs = [_read("--control", control), *(_read("--variant", each) for each in variant or ())]
        require_different(specs)
        new = asyncio.run(_created(name, specs, unit, share, tenants, minimal_effect, dry_run=dry_run))
    except WrongVariant as error:
        raise UsageError(str(error)) from None
    if new is None:
        _say_possible(name, specs, json=json)
    elif json:
        print_json(document(new))
    else:
        print_experiment(new)
        say(f"Start it with: instagram-feed experiments start {name}")


def _read(option: str, text: str) -> VariantSpec:
    try:
        return parse_variant(text)
    except WrongVariant as error:
        raise WrongVariant(f"{option}: {error}") from None


def _require_figures(share: float, minimal_effect: float | None) -> None:
    if not 0 < share <= 1:
        raise UsageError(f"--share: {share:g} is invalid; expected: a number above 0, at most 1")
    if minimal_effect is not None and not 0 < minimal_effect < math.inf:
        raise UsageError(f"--minimal-effect: {minimal_effect:g} is invalid; expected: a number above 0, such as 0.05")


def _tenants(given: list[str] | None) -> list[str]:
    tenants = list(dict.fromkeys(given or ()))
    for tenant in tenants:
        try:
            _TENANT_ID.validate_python(tenant)
        except ValidationError:
            wants = f"a tenant_id that can be seen and printed, of 1 to {MOST_TENANT_CHARS} characters"
            raise UsageError(f"--tenant: '{one_line(tenant)}' is invalid; expected: {wants}") from None
    return tenants


async def _created(
    name: str,
    specs: list[VariantSpec],
    unit: AssignmentUnit,
    share: float,
    tenants: list[str],
    minimal_effect: float | None,
    *,
    dry_run: bool,
) -> Experiment | None:
    async with experiments_database() as connection:
        variants = [await resolved(connection, spec) for spec in specs]
        new = NewExperiment(
            name=name,
            unit=unit,
            share=share,
            minimal_effect=minimal_effect,
            variants=variants,
            tenants=tenants,
        )
        if dry_run:
            await _require_new(connection, name)
            return None
        return await create_experiment(connection, new)


async def _require_new(connection: Connection, name: str) -> None:
    try:
        await find_experiment(connection, name)
    except UnknownExperiment:
        return
    raise CommandError(f"experiment {name} exists already; choose another name")


def _say_possible(name: str, specs: list[VariantSpec], *, json: bool) -> None:
    names = [spec.name for spec in specs]
    if json:
        print_json({"dry_run": True, "name": name, "variants": names})
    else:
        say(f"{name} could be created, with {', '.join(names)}.")
