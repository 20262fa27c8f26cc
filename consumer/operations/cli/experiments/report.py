"""`instagram-feed experiments report`: the analysis of an experiment."""

import asyncio
import math
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from consumer.operations.cli.age import parse_age
from consumer.operations.cli.errors import UsageError
from consumer.operations.cli.experiments.database import NameArgument, experiments_database
from consumer.operations.cli.output import CsvOption, JsonOption, print_csv, print_json, refuse_both
from consumer.operations.cli.tables import WideOption
from consumer.operations.experiments.figures import ExperimentFigures, read_figures
from repository.operations.experiment_changes import find_experiment


def report(
    name: NameArgument,
    *,
    mature: Annotated[
        timedelta | None,
        typer.Option(
            parser=parse_age,
            metavar="AGE",
            help="Use each outcome as of this age after publication, such as 7d; younger posts are left out.",
            show_default="the latest figures",
        ),
    ] = None,
    tuning: Annotated[
        float | None,
        typer.Option(
            min=1,
            help="Number of units at which the always valid intervals are narrowest. It is not stored: choose it "
            "before the first look, and give the same value each time.",
            show_default="5000 posts, or 100 tenants",
        ),
    ] = None,
    wide: WideOption = False,
    json: JsonOption = False,
    csv: CsvOption = False,
) -> None:
    """Compare each variant with the control: a verdict, then the figures behind it.

    Every difference has two 95% intervals: the fixed one is valid for a single look at a time chosen in advance, the
    always valid one for any number of looks and any stopping time. Claims are based on the latter, after Holm's
    correction over variants and outcomes. Outcomes are compared on a log scale, adjusted for each tenant's mean of
    the 90 days before (CUPED); per post, and per assigned overlay with failures counting 0.

    Example: instagram-feed experiments report tone --mature 7d
    """
    refuse_both(json=json, csv=csv)
    if tuning is not None and not math.isfinite(tuning):
        raise UsageError(f"--tuning: {tuning:g} is invalid; expected: a number of units, 1 or more")
    # they load SciPy, which other commands do without
    from consumer.operations.cli.experiments.report_view import print_report  # noqa: PLC0415
    from consumer.operations.experiments.analysis import analyse  # noqa: PLC0415
    from consumer.operations.experiments.document import COLUMNS, document, rows  # noqa: PLC0415

    analysis = analyse(asyncio.run(_figures(name, mature)), tuning=tuning)
    if json:
        print_json(document(analysis))
    elif csv:
        print_csv(rows(analysis), COLUMNS)
    else:
        print_report(analysis, wide=wide)


async def _figures(name: str, mature: timedelta | None) -> ExperimentFigures:
    async with experiments_database() as connection:
        experiment = await find_experiment(connection, name)
        return await read_figures(connection, experiment, now=datetime.now(UTC), mature=mature)
