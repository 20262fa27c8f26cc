"""`instagram-feed prompts`: prompts."""

import asyncio
import getpass
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from consumer.operations.cli.database import database_connection
from consumer.operations.cli.errors import CommandError, UsageError
from consumer.operations.cli.output import DryRunOption, JsonOption, people_console, print_json, say
from consumer.operations.cli.prompts.preview import preview
from consumer.operations.cli.prompts.trial import try_
from consumer.operations.cli.tables import WideOption, print_table
from consumer.post.wording_rules import doubts_about, problems_of
from consumer.settings import DatabaseSettings, load
from repository.operations.prompt_changes import AddedPrompt, add_prompt
from repository.prompts import Prompt, UnknownPrompt, all_prompts, find_prompt, split_reference

STDIN = Path("-")

prompts = typer.Typer(help="List, add, preview and try prompts.", no_args_is_help=True)
prompts.command()(preview)
prompts.command("try")(try_)


@prompts.command("list")
def list_(*, wide: WideOption = False, json: JsonOption = False) -> None:
    """List all versions of all prompts. `LLM_PROMPT` chooses one, and so does the variant of an experiment.

    Example: instagram-feed prompts list
    """
    found = asyncio.run(_all())
    if json:
        print_json([_document(prompt) for prompt in found])
    else:
        print_table(_table(found), wide=wide)


@prompts.command()
def show(
    prompt: Annotated[str, typer.Argument(metavar="NAME[:VERSION]", help="NAME (the newest version) or NAME:VERSION.")],
    *,
    json: JsonOption = False,
) -> None:
    """Show the wording of a prompt.

    Example: instagram-feed prompts show feed-post:1
    """
    found = asyncio.run(_found(prompt))
    if json:
        print_json(_document(found))
    else:
        people_console().print(found.template, soft_wrap=True)


@prompts.command()
def add(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of a new prompt, or of an existing one for a new version.")
    ],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The wording, in UTF-8; - for standard input.")],
    *,
    by: Annotated[str | None, typer.Option(help="The author.", show_default="the user of this machine")] = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Add a version of a prompt: the instructions, which may contain {language} and {max_hashtags}.

    It must ask for the JSON answer, name the advertisement's five fields, and say that they are enclosed in tags;
    `instagram-feed prompts show feed-post:1` shows an example. Adding the same wording again has no effect.

    Example: instagram-feed prompts add hook-first wording.txt
    """
    template = _wording(file)
    if problems := [*_name_problems(name), *problems_of(template)]:
        raise UsageError(f"{name} cannot be added: {'; '.join(problems)}")
    for doubt in doubts_about(template):
        say(f"warning: {doubt}", err=True)
    if dry_run:
        if json:
            print_json({"dry_run": True, "prompt_name": name, "template": template})
        else:
            say(f"{name} could be added.")
        return
    added = asyncio.run(_added(name, template, by or getpass.getuser()))
    if json:
        print_json({**_document(added.prompt), "is_new": added.is_new})
    else:
        say(
            f"{added.prompt.reference} {'is added' if added.is_new else 'has this wording already: nothing was added'}."
        )


def _name_problems(name: str) -> list[str]:
    wants = "a prompt's name consists of letters, digits and ._-, at most 63"
    try:
        return [] if split_reference(name)[1] is None else [wants]
    except UnknownPrompt:
        return [wants]


def _wording(file: Path) -> str:
    try:
        text = (sys.stdin.buffer.read() if file == STDIN else file.read_bytes()).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CommandError(f"{file} is not in UTF-8") from None
    return text.replace("\r\n", "\n").strip("\n")


async def _all() -> list[Prompt]:
    async with database_connection(load(DatabaseSettings)) as connection:
        return await all_prompts(connection)


async def _found(reference: str) -> Prompt:
    async with database_connection(load(DatabaseSettings)) as connection:
        try:
            return await find_prompt(connection, reference)
        except UnknownPrompt as error:
            raise CommandError(str(error)) from None


async def _added(name: str, template: str, created_by: str) -> AddedPrompt:
    async with database_connection(load(DatabaseSettings)) as connection:
        return await add_prompt(connection, name, template, created_by=created_by)


def _document(prompt: Prompt) -> dict[str, Any]:
    return asdict(prompt)


def _table(found: Sequence[Prompt]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("prompt", "characters", "added", "by"):
        table.add_column(name, no_wrap=name != "by", justify="right" if name == "characters" else "left")
    for prompt in found:
        added = f"{prompt.created_at:%Y-%m-%d %H:%M}"
        table.add_row(prompt.reference, f"{len(prompt.template):,}", added, prompt.created_by)
    return table
