"""`python -m tests.chaos --seed 7 --seconds 60`: a chaos run to watch; `make chaos` calls it."""

import asyncio
import logging
import random
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path

from rich.console import Console

from devstack.errors import StackError
from tests.chaos.report import as_json, show
from tests.chaos.run import chaos_run
from tests.support.transaction_pooler import PGBOUNCER

EXIT_VIOLATED = 1
EXIT_NO_SERVERS = 2
HIGHEST_SEED = 2**31


def main() -> int:
    """Run once; the exit code says whether all invariants hold."""
    parser = _parser()
    options = parser.parse_args()
    if options.pgbouncer and PGBOUNCER is None:
        parser.error("--pgbouncer needs the program pgbouncer on the PATH")
    if options.pgbouncer and options.least_rights:
        parser.error("--pgbouncer and --least-rights: one at a time")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # servers being away is what this is about
    console = Console()
    seed = random.randrange(HIGHEST_SEED) if options.seed is None else options.seed
    folder = Path(tempfile.mkdtemp(prefix=f"chaos-{seed}-"))
    console.print(f"seed {seed}, {options.seconds:g} s of faults; logs in {folder}", highlight=False)

    def report(line: str) -> None:
        console.print(line, highlight=False, markup=False)

    try:
        run = chaos_run(
            seed,
            options.seconds,
            folder,
            report,
            is_pooled=options.pgbouncer,
            has_least_rights=options.least_rights,
        )
        result = asyncio.run(run)
    except StackError as error:
        console.print(f"{error}", markup=False)
        return EXIT_NO_SERVERS
    show(result, console)
    if options.json:
        with options.json.open("a") as lines:
            lines.write(as_json(result) + "\n")
    return EXIT_VIOLATED if result.violations else 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="the same seed gives the same schedule; default: a random one")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long faults are injected")
    parser.add_argument("--pgbouncer", action="store_true", help="with PgBouncer in transaction mode before PostgreSQL")
    parser.add_argument("--least-rights", action="store_true", help="with the application's role and the least ACLs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append the result to this file, as one line")
    return parser


if __name__ == "__main__":
    sys.exit(main())
