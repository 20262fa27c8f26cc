"""`instagram-feed demo`: some events from end to end, on a stack of their own, with everything checked.

Code that starts servers is imported only when the command runs, so that `instagram-feed --help` stays quick.
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
        bool, typer.Option("--real", help="Use the real model with your OPENAI_API_KEY, which costs about a cent.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --real spends money.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the stack running, and show how to use it.")] = False,
) -> None:
    """Turn 20 sample events into posts and created events, on a temporary local stack.

    Starts broker, database and simulated LLM, migrates, creates topics, produces, runs the consumer, then
    shows what is stored and what was published. The exit code is 0 only if all checks pass.

    Example: instagram-feed demo
    """
    if real and not os.environ.get("OPENAI_API_KEY"):
        raise typer.BadParameter("--real needs your key in OPENAI_API_KEY")
    if real and not yes:
        typer.confirm(
            "The model of your OPENAI_API_KEY will write 16 posts of about 1,000 tokens each. Continue?", abort=True
        )
    from devstack.demo.scenario import run_demo  # noqa: PLC0415

    try:
        asyncio.run(run_demo(real=real, keep=keep))
    except (StackError, DemoFailed) as error:
        raise CommandError(str(error)) from error
