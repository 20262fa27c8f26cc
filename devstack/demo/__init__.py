"""`instagram-feed demo`: some events all the way through, on a stack of their own, with everything checked.

What starts servers is imported when the command runs, so that `instagram-feed --help` stays quick.
"""

import asyncio
import os
from typing import Annotated

import typer

from consumer.operations.cli.errors import CommandError
from devstack.errors import DemoFailed, StackError


def demo(
    *,
    real: Annotated[
        bool, typer.Option("--real", help="Have the model of your OPENAI_API_KEY write, which costs a cent or so.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --real spends money.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running, and say how to use it.")] = False,
) -> None:
    """Watch 20 sample events become posts and created events, on a local stack that is gone afterwards.

    Starts broker, database and simulated LLM, migrates, creates topics, produces, runs the consumer, then
    shows what is stored and what was published. The exit code is 0 only if all of it is as it should be.

    Example: instagram-feed demo
    """
    if real and not os.environ.get("OPENAI_API_KEY"):
        raise typer.BadParameter("--real needs your key in OPENAI_API_KEY")
    if real and not yes:
        typer.confirm(
            "The model of your OPENAI_API_KEY will write 16 posts of about 1,000 tokens each. Go on?", abort=True
        )
    from devstack.demo.scenario import run_demo  # noqa: PLC0415

    try:
        asyncio.run(run_demo(real=real, keep=keep))
    except (StackError, DemoFailed) as error:
        raise CommandError(str(error)) from error
