"""`instagram-feed experiments`: A/B tests of prompts and models."""

import typer

from consumer.operations.cli.experiments.create import create
from consumer.operations.cli.experiments.list import list_
from consumer.operations.cli.experiments.outcomes import outcomes
from consumer.operations.cli.experiments.report import report
from consumer.operations.cli.experiments.show import show
from consumer.operations.cli.experiments.start import start
from consumer.operations.cli.experiments.stop import stop
from consumer.operations.cli.experiments.widen import widen

experiments = typer.Typer(
    help="Compare prompts, models or temperatures in A/B tests: create, start, stop, report.",
    no_args_is_help=True,
)
experiments.command()(create)
experiments.command("list")(list_)
experiments.command()(show)
experiments.command()(start)
experiments.command()(widen)
experiments.command()(stop)
experiments.command()(report)
experiments.command()(outcomes)
