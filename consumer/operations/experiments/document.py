"""An analysis as a JSON document, and as rows for spreadsheets."""

from dataclasses import asdict
from typing import Any

from consumer.operations.experiments.analysis import Analysis
from consumer.operations.experiments.comparison import Comparison, Effect
from consumer.operations.experiments.statistics.power import POWER
from consumer.operations.experiments.verdict import verdict

INTERVALS = ("fixed_horizon", "always_valid")
EFFECTS = ("absolute", "relative")
COLUMNS = (
    *("metric", "variant", "role", "basis", "scale", "control_units", "variant_units", "control_mean", "variant_mean"),
    *(
        name
        for effect in EFFECTS
        for name in (
            effect,
            *(f"{effect}_{kind}_{part}" for kind in INTERVALS for part in ("low", "high", "p_value")),
        )
    ),
    *("adjusted_for_earlier_mean", "holm_fixed_horizon_p", "holm_always_valid_p"),
    *("units_needed_fixed_horizon", "units_needed_always_valid"),
)


def document(analysis: Analysis) -> dict[str, Any]:
    """Return the whole analysis."""
    figures = analysis.figures
    experiment = figures.experiment
    return {
        "experiment": experiment.name,
        "experiment_id": experiment.experiment_id,
        "state": experiment.state,
        "unit": experiment.unit,
        "control": experiment.variants[0].variant,
        "started_at": experiment.started_at,
        "stopped_at": experiment.stopped_at,
        "read_at": figures.read_at,
        "mature_s": figures.mature and figures.mature.total_seconds(),
        "verdict": verdict(analysis),
        "minimal_effect": analysis.minimal_effect,
        "power": POWER,
        "tuning": analysis.tuning,
        "left_out": asdict(figures.left_out),
        "variants": [asdict(arm) for arm in analysis.arms],
        "sample_ratio": [{**asdict(ratio), "is_suspicious": ratio.is_suspicious} for ratio in analysis.sample_ratios],
        "by_batch": {**asdict(analysis.batch_share), "is_suspicious": analysis.batch_share.is_suspicious},
        "comparisons": [_comparison(one) for one in analysis.comparisons],
    }


def rows(analysis: Analysis) -> list[dict[str, Any]]:
    """Return a flat row per comparison, with the names of `COLUMNS`."""
    return [_row(one) for one in analysis.comparisons]


def _comparison(one: Comparison) -> dict[str, Any]:
    return {**asdict(one), "is_shown": one.is_shown}


def _row(one: Comparison) -> dict[str, Any]:
    nested = {*EFFECTS, "needed"}
    flat: dict[str, Any] = {name: value for name, value in asdict(one).items() if name not in nested}
    for name in EFFECTS:
        flat |= _effect(name, getattr(one, name))
    if one.needed:
        flat |= {f"units_needed_{kind}": getattr(one.needed, kind) for kind in INTERVALS}
    return flat


def _effect(name: str, effect: Effect | None) -> dict[str, Any]:
    if effect is None:
        return {}
    parts: dict[str, Any] = {name: effect.estimate}
    for kind in INTERVALS:
        parts |= {f"{name}_{kind}_{part}": value for part, value in asdict(getattr(effect, kind)).items()}
    return parts
