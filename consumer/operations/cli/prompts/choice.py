"""What `prompts preview` and `prompts try` share: prompts by name, events from a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from consumer.operations.cli.errors import CommandError
from consumer.operations.prompts.event_file import WrongLine, first_events
from consumer.pipeline.prompts import template_of
from consumer.post.prompt import PromptTemplate
from consumer.settings import PostSettings
from repository.pool import Connection
from repository.prompts import Prompt, UnknownPrompt, find_prompt
from schemas.event_types import DEFAULT_EVENT_TYPES
from schemas.overlay_completed import OverlayCompleted

MOST_EVENT_BYTES = 10_485_760

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE.jsonl", help="A file with one overlay.completed event per line.")
]
PromptOption = Annotated[
    list[str] | None,
    typer.Option("--prompt", metavar="NAME[:VERSION]", help="Repeatable.", show_default="LLM_PROMPT"),
]
LimitOption = Annotated[int, typer.Option(min=1, max=1_000, help="Maximum number of events.")]


def events_of(file: Path, *, limit: int) -> list[OverlayCompleted]:
    """Return the first events of a file.

    Raises:
        CommandError: a line is not an event, or the file is empty.
    """
    try:
        events = first_events(file, limit=limit, max_event_bytes=MOST_EVENT_BYTES, event_types=DEFAULT_EVENT_TYPES)
    except WrongLine as error:
        raise CommandError(f"{file}: {error}") from None
    if not events:
        raise CommandError(f"{file}: no events")
    return events


async def filled_prompts(
    connection: Connection, references: Sequence[str] | None, settings: PostSettings
) -> list[tuple[Prompt, PromptTemplate]]:
    """Return the templates of the named prompts, or that of LLM_PROMPT.

    Raises:
        CommandError: there is no such prompt.
    """
    try:
        found = [await find_prompt(connection, each) for each in references or [settings.llm_prompt]]
    except UnknownPrompt as error:
        raise CommandError(str(error)) from None
    return [(prompt, template_of(prompt, settings)) for prompt in found]
