"""How the post of a request is written: by which model, with which prompt. A variant may have its own plan.

A plan is built when its first request is handled, even if its experiment no longer runs. A variant has no fallback
model: its requests wait for its own, so that the comparison stays valid, and hold up no others.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

import structlog

from consumer.llm.failover import Failover
from consumer.post.editor import Editor
from consumer.post.prompt import PromptTemplate
from consumer.settings import SettingsError
from repository.experiments import Experiment, Variant, experiments_by_id
from repository.llm_models import LlmModel, models_by_id
from repository.pool import Pool, connection
from repository.prompts import Prompt, prompts_called
from repository.requests import ClaimedRequest

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WritingPlan:
    """The models, the prompt, and the editor that turns an answer into a post."""

    failover: Failover
    template: PromptTemplate
    editor: Editor


PlanOf = Callable[[ClaimedRequest], WritingPlan]
MakePlan = Callable[[str, Variant, Prompt | None, LlmModel | None], WritingPlan]
"""Builds the plan of an experiment's variant, with its own prompt and model, if any."""

_Key = tuple[UUID, str]


class WritingPlans:
    """The default plan, and those of the variants seen so far."""

    def __init__(self, pool: Pool, usual: WritingPlan, make: MakePlan) -> None:
        self._pool = pool
        self._usual = usual
        self._make = make
        self._plans: dict[_Key, WritingPlan] = {}
        self._problems: dict[_Key, str] = {}

    def of(self, request: ClaimedRequest) -> WritingPlan:
        """Return the plan of a request that is known and has no `problem`."""
        return self._usual if request.arm is None else self._plans[_key(request)]

    def problem(self, request: ClaimedRequest) -> str | None:
        """Return why a request's variant cannot be written by this process; None if it can."""
        if request.arm is None or _key(request) in self._plans:
            return None
        arm = request.arm
        return self._problems.get(_key(request), f"nothing is known of variant {arm.variant} of {arm.name}")

    async def know(self, requests: Iterable[ClaimedRequest]) -> None:
        """Build plans for the variants of these requests.

        Raises:
            StoreError: the database cannot be read; existing plans stay.
        """
        met = {_key(request) for request in requests if request.arm is not None}
        new = met - self._plans.keys() - self._problems.keys()
        if not new:
            return
        async with connection(self._pool) as borrowed:
            experiments = await experiments_by_id(borrowed, {experiment_id for experiment_id, _ in new})
            variants = {key: variant for key in new if (variant := _variant(experiments, key))}
            prompts = await prompts_called(borrowed, [each.prompt for each in variants.values() if each.prompt])
            models = await models_by_id(
                borrowed, {each.llm_model_id for each in variants.values() if each.llm_model_id}
            )
        for key, variant in variants.items():
            self._add(key, experiments[key[0]], variant, prompts, models)

    def _add(
        self,
        key: _Key,
        experiment: Experiment,
        variant: Variant,
        prompts: dict[str, Prompt],
        models: dict[UUID, LlmModel],
    ) -> None:
        model = models[variant.llm_model_id] if variant.llm_model_id else None
        try:
            self._plans[key] = self._make(experiment.name, variant, _prompt_of(variant, prompts), model)
        except SettingsError as error:
            log.error("experiments.unwritable", experiment=experiment.name, variant=variant.variant, reason=str(error))  # noqa: TRY400 - the line says it all
            self._problems[key] = str(error)


def _prompt_of(variant: Variant, prompts: dict[str, Prompt]) -> Prompt | None:
    if variant.prompt and variant.prompt not in prompts:
        raise SettingsError(f"there is no prompt '{variant.prompt}'")
    return prompts[variant.prompt] if variant.prompt else None


def _key(request: ClaimedRequest) -> _Key:
    if request.arm is None:
        raise LookupError("a request without a variant has the usual plan")
    return request.arm.experiment_id, request.arm.variant


def _variant(experiments: dict[UUID, Experiment], key: _Key) -> Variant | None:
    experiment = experiments.get(key[0])
    return experiment.variant(key[1]) if experiment else None
