"""Tables for any width: one line per record if there is room, else one block per record."""

from typing import Annotated, Final

import typer
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from consumer.operations.cli.output import people_console

WideOption = Annotated[bool, typer.Option("--wide", help="One line per record, however long.")]

READABLE_CHARS: Final = 24  # minimum width of a column that may wrap
GAP_CHARS: Final = 2


def print_table(table: Table, *, wide: bool = False) -> None:
    """Print a table if it fits or `wide` is set; else each of its rows as a block."""
    console = people_console()
    if wide:
        console.width = max(console.width, console.measure(table, options=_endless(console)).maximum)
        console.print(table)
    else:
        console.print(at_width(table, console.width))


def at_width(table: Table, chars: int) -> RenderableType:
    """Return the table if it fits this width, else its rows as blocks."""
    fits = sum(_least_chars(column) + GAP_CHARS for column in table.columns) <= chars
    return table if fits else _blocks(table)


def _endless(console: Console) -> ConsoleOptions:
    return console.options.update(width=10_000)


def _least_chars(column: Column) -> int:
    chars = max((cell_len(line) for cell in column.cells for line in _lines(cell)), default=0)
    header = _text(column.header)
    if column.no_wrap:
        return max(chars, cell_len(header))
    return max(min(chars, READABLE_CHARS), *(cell_len(word) for word in header.split() or [""]), 0)


def _blocks(table: Table) -> RenderableType:
    """Show each row as one line per column, uncut; rows are separated by an empty line."""
    blocks: list[RenderableType] = [Text(str(table.title), "bold")] if table.title else []
    for cells in zip(*(column.cells for column in table.columns), strict=True):
        grid = Table.grid(padding=(0, GAP_CHARS))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for column, cell in zip(table.columns, cells, strict=True):
            if text := _text(cell):
                grid.add_row(_text(column.header), text)
        blocks += [grid, ""]
    return Group(*blocks[:-1])


def _lines(cell: RenderableType) -> list[str]:
    return _text(cell).splitlines()


def _text(cell: RenderableType) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)
