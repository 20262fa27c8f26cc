"""Experiments made up by the thousand, to see how often their analysis is wrong and how often it finds what is there.

`python -m bench.experiment_trials` prints all figures. Data come from NumPy in bulk; the analysis is that of
`instagram-feed experiments report`, look by look.
"""

import json
import math
import sys
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.operations.experiments.statistics.cuped import PairedSums, adjusted
from consumer.operations.experiments.statistics.difference import Difference, absolute_difference
from consumer.operations.experiments.statistics.distributions import ALPHA
from consumer.operations.experiments.statistics.interval import always_valid, fixed_horizon
from consumer.operations.experiments.statistics.power import units_needed
from consumer.operations.experiments.statistics.sample import Sample, from_sums
from consumer.operations.experiments.statistics.sample_ratio import SUSPICIOUS, sample_ratio_p

Values = NDArray[np.float64]

TRIALS: Final = 2_000
TUNING: Final = 5_000
LOOKS: Final = 20
TENANTS: Final = 40
LIFT: Final = 0.1
HALF: Final = 0.5
POST_SPREAD: Final = 0.6  # of one shop's posts, on the log scale
EARLIER_POSTS: Final = 10


def share(found: Iterator[bool]) -> float:
    """Return how many of the trials are so."""
    return float(np.mean(np.fromiter(found, bool)))


def is_claimed_once(difference: Difference | None) -> bool:
    """Tell whether the interval for one look leaves out no difference."""
    return difference is not None and fixed_horizon(difference).p_value < ALPHA


def is_claimed_always(difference: Difference | None, tuning: float = TUNING) -> bool:
    """Tell whether the interval that is valid under peeking leaves out no difference."""
    return difference is not None and always_valid(difference, tuning=tuning).p_value < ALPHA


