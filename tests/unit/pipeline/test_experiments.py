from collections import Counter
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

from consumer.pipeline.assignment import bucket, bucket_ranges, choice
from consumer.pipeline.experiments import Experiments
from repository.experiments import Experiment, Variant
from repository.pool import Pool
from schemas.experiments import AssignmentUnit, ExperimentState
from schemas.overlay_completed import OverlayCompleted
from tests.support.examples import overlay_completed

VARIANTS = (Variant(variant="now", weight=70, is_control=True), Variant(variant="cool", weight=30, temperature=0.2))


def experiment(**changes: object) -> Experiment:
    fields: dict[str, Any] = {
        "experiment_id": uuid4(),
        "name": "tone",
        "hash_key": "tone",
        "unit": AssignmentUnit.OVERLAY,
        "share": 1.0,
        "state": ExperimentState.RUNNING,
        "minimal_effect": None,
        "created_at": datetime(2026, 11, 1, tzinfo=UTC),
        "started_at": datetime(2026, 11, 1, tzinfo=UTC),
        "stopped_at": None,
        "variants": VARIANTS,
        **changes,
    }
    return Experiment(**fields)


def running(*found: Experiment) -> Experiments:
    return Experiments(cast("Pool", None), found)


def event(tenant_id: str = "shop-1") -> OverlayCompleted:
    return overlay_completed(overlay_id=str(uuid4()), tenant_id=tenant_id)


def test_without_an_experiment_no_overlay_has_a_variant() -> None:
    assert running().arm_of(event()) is None


def test_an_experiment_without_variants_has_none_for_anybody() -> None:
    assert running(experiment(variants=())).arm_of(event()) is None


def test_an_overlay_has_the_variant_of_its_bucket() -> None:
    experiments = running(experiment())
    ranges = bucket_ranges(2, 1, [0.7, 0.3])
    for one in (event() for _ in range(200)):
        arm = experiments.arm_of(one)
        assert arm is not None
        assert arm.variant == VARIANTS[choice(bucket("tone", str(one.overlay_id)), ranges) or 0].variant
        assert arm.name == "tone"


def test_outside_the_share_an_overlay_has_none() -> None:
    experiments = running(experiment(share=0.5))
    shares = Counter(experiments.arm_of(event()) is None for _ in range(2_000))
    assert 800 < shares[True] < 1_200


def test_with_tenants_as_units_all_overlays_of_one_are_alike() -> None:
    experiments = running(experiment(unit=AssignmentUnit.TENANT))
    for tenant in ("가게-1", "shop-2", "🍞"):
        assert len({experiments.arm_of(event(tenant)) for _ in range(20)}) == 1
    assert len({experiments.arm_of(event(f"가게-{number}")) for number in range(50)}) == 2


def test_an_experiment_for_some_tenants_is_for_no_other() -> None:
    one, other = experiment(tenants=("shop-1",)), experiment(name="length", hash_key="length", tenants=("shop-2",))
    experiments = running(one, other)
    for tenant, expected in (("shop-1", one.experiment_id), ("shop-2", other.experiment_id)):
        arm = experiments.arm_of(event(tenant))
        assert arm is not None
        assert arm.experiment_id == expected
    assert experiments.arm_of(event("shop-3")) is None
