"""Rows of a report in a terminal, and their names in JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.table import Table
from rich.text import Text

from consumer.telemetry.visible_text import one_line
from repository.operations.cost_without_post import CostWithoutPost
from repository.operations.report_scope import GroupBy

Row = dict[str, Any]
GROUP_COLUMNS: Mapping[GroupBy, str] = {
    GroupBy.TENANT: "tenant_id",
    GroupBy.MODEL: "model",
    GroupBy.VARIANT: "variant",
    GroupBy.PROMPT: "prompt_version",
    GroupBy.DELIVERY: "delivery",
}
# of interest only if there are such posts
ONLY_IF_ANY = ("posts_without_cost", "posts_without_usage")
MODEL_PARTS = ("provider", "model_version")
TEXTS = {*GROUP_COLUMNS.values(), "date", "model_name", "metric", "verdict", "last_occurred_at"}


@dataclass(frozen=True, slots=True)
class Figures:
    """The rows of a report, and in a cost report what was spent without a post (else None)."""

    rows: list[Row]
    without_post: list[Row] | None

    @property
    def lines(self) -> list[Row]:
        """All rows, those without a post in place of a model."""
        return [*self.rows, *map(_as_model, self.without_post or ())]

    @property
    def total_spent_usd(self) -> Decimal:
        """The cost of all rows together."""
        return sum((row["spent_usd"] for row in self.lines), Decimal(0))


def figures_of(rows: Sequence[Any], without_post: Sequence[CostWithoutPost] | None, by: GroupBy | None) -> Figures:
    """Return the rows, with the names used in JSON."""
    return Figures(
        [_named(row, by) for row in rows],
        None if without_post is None else [_named(row, by) for row in without_post],
    )


def columns_of(row: type, by: GroupBy | None) -> list[str]:
    """Return the names of a report's columns."""
    return [name for field in fields(row) if (name := _column(field.name, by))]


def report_table(figures: Figures, columns: Sequence[str]) -> Table:
    """Build a table with one line per row; a cost report ends with the sum."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    shown = [name for name in columns if name not in (*MODEL_PARTS, *ONLY_IF_ANY)]
    shown += [name for name in ONLY_IF_ANY if any(row.get(name) for row in figures.lines)]
    for name in shown:
        text = name in TEXTS
        table.add_column(_heading(name), justify="left" if text else "right", no_wrap=text)
    for row in figures.lines:
        table.add_row(*(_cell(_full_model_name(row) if name == "model_name" else row.get(name)) for name in shown))
    if figures.without_post is not None:
        total = {"spent_usd": figures.total_spent_usd}
        table.add_section()
        table.add_row(*("total" if name == shown[0] else _cell(total.get(name), "") for name in shown))
    return table


def _named(row: Any, by: GroupBy | None) -> Row:  # noqa: ANN401 - any report's row
    return {name: value for field, value in asdict(row).items() if (name := _column(field, by))}


def _column(field: str, by: GroupBy | None) -> str | None:
    if field != "group":
        return field
    return GROUP_COLUMNS[by] if by else None


def _as_model(row: Row) -> Row:
    """Return what was spent without a post as a row among the models."""
    line = {name: value for name, value in row.items() if name not in {"state", "llm_calls", "requests_without_cost"}}
    return {
        **line,
        "model_name": f"({row['state']} requests)",
        "posts_without_cost": row["requests_without_cost"],
    }


def _full_model_name(row: Row) -> str:
    """Return provider, name and version as `models list` names them."""
    name = "/".join(filter(None, (row.get("provider"), row["model_name"])))
    return "@".join(filter(None, (name, row.get("model_version"))))


def _heading(name: str) -> str:
    words = name.removesuffix("_name").replace("_", " ").replace("usd", "USD")
    return f"{words} ms" if name.endswith("latency") else words


def _cell(value: object, unknown: str = "–") -> Text:
    match value:
        case None:
            return Text(unknown)
        case Decimal():
            return Text(f"{value:,.6f}")
        case float():
            return Text(f"{value:,.1f}")
        case datetime():
            return Text(f"{value:%Y-%m-%d %H:%M}")
        case int():
            return Text(f"{value:,}")
        case _:
            return Text(one_line(str(value)))
