"""Models in a terminal."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date
from decimal import Decimal

from rich.console import RenderableType
from rich.table import Table

from consumer.llm.model_lifetime import shutdown_notice
from repository.llm_models import LlmModel
from repository.operations.model_changes import ModelValue


def models_table(models: Sequence[LlmModel], *, today: date) -> Table:
    """Build a table with one line per model; prices are USD per 1,000,000 tokens."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("model", no_wrap=True)
    table.add_column("active", no_wrap=True)
    for name in ("USD in", "cached", "out", "temperature", "max tokens"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("shutdown")
    for model in models:
        table.add_row(
            model.full_name,
            "yes" if model.is_active else "no",
            spelled(model.prompt_token_cost_per_1m),
            spelled(model.cached_prompt_token_cost_per_1m),
            spelled(model.completion_token_cost_per_1m),
            spelled(model.default_temperature) if model.supports_temperature else "not taken",
            spelled(model.default_max_tokens),
            _shutdown(model, today),
        )
    return table


def model_view(model: LlmModel) -> RenderableType:
    """Return all columns of one model."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for field in fields(model):
        grid.add_row(field.name, spelled(getattr(model, field.name)))
    return grid


def spelled(value: object) -> str:
    """Return a column's value in the form that `models update` takes; a dash for an empty one."""
    match value:
        case None:
            return "–"
        case bool():
            return str(value).lower()
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)


def change_line(column: str, before: ModelValue, after: ModelValue) -> str:
    """Return one line about one column."""
    return f"  {column}: {spelled(before)} → {spelled(after)}"


def _shutdown(model: LlmModel, today: date) -> str:
    notice = shutdown_notice(model.shutdown_date, today=today)
    if notice is None:
        return spelled(model.shutdown_date)
    return f"{model.shutdown_date} ({'over' if notice.is_over else f'in {notice.days_left} days'})"
