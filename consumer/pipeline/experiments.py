"""The variant of a running experiment that a new overlay gets. It is stored with the claim and never changes.

Running experiments are cached and refreshed like models, so processes may notice a start or a stop at different times;
until then they assign variants as before.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from consumer.pipeline.assignment import Range, bucket, bucket_ranges, choice, fnv1a_32, normalized
from repository.experiments import Experiment, running_experiments
from repository.pool import Pool, connection
from schemas.experiments import AssignmentUnit
from schemas.instagram_feed_created import ExperimentArm
from schemas.overlay_completed import OverlayCompleted

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Running:
    """A running experiment, prepared for assignment."""

    experiment: Experiment
    hashed_key: int
    ranges: list[Range]
    arms: tuple[ExperimentArm, ...]

    def arm_of(self, event: OverlayCompleted) -> ExperimentArm | None:
        by_tenant = self.experiment.unit is AssignmentUnit.TENANT
        unit_id = event.tenant_id if by_tenant else str(event.overlay_id)
        place = choice(bucket(self.hashed_key, unit_id), self.ranges)
        return None if place is None else self.arms[place]


class Arms:
    """Assigns new overlays to variants of the running experiments."""

    def __init__(self, running: Iterable[Experiment]) -> None:
        found = [_ready(experiment) for experiment in running if experiment.variants]
        self.experiments = [one.experiment.name for one in found]
        self._for_all = next((one for one in found if not one.experiment.tenants), None)
        self._by_tenant = {tenant: one for one in found for tenant in one.experiment.tenants}

    def arm_of(self, event: OverlayCompleted) -> ExperimentArm | None:
        """Return the variant of this overlay; None if it is in no experiment."""
        running = self._by_tenant.get(event.tenant_id, self._for_all)
        return running.arm_of(event) if running else None


class Experiments:
    """The running experiments, as last read."""

    def __init__(self, pool: Pool, running: Iterable[Experiment]) -> None:
        self._pool = pool
        self._arms = Arms(())
        self._take_over(running)

    def arm_of(self, event: OverlayCompleted) -> ExperimentArm | None:
        """Return the variant of this overlay; None if it is in no experiment."""
        return self._arms.arm_of(event)

    async def run_once(self) -> None:
        """Refresh the running experiments.

        Raises:
            StoreError: they could not be read; the last ones stay in effect.
        """
        async with connection(self._pool) as borrowed:
            self._take_over(await running_experiments(borrowed))

    def _take_over(self, running: Iterable[Experiment]) -> None:
        arms = Arms(running)
        if arms.experiments != self._arms.experiments:
            log.info("experiments.running", experiments=arms.experiments)
        self._arms = arms


def _ready(experiment: Experiment) -> _Running:
    weights = normalized([variant.weight for variant in experiment.variants])
    return _Running(
        experiment,
        fnv1a_32(experiment.hash_key),
        bucket_ranges(len(weights), experiment.share, weights),
        tuple(
            ExperimentArm(experiment_id=experiment.experiment_id, name=experiment.name, variant=variant.variant)
            for variant in experiment.variants
        ),
    )
