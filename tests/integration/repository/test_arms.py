"""A request's variant is written with its first claim and never again."""

from dataclasses import replace
from uuid import uuid4

import pytest

from repository.available_requests import claim_available
from repository.experiments import Experiment, Variant, experiments_by_id, running_experiments
from repository.leases import release
from repository.operations.experiment_changes import (
    ExperimentRefused,
    NewExperiment,
    create_experiment,
    start_experiment,
    stop_experiment,
)
from repository.operations.revisions import RequestedRevision, ask_for_revisions
from repository.pool import Connection, Pool, connection
from repository.reopened_requests import reopen_corrected
from repository.requests import NewRequest, claim_new
from schemas.experiments import AssignmentUnit, ExperimentState
from tests.support.examples import new_request

VARIANTS = (Variant(variant="now", weight=1, is_control=True), Variant(variant="cool", weight=1, temperature=0.2))


async def draft(borrowed: Connection, *tenants: str) -> Experiment:
    new = NewExperiment(
        name=f"tone-{uuid4().hex[:8]}",
        unit=AssignmentUnit.OVERLAY,
        share=1.0,
        minimal_effect=None,
        variants=VARIANTS,
        tenants=tenants or (f"shop-{uuid4()}",),
    )
    return await create_experiment(borrowed, new)


def request_in(experiment: Experiment, variant: str = "cool") -> NewRequest:
    return new_request(experiment_id=experiment.experiment_id, experiment_name=experiment.name, variant=variant)


async def variants_of(borrowed: Connection, request: NewRequest) -> list[str | None]:
    rows = await borrowed.fetch(
        "SELECT variant FROM feed_requests WHERE overlay_id = $1 ORDER BY revision", request.overlay_id
    )
    return [row["variant"] for row in rows]


async def test_another_claim_changes_no_variant_and_a_takeover_has_it(pool: Pool) -> None:
    async with connection(pool) as borrowed:
        experiment = await draft(borrowed)
        request = request_in(experiment)
        [claimed] = await claim_new(borrowed, [request], owner="one", lease_s=60)
        assert await claim_new(borrowed, [replace(request, variant="now")], owner="two", lease_s=60) == []
        await release(borrowed, owner="one", keep=())
        [taken_over] = await claim_available(borrowed, owner="two", lease_s=60, limit=1)
    assert claimed.arm is not None
    assert taken_over.arm == claimed.arm
    assert (claimed.arm.name, claimed.arm.variant) == (experiment.name, "cool")


async def test_an_overlay_that_failed_and_is_sent_again_keeps_its_variant(pool: Pool) -> None:
    async with connection(pool) as borrowed:
        request = request_in(await draft(borrowed))
        await claim_new(borrowed, [request], owner="one", lease_s=60)
        await borrowed.execute("UPDATE feed_requests SET state = 'failed' WHERE overlay_id = $1", request.overlay_id)
        moved = replace(request, event_id="event-2", experiment_id=None, variant=None, experiment_name=None)
        [reopened] = await reopen_corrected(borrowed, [moved], owner="one", lease_s=60)
    assert reopened.event_id == "event-2"
    assert reopened.arm is not None
    assert reopened.arm.variant == "cool"


@pytest.mark.parametrize("keep_arm", [True, False])
async def test_a_later_revision_keeps_its_overlays_variant_unless_told_otherwise(pool: Pool, *, keep_arm: bool) -> None:
    async with connection(pool) as borrowed:
        request = request_in(await draft(borrowed))
        await claim_new(borrowed, [request], owner="one", lease_s=60)
        await borrowed.execute("UPDATE feed_requests SET state = 'done' WHERE overlay_id = $1", request.overlay_id)
        again = RequestedRevision(
            request.overlay_id, request.tenant_id, request.job_id, request.event_id, request.source
        )
        await ask_for_revisions(borrowed, [again], origin="regenerate", keep_arm=keep_arm)
        assert await variants_of(borrowed, request) == ["cool", "cool" if keep_arm else None]


async def test_only_running_experiments_are_read_for_new_overlays_but_all_can_be_looked_up(pool: Pool) -> None:
    async with connection(pool) as borrowed:
        experiment = await draft(borrowed)
        assert experiment.name not in {each.name for each in await running_experiments(borrowed)}
        await start_experiment(borrowed, experiment.name)
        [running] = [each for each in await running_experiments(borrowed) if each.name == experiment.name]
        assert [variant.variant for variant in running.variants] == ["now", "cool"]
        await stop_experiment(borrowed, experiment.name)
        assert experiment.name not in {each.name for each in await running_experiments(borrowed)}
        found = (await experiments_by_id(borrowed, [experiment.experiment_id]))[experiment.experiment_id]
    assert found.state is ExperimentState.STOPPED
    assert found.variant("cool") == VARIANTS[1]


async def test_a_start_that_collides_names_who_is_in_the_way(pool: Pool) -> None:
    async with connection(pool) as borrowed:
        tenant = f"가게-{uuid4()}"
        first, second = await draft(borrowed, tenant, "one-more"), await draft(borrowed, tenant)
        await start_experiment(borrowed, first.name)
        with pytest.raises(ExperimentRefused, match=f"{first.name} is running for tenant {tenant}"):
            await start_experiment(borrowed, second.name)
        await stop_experiment(borrowed, first.name)
        await start_experiment(borrowed, second.name)
        await stop_experiment(borrowed, second.name)
