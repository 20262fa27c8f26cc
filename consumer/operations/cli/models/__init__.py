"""`instagram-feed models`: the list of models with capabilities and prices."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from consumer.operations.cli.database import database_connection
from consumer.operations.cli.errors import CommandError, UsageError
from consumer.operations.cli.models.view import change_line, model_view, models_table
from consumer.operations.cli.output import (
    CsvOption,
    DryRunOption,
    JsonOption,
    people_console,
    print_csv,
    print_json,
    refuse_both,
    say,
)
from consumer.operations.cli.tables import WideOption, print_table
from consumer.operations.models.model_fields import (
    ENDPOINT_LIMITS,
    ModelFields,
    WrongModelField,
    check_together,
    read_changes,
)
from consumer.settings import DatabaseSettings, load
from repository.llm_models import LlmModel, ModelNotUsable, all_models, find_one
from repository.operations.model_changes import ModelChanges, add_model, change_models, switch_model
from repository.pool import Connection

SUMMARY = "Show and change models: defaults, prices, capabilities, shutdown dates."
COLUMNS_HELP = "Columns: " + "; ".join(
    f"`{name}` ({field.description})" for name, field in ModelFields.model_fields.items()
)

models = typer.Typer(help=SUMMARY, no_args_is_help=True)

ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="NAME, PROVIDER/NAME, either with @VERSION, or a llm_model_id.")
]
AssignmentsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[COLUMN=VALUE]…", help="Columns to set; COLUMN= clears one.")
]


@models.callback()
def _group() -> None:
    """Show and change models: defaults, prices, capabilities, shutdown dates."""


@models.command("list")
def list_(
    *,
    active: Annotated[bool, typer.Option("--active", help="Only active models.")] = False,
    wide: WideOption = False,
    json: JsonOption = False,
    csv: CsvOption = False,
) -> None:
    """List models, with prices in USD per 1,000,000 tokens.

    Example: instagram-feed models list --active
    """
    refuse_both(json=json, csv=csv)
    found = [model for model in asyncio.run(_all()) if model.is_active or not active]
    if json:
        print_json([document(model) for model in found])
    elif csv:
        print_csv([document(model) for model in found], [field.name for field in fields(LlmModel)])
    elif found:
        print_table(models_table(found, today=datetime.now(UTC).date()), wide=wide)
    else:
        say("No models.")


@models.command()
def show(model: ModelArgument, *, json: JsonOption = False) -> None:
    """Show all columns of one model.

    Example: instagram-feed models show openai/gpt-4o-mini@2024-07-18
    """
    _print(asyncio.run(_found(model)), json=json)


@models.command(epilog=COLUMNS_HELP)
def add(
    model: Annotated[str, typer.Argument(metavar="PROVIDER/NAME[@VERSION]", help="Provider and names of the model.")],
    columns: AssignmentsArgument = None,
    *,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Add a model; it is active at once. Limits of its provider's endpoint are filled in.

    Example: instagram-feed models add google/gemini-3.5-flash-lite default_temperature=0.7
    """
    identity = _identity(model)
    changes: ModelChanges = {**ENDPOINT_LIMITS[str(identity["provider"])], **_read(columns)}
    values: ModelChanges = {**identity, **_checked({**ModelFields().model_dump(), **changes})}
    if dry_run:
        _print_changes(model, dict.fromkeys(values), values, dry_run=True, json=json)
    else:
        _print(asyncio.run(_added(model, values)), json=json)


