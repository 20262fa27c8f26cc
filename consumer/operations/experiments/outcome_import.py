"""Storing the outcomes of a file: all rows or none, each once however often the file is loaded."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from consumer.operations.experiments.outcome_file import OutcomeRow
from repository.feed_outcomes import new_outcome, store_outcomes
from repository.pool import Connection

ROWS_AT_ONCE = 1_000


@dataclass(slots=True)
class ImportCounts:
    """Counts of rows, and the lines of invalid rows and of rows about unknown posts."""

    rows: int = 0
    stored: int = 0
    known: int = 0
    unknown_posts: list[int] = field(default_factory=list)
    problems: dict[int, str] = field(default_factory=dict)


async def import_outcomes(
    connection: Connection, rows: Iterable[OutcomeRow], *, dry_run: bool, report: Callable[[int], None]
) -> ImportCounts:
    """Store the rows, unless one is invalid or it is a `dry_run`; `report` is called with the number read.

    Raises:
        StoreError: nothing is stored.
    """
    counts = ImportCounts()
    transaction = connection.transaction()
    await transaction.start()
    try:
        for some in _in_batches(rows):
            await _store(connection, some, counts)
            report(counts.rows)
    except BaseException:
        await transaction.rollback()
        raise
    if dry_run or counts.problems:
        await transaction.rollback()
    else:
        await transaction.commit()
    return counts


async def _store(connection: Connection, rows: list[OutcomeRow], counts: ImportCounts) -> None:
    counts.rows += len(rows)
    counts.problems |= {row.line: row.problem for row in rows if row.problem}
    outcomes = [new_outcome(row.line, row.outcome) for row in rows if row.outcome]
    if outcomes and not counts.problems:
        stored = await store_outcomes(connection, outcomes)
        counts.stored += stored.stored
        counts.known += stored.known
        counts.unknown_posts += sorted(stored.unknown_posts)


def _in_batches(rows: Iterable[OutcomeRow]) -> Iterator[list[OutcomeRow]]:
    batch: list[OutcomeRow] = []
    for row in rows:
        batch.append(row)
        if len(batch) == ROWS_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
