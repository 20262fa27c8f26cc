"""`instagram-feed models prices`: compares stored prices with list prices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from consumer.operations.cli.models.view import spelled
from consumer.operations.models.price_list import PRICE_KEYS, SOURCE, ListPrice, differences, list_price
from repository.llm_models import LlmModel


@dataclass(frozen=True, slots=True)
class Comparison:
    """A model, its entry in the list if any, and the listed prices that differ from the stored ones."""

    model: LlmModel
    listed: ListPrice | None
    differing: Mapping[str, Decimal]


def compare(models: Sequence[LlmModel]) -> list[Comparison]:
    """Compare each model with the current list prices."""
    today = datetime.now(UTC).date()
    listed = [list_price(model, today=today) for model in models]
    return [
        Comparison(model, price, differences(model, price) if price else {})
        for model, price in zip(models, listed, strict=True)
    ]


def comparison_document(comparisons: Sequence[Comparison], *, applied: bool) -> dict[str, Any]:
    """Return the comparison in JSON; prices are those before any were applied."""
    return {"source": SOURCE, "applied": applied, "models": [_document(comparison) for comparison in comparisons]}


def comparison_table(comparisons: Sequence[Comparison], *, applied: bool) -> RenderableType:
    """Build a table of the models; a price that differs (or did, before it was applied) is shown as stored → listed."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("model", no_wrap=True)
    for name in ("USD in", "cached", "cache write", "out"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("")
    for comparison in comparisons:
        table.add_row(
            comparison.model.full_name,
            *(_price(comparison, column) for column in PRICE_KEYS),
            _remark(comparison, applied=applied),
        )
    return table


def _document(comparison: Comparison) -> dict[str, Any]:
    model, listed = comparison.model, comparison.listed
    return {
        "llm_model_id": model.llm_model_id,
        "model": model.full_name,
        "listed_as": listed and listed.listed_as,
        "stored": {column: getattr(model, column) for column in PRICE_KEYS},
        "listed": dict(listed.prices) if listed else None,
        "differing": sorted(comparison.differing),
        "dearer_above_tokens": listed and listed.dearer_above_tokens,
        "changes_on": listed and listed.changes_on,
    }


def _price(comparison: Comparison, column: str) -> str:
    stored = spelled(getattr(comparison.model, column))
    return f"{stored} → {spelled(comparison.differing[column])}" if column in comparison.differing else stored


def _remark(comparison: Comparison, *, applied: bool) -> str:
    listed = comparison.listed
    if listed is None:
        return "not in the list"
    remarks = ["differs" if comparison.differing and not applied else "as listed"]
    if listed.dearer_above_tokens:
        remarks.append(f"dearer above {listed.dearer_above_tokens:,} prompt tokens")
    if listed.changes_on:
        remarks.append(f"other prices from {listed.changes_on}")
    return ", ".join(remarks)
