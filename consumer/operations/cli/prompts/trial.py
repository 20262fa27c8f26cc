"""`instagram-feed prompts try`: compares prompts with real calls."""

import asyncio
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from consumer.operations.cli.agreement import USUAL_MAX_COST_USD, Consent, MaxCostOption, YesOption
from consumer.operations.cli.database import database_connection
from consumer.operations.cli.errors import CommandError
from consumer.operations.cli.output import DryRunOption, JsonOption, people_console, print_json, say, usd
from consumer.operations.cli.prompts.choice import FileArgument, LimitOption, PromptOption, events_of, filled_prompts
from consumer.operations.cli.signals import cancel_on_signals
from consumer.settings import DatabaseSettings, LlmSettings, load
from repository.llm_models import LlmModel, ModelNotUsable, find_active
from repository.operations.replay_requests import PastCalls, past_calls
from repository.prompts import Prompt

if TYPE_CHECKING:
    from consumer.operations.prompts.trial import TrialPost
    from consumer.operations.replay.estimate import Estimate
    from consumer.post.prompt import PromptTemplate
    from schemas.overlay_completed import OverlayCompleted

PAST_POSTS = 500


class TrySettings(DatabaseSettings, LlmSettings):
    """The settings for a call, and the prompts."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is to be tried."""

    events: "list[OverlayCompleted]"
    templates: "list[tuple[Prompt, PromptTemplate]]"
    model: LlmModel
    estimate: "Estimate"


def try_(
    file: FileArgument,
    *,
    prompt: PromptOption = None,
    model: Annotated[str | None, typer.Option(help="An active model.", show_default="LLM_MODEL")] = None,
    limit: LimitOption = 5,
    max_cost_usd: MaxCostOption = USUAL_MAX_COST_USD,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Write posts for events of a file with each prompt, and show them side by side with their cost.

    The calls are real and cost money; nothing is stored.

    Example: instagram-feed prompts try events.jsonl --prompt feed-post --prompt hook-first --limit 2 --dry-run
    """
    settings = load(TrySettings)
    trial = asyncio.run(_planned(settings, events_of(file, limit=limit), prompt, model))
    if dry_run:
        _show_estimate(trial, json=json)
        return
    calls = trial.estimate.posts
    Consent(max_cost_usd, yes).obtain(f"{calls} calls would be made", trial.estimate.cost_usd)
    results = asyncio.run(_tried(settings, trial))
    if json:
        print_json([_document(result) for result in results])
    else:
        _show(results)
    if failed := [result for result in results if result.post is None]:
        raise CommandError(f"{len(failed)} of {len(results)} calls led to no post")


async def _planned(
    settings: TrySettings, events: "list[OverlayCompleted]", references: list[str] | None, model_name: str | None
) -> Trial:
    from consumer.operations.replay.estimate import estimate  # noqa: PLC0415 - for --help this is too long to import

    async with database_connection(settings) as connection:
        templates = await filled_prompts(connection, references, settings)
        try:
            model = await find_active(connection, model_name or settings.llm_model)
        except ModelNotUsable as error:
            raise CommandError(f"{'--model' if model_name else 'LLM_MODEL'}: {error}") from None
        past: PastCalls = await past_calls(connection, model.llm_model_id, posts=PAST_POSTS)
    characters = sum(
        len(message.content) for event in events for _, template in templates for message in template.messages(event)
    )
    calls = len(events) * len(templates)
    return Trial(events, templates, model, estimate(calls, characters, past, model, max_in_flight=1))


async def _tried(settings: TrySettings, trial: Trial) -> "list[TrialPost]":
    # openai and aiohttp take a second to import, which an estimate does not need
    from consumer.llm.writer import Writer, open_client  # noqa: PLC0415
    from consumer.operations.prompts.trial import AT_ONCE, tried  # noqa: PLC0415
    from schemas.post import INSTAGRAM_POST_JSON_SCHEMA  # noqa: PLC0415

    cancel_on_signals()
    endpoint = settings.endpoint(trial.model.provider, model=trial.model.full_name)
    client = open_client(endpoint, timeout_s=settings.llm_timeout_s, max_connections=AT_ONCE)
    try:
        writer = Writer(
            client,
            trial.model,
            response_format=INSTAGRAM_POST_JSON_SCHEMA,
            timeout_s=settings.llm_timeout_s,
            temperature=settings.llm_temperature,
            max_tokens=settings.llm_max_tokens,
        )
        return await tried(trial.events, trial.templates, writer, settings)
    finally:
        await client.close()


def _show_estimate(trial: Trial, *, json: bool) -> None:
    calls, cost_usd = trial.estimate.posts, trial.estimate.cost_usd
    prompts = [prompt.reference for prompt, _ in trial.templates]
    if json:
        print_json(
            {
                "dry_run": True,
                "model": trial.model.full_name,
                "prompts": prompts,
                "calls": calls,
                "estimated_usd": cost_usd,
                "is_guess": trial.estimate.is_guess,
            }
        )
        return
    say(
        f"{calls} calls of {trial.model.full_name} would be made ({len(trial.events)} events with "
        f"{', '.join(prompts)}), for about USD {usd(cost_usd)}{' at a guess' if trial.estimate.is_guess else ''}."
    )


def _document(result: "TrialPost") -> dict[str, Any]:
    return asdict(result)


def _show(results: "list[TrialPost]") -> None:
    """Print the posts of an event side by side, one column per prompt."""
    console = people_console()
    for overlay_id in dict.fromkeys(result.overlay_id for result in results):
        beside = [result for result in results if result.overlay_id == overlay_id]
        table = Table(title=str(overlay_id), title_justify="left", expand=True)
        for result in beside:
            table.add_column(result.prompt, overflow="fold", ratio=1)
        table.add_row(*(_cell(result) for result in beside))
        console.print(table)
    for prompt in dict.fromkeys(result.prompt for result in results):
        costs = [result.cost_usd for result in results if result.prompt == prompt]
        known = sum((cost for cost in costs if cost is not None), Decimal(0))
        say(f"{prompt}: {len(costs)} calls, USD {usd(known)}")


def _cell(result: "TrialPost") -> str:
    figures = f"{result.prompt_tokens} + {result.completion_tokens} tokens, USD {usd(result.cost_usd)}"
    if result.post is None:
        return f"No post: {result.problem}\n\n{figures}"
    warnings = f"\nwarnings: {', '.join(result.warnings)}" if result.warnings else ""
    return f"{result.post.instagram_ad_copy}\n\n{result.post.hashtags}\n\n{figures}{warnings}"
