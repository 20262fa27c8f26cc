"""`instagram-feed replay`: reads a range of a topic again."""

import asyncio
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from consumer.errors import in_words
from consumer.operations.cli.agreement import USUAL_MAX_COST_USD, Consent, MaxCostOption, YesOption
from consumer.operations.cli.deliveries import DeliveryOption
from consumer.operations.cli.errors import EXIT_INTERRUPTED, CommandError, UsageError
from consumer.operations.cli.output import DryRunOption, JsonOption, print_json, say
from consumer.operations.delivery import Delivery
from consumer.operations.replay.boundaries import Boundary, RangeError, parse_boundary
from consumer.operations.replay.choice import Conditions, Mode
from consumer.settings import load

if TYPE_CHECKING:
    from consumer.operations.cli.replay.run import Result


def _boundary(text: str) -> Boundary:
    try:
        return parse_boundary(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def replay(  # noqa: PLR0913 - the options of one command
    *,
    mode: Annotated[
        Mode,
        typer.Option(
            help="missing: write posts for overlays that have none. republish: send stored created events again, "
            "byte for byte, without an LLM. regenerate: write a new revision of every post."
        ),
    ] = Mode.MISSING,
    topic: Annotated[
        str | None,
        typer.Option(help="Topic to read; may be the dead letter topic.", show_default="OVERLAY_COMPLETED_TOPIC"),
    ] = None,
    from_: Annotated[
        str,
        typer.Option(
            "--from", "--since", help="earliest, an offset (with --partition), or a time such as 2026-11-25T09:00Z."
        ),
    ] = "earliest",
    to: Annotated[
        str, typer.Option("--to", "--until", help="The same for the exclusive end; latest is the current end.")
    ] = "latest",
    partition: Annotated[int | None, typer.Option(min=0, help="Only this partition.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only events of this tenant_id.")] = None,
    overlay: Annotated[UUID | None, typer.Option(help="Only events of this overlay_id.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Maximum number of overlays.")] = None,
    if_prompt_version_not: Annotated[
        str | None,
        typer.Option(
            "--prompt-version-not",
            "--if-prompt-version-not",
            help="regenerate: skip posts of this prompt version.",
        ),
    ] = None,
    if_model_not: Annotated[
        str | None,
        typer.Option("--model-not", "--if-model-not", help="regenerate: skip posts by this model_name."),
    ] = None,
    id_: Annotated[
        str | None, typer.Option("--id", metavar="NAME", help="Names the replay.", show_default="from the options")
    ] = None,
    delivery: DeliveryOption = None,
    max_cost_usd: MaxCostOption = USUAL_MAX_COST_USD,
    yes: YesOption = False,
    wait: Annotated[
        bool,
        typer.Option("--wait/--no-wait", help="Wait until consumers are done, but not for batches."),
    ] = True,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Read a range of events again, to write missing posts, republish posts or rewrite them.

    The range is read outside the consumer group. Posts to write are queued in the background: running consumers write
    them in the slots that live events leave. A replay has a name; run again, it resumes and requests nothing twice.
    To repeat it, give another --id.

    Example: instagram-feed replay --mode regenerate --from 2026-11-24 --if-prompt-version-not feed-post-1-1a2b3c4d
    --dry-run
    """
    # here, so that `--help` does not wait for the clients
    from aiokafka.errors import KafkaError  # noqa: PLC0415

    from consumer.kafka.sessions import BrokerUnavailable  # noqa: PLC0415
    from consumer.operations.cli.replay.run import ReplayRequest, ReplaySettings, replayed  # noqa: PLC0415
    from consumer.operations.cli.replay.view import document, sentences  # noqa: PLC0415
    from consumer.operations.replay.replayer import ReplayFilter  # noqa: PLC0415

    conditions = Conditions(if_prompt_version_not, if_model_not)
    if delivery is Delivery.BATCH and mode is Mode.REPUBLISH:
        raise UsageError("--delivery batch needs a mode that writes: missing, regenerate")
    if conditions != Conditions() and mode is not Mode.REGENERATE:
        raise UsageError("--prompt-version-not and --model-not need --mode regenerate")
    settings = load(ReplaySettings)
    asked = ReplayRequest(
        topic=topic or settings.overlay_completed_topic,
        begin_text=from_,
        end_text=to,
        begin=_boundary(from_),
        end=_boundary(to),
        partition=partition,
        wanted=ReplayFilter(mode, conditions, tenant, overlay, limit),
        name=id_,
        delivery=delivery,
    )
    try:
        result = asyncio.run(replayed(settings, asked, Consent(max_cost_usd, yes), wait=wait, dry_run=dry_run))
    except RangeError as error:
        raise UsageError(str(error)) from error
    except BrokerUnavailable as error:
        raise CommandError(str(error)) from error
    except UnicodeDecodeError as error:
        raise CommandError(
            "a record of the range has a header whose name is not UTF-8: its batch cannot be read; "
            "leave it out with --partition, --from and --to"
        ) from error
    except KafkaError as error:
        raise CommandError(f"unexpected response of the broker ({in_words(error)})") from error
    if json:
        print_json(document(result))
    else:
        for sentence in sentences(result):
            say(sentence)
    _exit_by(result)


def _exit_by(result: "Result") -> None:
    if result.is_interrupted:
        raise CommandError(
            f"interrupted: the same command, or --id {result.name}, resumes; "
            "what is entered stays entered, running consumers write it",
            exit_code=EXIT_INTERRUPTED,
        )
    if result.progress and result.progress.failed:
        raise CommandError(f"{result.progress.failed} failed: `instagram-feed requests list --state failed`")