@models.command(epilog=COLUMNS_HELP)
def update(
    model: ModelArgument,
    columns: AssignmentsArgument = None,
    *,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Change columns of a model. Stored posts keep their cost; running consumers apply changes within a minute.

    Example: instagram-feed models update gpt-4o-mini prompt_token_cost_per_1m=0.15 shutdown_date=2027-01-14
    """
    changes = _read(columns)
    if not changes:
        raise UsageError("say what to change: COLUMN=VALUE (see `instagram-feed models update --help`)")
    before, after = asyncio.run(_updated(model, changes, dry_run=dry_run))
    was, now = document(before), changes if dry_run else document(after)
    _print_changes(before.full_name, {name: was[name] for name in changes}, now, dry_run=dry_run, json=json)


@models.command()
def activate(model: ModelArgument, *, json: JsonOption = False) -> None:
    """Allow a model to be used.

    Example: instagram-feed models activate gpt-6-luna
    """
    _switch(model, active=True, json=json)


@models.command()
def deactivate(model: ModelArgument, *, json: JsonOption = False) -> None:
    """Make `run` and `doctor` refuse a model. A running consumer stops calling it within a minute.

    Example: instagram-feed models deactivate gpt-4o-mini
    """
    _switch(model, active=False, json=json)


@models.command()
def prices(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]…", help="Only these models; default: all.")
    ] = None,
    *,
    apply: Annotated[bool, typer.Option("--apply/--dry-run", help="Store the listed prices, or only compare.")] = False,
    json: JsonOption = False,
) -> None:
    """Compare stored prices with the list prices of the package genai-prices, and apply them with --apply.

    List prices are for standard processing. Stored posts keep their cost.

    Example: instagram-feed models prices gpt-4o-mini --apply
    """
    from consumer.operations.cli.models import price_comparison  # noqa: PLC0415 - its data takes a fifth of a second to import

    compared = price_comparison.compare(asyncio.run(_selected(names)))
    differing = {one.model.llm_model_id: one.differing for one in compared if one.differing}
    if apply and differing:
        asyncio.run(_repriced(differing))
    if json:
        print_json(price_comparison.comparison_document(compared, applied=apply))
        return
    people_console().print(price_comparison.comparison_table(compared, applied=apply))
    if differing:
        what = "now have the listed prices" if apply else "differ; --apply stores the listed prices"
        say(f"{len(differing)} models {what}.")


@asynccontextmanager
async def models_database() -> AsyncIterator[Connection]:
    """Open the database for a command.

    Raises:
        CommandError: it cannot be used, or a model was not found in it.
    """
    try:
        async with database_connection(load(DatabaseSettings)) as connection:
            yield connection
    except ModelNotUsable as error:
        raise CommandError(str(error)) from None


def document(model: LlmModel) -> dict[str, Any]:
    """Return a model in JSON, under the names of its columns."""
    return asdict(model)


async def _all() -> list[LlmModel]:
    async with models_database() as connection:
        return await all_models(connection)


async def _found(name: str) -> LlmModel:
    async with models_database() as connection:
        return await find_one(connection, name)


async def _selected(names: list[str] | None) -> list[LlmModel]:
    async with models_database() as connection:
        if not names:
            return await all_models(connection)
        return [await find_one(connection, name) for name in names]


async def _repriced(changes: Mapping[UUID, ModelChanges]) -> None:
    async with models_database() as connection:
        await change_models(connection, changes)


async def _added(name: str, values: ModelChanges) -> LlmModel:
    async with models_database() as connection:
        model = await add_model(connection, values)
    if model is None:
        raise CommandError(f"{name} is there already; change it with `instagram-feed models update {name}`")
    return model


async def _updated(name: str, changes: ModelChanges, *, dry_run: bool) -> tuple[LlmModel, LlmModel]:
    """Return the model before and after."""
    async with models_database() as connection:
        before = await find_one(connection, name)
        _checked({**asdict(before), **changes})
        changed = [] if dry_run else await change_models(connection, {before.llm_model_id: changes})
    return before, changed[0] if changed else before


async def _switched(name: str, *, active: bool) -> LlmModel:
    async with models_database() as connection:
        model = await find_one(connection, name)
        return await switch_model(connection, model.llm_model_id, active=active)


def _switch(name: str, *, active: bool, json: bool) -> None:
    model = asyncio.run(_switched(name, active=active))
    if json:
        print_json(document(model))
    else:
        say(f"{model.full_name} is {'active' if active else 'inactive'}.")


def _identity(name: str) -> ModelChanges:
    provider, slash, rest = name.partition("/")
    model_name, _, version = rest.partition("@")
    if not slash or not model_name or provider not in ENDPOINT_LIMITS:
        providers = ", ".join(ENDPOINT_LIMITS)
        raise UsageError(
            f"'{name}' is not a valid name for a new model; expected: PROVIDER/NAME[@VERSION], from {providers}"
        )
    return {"provider": provider, "model_name": model_name, "model_version": version or None}


def _read(columns: list[str] | None) -> ModelChanges:
    try:
        return read_changes(columns or ())
    except WrongModelField as error:
        raise CommandError(str(error)) from None


def _checked(values: ModelChanges) -> ModelChanges:
    try:
        check_together(values)
    except WrongModelField as error:
        raise CommandError(str(error)) from None
    return values


def _print(model: LlmModel, *, json: bool) -> None:
    if json:
        print_json(document(model))
    else:
        people_console().print(model_view(model))


def _print_changes(name: str, before: ModelChanges, after: ModelChanges, *, dry_run: bool, json: bool) -> None:
    changed = {column: {"before": before[column], "after": after[column]} for column in before}
    if json:
        print_json({"dry_run": dry_run, "model": name, "changes": changed})
        return
    say(f"{name}{' would have' if dry_run else ' has'} now:")
    for column, values in changed.items():
        say(change_line(column, values["before"], values["after"]))
