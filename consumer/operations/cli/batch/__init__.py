"""`instagram-feed batch`: batches at the provider."""

import typer

from consumer.operations.cli.batch.cancel import cancel
from consumer.operations.cli.batch.collect import collect
from consumer.operations.cli.batch.list import list_
from consumer.operations.cli.batch.show import show

batch = typer.Typer(
    help="Follow batches, in which posts are written at half the price: list, show, cancel, collect.",
    no_args_is_help=True,
)
batch.command("list")(list_)
batch.command()(show)
batch.command()(cancel)
batch.command()(collect)
