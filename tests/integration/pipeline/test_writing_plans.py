"""Plans of variants are made when their first request comes; what cannot be written is said and waits."""

from typing import cast
from uuid import uuid4

from consumer.llm.failover import Failover
from consumer.pipeline.writing_plans import WritingPlan, WritingPlans
from consumer.post.editor import Editor
from consumer.post.prompt import PromptTemplate
from consumer.settings import SettingsError
from repository.experiments import Experiment, Variant
from repository.llm_models import LlmModel
from repository.operations.experiment_changes import NewExperiment, create_experiment
from repository.pool import Pool, connection
from repository.prompts import Prompt
from repository.requests import ClaimedRequest
from schemas.experiments import AssignmentUnit
from schemas.instagram_feed_created import ExperimentArm
from tests.support.examples import claimed_request

USUAL = WritingPlan(cast("Failover", object()), cast("PromptTemplate", object()), cast("Editor", object()))


class Maker:
    """Makes plans, and knows for what."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str | None, str | None]] = []

    def make(self, _experiment: str, variant: Variant, prompt: Prompt | None, model: LlmModel | None) -> WritingPlan:
        """Note what is wanted; the variant `keyless` cannot be made."""
        if variant.variant == "keyless":
            raise SettingsError("ANTHROPIC_API_KEY is missing")
        names = (prompt.reference if prompt else None, model.model_name if model else None)
        self.made.append((variant.variant, *names))
        return WritingPlan(cast("Failover", variant), USUAL.template, USUAL.editor)


async def experiment_with(pool: Pool, *variants: Variant) -> Experiment:
    async with connection(pool) as borrowed:
        return await create_experiment(
            borrowed,
            NewExperiment(
                name=f"tone-{uuid4().hex[:8]}",
                unit=AssignmentUnit.OVERLAY,
                share=1.0,
                minimal_effect=None,
                variants=variants,
                tenants=(),
            ),
        )


def request_in(experiment: Experiment, variant: str) -> ClaimedRequest:
    arm = ExperimentArm(experiment_id=experiment.experiment_id, name=experiment.name, variant=variant)
    return claimed_request(arm=arm)


async def test_a_variant_whose_prompt_is_gone_waits_and_holds_up_no_other(pool: Pool) -> None:
    experiment = await experiment_with(pool, Variant(variant="plain", weight=1), Variant(variant="other", weight=1))
    await pool.execute(
        "UPDATE experiment_variants SET prompt = 'nonsense' WHERE experiment_id = $1 AND variant = 'other'",
        experiment.experiment_id,
    )
    plans = WritingPlans(pool, USUAL, Maker().make)
    plain, other = request_in(experiment, "plain"), request_in(experiment, "other")
    await plans.know([other, plain])
    assert (plans.problem(plain), plans.problem(other)) == (None, "there is no prompt 'nonsense'")


async def test_a_plan_is_made_once_with_the_prompt_and_model_of_its_variant(pool: Pool, model: LlmModel) -> None:
    own = Variant(variant="own", weight=1, prompt="feed-post:1", llm_model_id=model.llm_model_id)
    experiment = await experiment_with(pool, Variant(variant="now", weight=1, is_control=True), own)
    maker = Maker()
    plans = WritingPlans(pool, USUAL, maker.make)
    requests = [request_in(experiment, "now"), request_in(experiment, "own"), claimed_request()]
    for _ in range(2):
        await plans.know(requests)
    assert sorted(maker.made, key=str) == [("now", None, None), ("own", "feed-post:1", "gpt-4o-mini")]
    assert [plans.problem(request) for request in requests] == [None, None, None]
    assert plans.of(requests[2]) is USUAL
    assert len({id(plans.of(request)) for request in requests}) == 3


async def test_a_variant_that_cannot_be_written_says_why(pool: Pool) -> None:
    keyless = Variant(variant="keyless", weight=1)
    experiment = await experiment_with(pool, Variant(variant="now", weight=1, is_control=True), keyless)
    plans = WritingPlans(pool, USUAL, Maker().make)
    request = request_in(experiment, "keyless")
    assert plans.problem(request) == f"nothing is known of variant keyless of {experiment.name}"
    await plans.know([request])
    assert plans.problem(request) == "ANTHROPIC_API_KEY is missing"
