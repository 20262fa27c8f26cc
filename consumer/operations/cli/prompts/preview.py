"""`instagram-feed prompts preview`: the exact messages for a model."""

import asyncio
from typing import Any

from consumer.llm.chat import as_text
from consumer.operations.cli.database import database_connection
from consumer.operations.cli.output import JsonOption, people_console, print_json
from consumer.operations.cli.prompts.choice import FileArgument, LimitOption, PromptOption, events_of, filled_prompts
from consumer.post.prompt import PromptTemplate
from consumer.settings import DatabaseSettings, PostSettings, load
from repository.prompts import Prompt
from schemas.overlay_completed import OverlayCompleted


class PreviewSettings(DatabaseSettings, PostSettings):
    """The settings for a template."""


def preview(
    file: FileArgument, *, prompt: PromptOption = None, limit: LimitOption = 1, json: JsonOption = False
) -> None:
    """Show the exact messages for events of a file; no call is made.

    Example: instagram-feed prompts preview events.jsonl --prompt feed-post:1
    """
    events = events_of(file, limit=limit)
    settings = load(PreviewSettings)
    shown = [(event, *pair) for event in events for pair in asyncio.run(_filled(settings, prompt))]
    if json:
        print_json([_document(*one) for one in shown])
        return
    console = people_console()
    for event, found, template in shown:
        console.rule(f"{event.overlay_id} with {found.reference}, prompt_version {template.version}")
        console.print(as_text(template.messages(event)), soft_wrap=True)


async def _filled(settings: PreviewSettings, references: list[str] | None) -> list[tuple[Prompt, PromptTemplate]]:
    async with database_connection(settings) as connection:
        return await filled_prompts(connection, references, settings)


def _document(event: OverlayCompleted, prompt: Prompt, template: PromptTemplate) -> dict[str, Any]:
    return {
        "overlay_id": event.overlay_id,
        "prompt": prompt.reference,
        "prompt_version": template.version,
        "messages": [{"role": message.role, "content": message.content} for message in template.messages(event)],
    }
