"""The writing plans of an experiment's variants, built when the first request of a variant is handled."""

import uuid
from dataclasses import dataclass

from consumer.app.called_models import CalledModel
from consumer.llm.breaker import Breaker
from consumer.llm.call_watch import CallWatch
from consumer.llm.failover import Failover
from consumer.llm.provider import Provider
from consumer.llm.rate_limit.limiter import RateLimiter
from consumer.llm.writer import Writer
from consumer.pipeline.judgement import editor_from
from consumer.pipeline.model_rows import ModelRows
from consumer.pipeline.prompts import template_of
from consumer.pipeline.writing_plans import WritingPlan
from consumer.resources import Resources
from consumer.settings import Settings
from consumer.telemetry.metrics import Metrics
from repository.experiments import Variant
from repository.llm_models import LlmModel
from repository.prompts import Prompt

VARIANT_PATIENCE_S = 1.0  # a request that waits for a variant's model holds a slot that others could use
PROBE_MARGIN_S = 10.0  # a probe may wait for the limiter before its call starts


def build_provider(writer: Writer, limiter: RateLimiter, settings: Settings, watch: CallWatch) -> Provider:
    """Build a provider with this rate limiter and a breaker of its own."""
    breaker = Breaker(probe_deadline_s=settings.llm_timeout_s + PROBE_MARGIN_S, first_wait_s=settings.probe_s)
    return Provider(writer, limiter, breaker, watch)


@dataclass(frozen=True, slots=True)
class VariantPlans:
    """Builds the writing plans of variants; what a variant leaves open is as in the default plan.

    The rate limiter is shared between all plans with the same model. The breaker is not: a variant that is refused
    stops no other.
    """

    settings: Settings
    resources: Resources
    usual: WritingPlan
    usual_provider: Provider
    limiters: dict[uuid.UUID, RateLimiter]
    model_rows: ModelRows
    called_models: list[CalledModel]
    metrics: Metrics

    def make(self, experiment: str, variant: Variant, prompt: Prompt | None, model: LlmModel | None) -> WritingPlan:
        """Build the plan of a variant.

        Raises:
            SettingsError: its model's provider needs a key that is not set.
        """
        template = template_of(prompt, self.settings) if prompt else self.usual.template
        editor = editor_from(self.settings, our_texts=template.static_texts) if prompt else self.usual.editor
        return WritingPlan(Failover(self._provider(experiment, variant, model)), template, editor)

    def _provider(self, experiment: str, variant: Variant, model: LlmModel | None) -> Provider:
        called = model or self.usual_provider.writer.model
        writer = self.resources.all_writers.open(called, temperature=variant.temperature, max_tokens=variant.max_tokens)
        limiter = self.limiters.setdefault(called.llm_model_id, RateLimiter(patience_s=VARIANT_PATIENCE_S))
        arm = self.metrics.requests.arm_labels(experiment, variant.variant)
        provider = build_provider(writer, limiter, self.settings, self.metrics.llm.calls_of(called, arm))
        if not called.is_active:
            provider.disused_because = f"{called.full_name} is inactive"
        elif problem := called.price_problem:
            provider.disused_because = problem
        self.model_rows.watch(str(called.llm_model_id) if model else self.settings.llm_model, provider)
        self.called_models.append(CalledModel(provider, limiter, *arm))
        return provider
