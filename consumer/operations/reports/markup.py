"""The pieces of a page: sections and tables."""

from collections.abc import Sequence
from html import escape


def section(title: str, content: str, *, css_class: str = "") -> str:
    """Return a section; `content` is HTML already."""
    return f'<section class="{css_class}"><h2>{escape(title)}</h2>{content}</section>'


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the cells are HTML already, the first of each row a name."""
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "".join(f"<tr><td>{name}</td>{''.join(cells)}</tr>" for name, *cells in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def bar(count: int, most: int) -> str:
    """Return a cell with a count, and a bar as long as its share of the largest."""
    return f'<td class="bar" style="--share: {count / most:.1%}">{count:,}</td>'


def cell(text: str) -> str:
    """Return a cell with a text."""
    return f"<td>{escape(text)}</td>"
