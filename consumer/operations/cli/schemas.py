"""`instagram-feed schemas`: the contracts as files for other tools."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from consumer.operations.cli.errors import EXIT_FAILED, CommandError, in_one_line
from consumer.operations.cli.output import JsonOption, print_json, say
from consumer.operations.contract_files import (
    ContractFile,
    UnreadableBaseline,
    breaking_changes,
    compare_files,
    write_files,
)

schemas = typer.Typer(help="Export the contracts as JSON Schemas and an AsyncAPI document.", no_args_is_help=True)

COMMITTED = Path("schemas/contracts")


@schemas.callback()
def _commands() -> None:
    """Require the name of the command, even while there is only one."""


@schemas.command()
def export(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Target directory; created if missing.", file_okay=False)
    ] = COMMITTED,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if a file is stale or a change is breaking.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Write a JSON Schema for the values and headers of each topic, and an AsyncAPI 3.0 document for all.

    Needs no settings and no servers. With --check it also compares with DIR/baseline, if that exists: inputs may become
    wider and outputs may gain fields; any other change is breaking.

    Example: instagram-feed schemas export contracts
    """
    files = compare_files(folder) if check else _written(folder)
    breaking = _breaking(folder) if check else []
    if json:
        print_json({"files": [{"path": str(file.path), "state": file.state} for file in files], "breaking": breaking})
    elif not check:
        _tell(folder, files)
    if problems := [*_stale(files), *breaking]:
        raise CommandError(in_one_line(problems), exit_code=EXIT_FAILED)


def _written(folder: Path) -> list[ContractFile]:
    try:
        return write_files(folder)
    except OSError as error:
        raise CommandError(f"{error.filename or folder}: {error.strerror or error}") from error


def _breaking(folder: Path) -> list[str]:
    try:
        return breaking_changes(folder)
    except UnreadableBaseline as error:
        raise CommandError(str(error)) from error


def _stale(files: Sequence[ContractFile]) -> list[str]:
    return [
        f"{file.path} does not match the models: run `instagram-feed schemas export {file.path.parent}`"
        for file in files
        if file.state == "stale"
    ]


def _tell(folder: Path, files: Sequence[ContractFile]) -> None:
    written = [file for file in files if file.state == "written"]
    say(f"{folder}: {len(files)} files, {len(written)} of them new or changed")
