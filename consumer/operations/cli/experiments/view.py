"""Experiments as people and scripts see them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.table import Table

from consumer.operations.cli.output import people_console
from consumer.operations.cli.tables import print_table
from consumer.pipeline.assignment import HASH_VERSION, bucket_ranges, normalized
from repository.experiments import Experiment, Variant
from repository.operations.experiment_changes import VariantCount

NO_COUNTS: Mapping[str, VariantCount] = {}
_DECIMALS = 6


def document(experiment: Experiment) -> dict[str, Any]:
    """Return an experiment in JSON, with what GrowthBook's SDKs need to assign identically."""
    columns = {**asdict(experiment), "tenants": list(experiment.tenants)}
    variants = [
        {**asdict(variant), "range": [round(start, _DECIMALS), round(end, _DECIMALS)]}
        for variant, (start, end) in _with_ranges(experiment)
    ]
    return {**columns, "hashVersion": HASH_VERSION, "seed": experiment.hash_key, "variants": variants}


def _with_ranges(experiment: Experiment) -> Iterator[tuple[Variant, tuple[float, float]]]:
    weights = normalized([variant.weight for variant in experiment.variants])
    return zip(experiment.variants, bucket_ranges(len(weights), experiment.share, weights), strict=True)


def experiments_table(found: Sequence[Experiment]) -> Table:
    """Return one line for each experiment."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("experiment", "state", "unit"):
        table.add_column(name, no_wrap=True)
    table.add_column("share", no_wrap=True, justify="right")
    for name in ("tenants", "variants", "started", "stopped"):
        table.add_column(name)
    for experiment in found:
        table.add_row(
            experiment.name,
            experiment.state,
            experiment.unit,
            f"{experiment.share:g}",
            _tenants(experiment),
            ", ".join(f"{variant.variant}:{variant.weight:g}" for variant in experiment.variants),
            _moment(experiment.started_at),
            _moment(experiment.stopped_at),
        )
    return table


def print_experiment(experiment: Experiment, counts: Mapping[str, VariantCount] = NO_COUNTS) -> None:
    """Print an experiment in full."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in _facts(experiment):
        grid.add_row(name, value)
    people_console().print(grid)
    print_table(_variants_table(experiment, counts))


def _facts(experiment: Experiment) -> Iterator[tuple[str, str]]:
    yield "experiment", f"{experiment.name} ({experiment.experiment_id})"
    yield "state", experiment.state
    yield "tenants", _tenants(experiment)
    yield "unit", experiment.unit
    yield "share", f"{experiment.share:g}"
    if experiment.minimal_effect is not None:
        yield "minimal effect", f"{experiment.minimal_effect:g}"
    yield "created", _moment(experiment.created_at)
    yield "started", _moment(experiment.started_at)
    yield "stopped", _moment(experiment.stopped_at)
    yield "assignment", f"hashVersion: {HASH_VERSION}, seed: {experiment.hash_key}"


def _variants_table(experiment: Experiment, counts: Mapping[str, VariantCount]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("variant", no_wrap=True)
    table.add_column("weight", no_wrap=True, justify="right")
    table.add_column("buckets", no_wrap=True)
    table.add_column("differs by")
    table.add_column("requests", no_wrap=True, justify="right")
    table.add_column("posts", no_wrap=True, justify="right")
    for variant, (start, end) in _with_ranges(experiment):
        count = counts.get(variant.variant)
        name = f"{variant.variant} (control)" if variant.is_control else variant.variant
        requests, posts = (f"{count.requests:,}", f"{count.posts:,}") if count else ("0", "0")
        table.add_row(name, f"{variant.weight:g}", f"{start:.4f}–{end:.4f}", _difference(variant), requests, posts)
    return table


def _difference(variant: Variant) -> str:
    chosen = {
        "prompt": variant.prompt,
        "model": variant.model,
        "temperature": variant.temperature,
        "max_tokens": variant.max_tokens,
    }
    return ", ".join(f"{name}={value}" for name, value in chosen.items() if value is not None) or "nothing"


def _tenants(experiment: Experiment) -> str:
    return ", ".join(experiment.tenants) or "all"


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "–"