def false_alarms_of_one_look(trials: int = TRIALS, posts: int = 2_000, *, seed: int = 1) -> float:
    """Return how often two equal arms seem to differ at the end: likes with a long tail, per post."""
    draw = np.random.default_rng(seed)
    return share(
        is_claimed_once(_difference(_likes(draw, 5.0, (posts // 2,)), _likes(draw, 5.0, (posts // 2,))))
        for _ in range(trials)
    )


def false_alarms_of_peeking(trials: int = TRIALS, posts: int = 10_000, *, seed: int = 2) -> dict[str, float]:
    """Return how often two equal arms seem to differ at any of 20 looks, by the kind of interval."""
    once = always = 0
    draw = np.random.default_rng(seed)
    for _ in range(trials):
        looks = list(_looks(_likes(draw, 5.0, (posts // 2,)), _likes(draw, 5.0, (posts // 2,))))
        once += any(map(is_claimed_once, looks))
        always += any(map(is_claimed_always, looks))
    return {"fixed_horizon": once / trials, "always_valid": always / trials}


def power_at_the_number_named(trials: int = TRIALS, effect: float = 0.1, *, seed: int = 3) -> dict[str, float]:
    """Return how often a true effect (in standard deviations) is found at the number of posts named for each kind.

    At the fixed horizon with one look at the end; with the always valid interval at any of 20 looks.
    """
    alike = Sample(1_000, 0.0, 1.0)
    needed = units_needed(alike, alike, effect, control_share=HALF, tuning=TUNING)
    if needed is None or needed.fixed_horizon is None or needed.always_valid is None:
        raise ValueError(f"no number of posts finds {effect}")
    draw = np.random.default_rng(seed)

    def arms(posts: int) -> Iterator[tuple[Values, Values]]:
        half = math.ceil(posts / 2)
        return ((draw.normal(0, 1, half), draw.normal(effect, 1, half)) for _ in range(trials))

    return {
        "posts_fixed_horizon": needed.fixed_horizon,
        "power_fixed_horizon": share(is_claimed_once(_difference(*both)) for both in arms(needed.fixed_horizon)),
        "posts_always_valid": needed.always_valid,
        "power_always_valid": share(any(map(is_claimed_always, _looks(*both))) for both in arms(needed.always_valid)),
    }


def false_alarms_of_tenants(trials: int = TRIALS, posts: int = 50, *, seed: int = 4) -> dict[str, float]:
    """Return how often equal arms of 40 tenants seem to differ, by what is taken for the unit."""
    draw = np.random.default_rng(seed)
    found = dict.fromkeys(("per_post", "per_tenant", "per_tenant_cuped", "per_tenant_peeking"), 0)
    for _ in range(trials):
        size, earlier = _shops(draw, TENANTS)
        likes = np.log1p(_likes(draw, size[:, None], (TENANTS, posts)))
        found["per_post"] += is_claimed_once(_halves_differ(likes))
        found["per_tenant"] += is_claimed_once(_halves_differ(likes.mean(axis=1)))
        found["per_tenant_cuped"] += is_claimed_once(_halves_differ(likes.mean(axis=1), known=earlier))
        looks = (_halves_differ(likes[:, :seen].mean(axis=1)) for seen in _look_points(posts))
        found["per_tenant_peeking"] += any(is_claimed_always(look, TENANTS) for look in looks)
    return {name: count / trials for name, count in found.items()}


def lifts_found(trials: int = 500, tenants: int = 100, posts: int = 20, *, seed: int = 5) -> dict[str, float]:
    """Return how often a true lift of 10% of likes is found, by the method, where posts are assigned one by one."""
    draw = np.random.default_rng(seed)
    found = dict.fromkeys(("welch", "log", "log_cuped", "log_cuped_always_valid"), 0)
    for _ in range(trials):
        size, earlier = _shops(draw, tenants)
        in_arm = draw.random((tenants, posts)) < HALF
        likes = _likes(draw, size[:, None] + math.log1p(LIFT) * in_arm, in_arm.shape)
        known = np.broadcast_to(earlier[:, None], likes.shape)
        logs = np.log1p(likes)
        adjusted_difference = _adjusted_difference(logs[~in_arm], logs[in_arm], known[~in_arm], known[in_arm])
        found["welch"] += is_claimed_once(_difference(likes[~in_arm], likes[in_arm]))
        found["log"] += is_claimed_once(_difference(logs[~in_arm], logs[in_arm]))
        found["log_cuped"] += is_claimed_once(adjusted_difference)
        found["log_cuped_always_valid"] += is_claimed_always(adjusted_difference)
    return {name: count / trials for name, count in found.items()}


def sample_ratio_warnings(trials: int = TRIALS, overlays: int = 10_000, *, seed: int = 6) -> dict[str, float]:
    """Return how often the sample ratio is suspected, when it is honest and when one arm loses 12% of its overlays."""
    draw = np.random.default_rng(seed)
    of_arm = draw.binomial(overlays, 0.5, trials)
    kept = draw.binomial(of_arm, 0.88)

    def suspected(arms: NDArray[np.int64]) -> float:
        pairs = zip(overlays - of_arm, arms, strict=True)
        return share(sample_ratio_p([int(control), int(arm)], [1, 1]) < SUSPICIOUS for control, arm in pairs)

    return {"honest": suspected(of_arm), "loss_of_12_percent": suspected(kept)}


def _shops(draw: np.random.Generator, tenants: int) -> tuple[Values, Values]:
    """Return how much the posts of each shop are liked, on the log scale, and what its earlier posts told of it."""
    size = draw.normal(5, 1.2, tenants)
    return size, size + draw.normal(0, POST_SPREAD / math.sqrt(EARLIER_POSTS), tenants)


def _likes(draw: np.random.Generator, size: Values | float, shape: tuple[int, ...]) -> Values:
    return np.floor(np.exp(size + draw.normal(0, POST_SPREAD, shape)))


def _difference(control: Values, arm: Values) -> Difference | None:
    return absolute_difference(_sample(control), _sample(arm))


def _sample(values: Values) -> Sample:
    return from_sums(values.size, float(values.sum()), float((values**2).sum()))


def _adjusted_difference(control: Values, arm: Values, known_control: Values, known_arm: Values) -> Difference | None:
    both = adjusted(_paired(control, known_control), _paired(arm, known_arm))
    return absolute_difference(both.control, both.arm, covariates=1) if both else None


def _paired(y: Values, x: Values) -> PairedSums:
    sums = (y.sum(), (y**2).sum(), x.sum(), (x**2).sum(), (x * y).sum())
    return PairedSums(y.size, *map(float, sums))


def _halves_differ(values: Values, *, known: Values | None = None) -> Difference | None:
    half = len(values) // 2
    if known is None:
        return _difference(values[:half], values[half:])
    return _adjusted_difference(values[:half], values[half:], known[:half], known[half:])


def _look_points(units: int) -> list[int]:
    """Return after how many units each of the looks is taken, evenly spread."""
    return [math.ceil(units * look / LOOKS) for look in range(1, LOOKS + 1)]


def _looks(control: Values, arm: Values) -> Iterator[Difference | None]:
    """Give what each look sees: sums up to there."""
    grown = [(values.cumsum(), (values**2).cumsum()) for values in (control, arm)]
    for n in _look_points(control.size):
        samples = [from_sums(n, float(sums[n - 1]), float(squares[n - 1])) for sums, squares in grown]
        yield absolute_difference(*samples)


def main() -> None:
    """Print all figures as JSON."""
    figures = {
        "one_look": false_alarms_of_one_look(),
        "twenty_looks": false_alarms_of_peeking(),
        "power": power_at_the_number_named(),
        "tenants": false_alarms_of_tenants(),
        "lift_of_10_percent": lifts_found(),
        "sample_ratio": sample_ratio_warnings(),
    }
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
