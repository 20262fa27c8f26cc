"""Metrics of LLM calls, with OpenTelemetry's names for gen_ai where they exist."""

from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter

from consumer.llm.completion import FLEX, Completion
from consumer.llm.errors import LlmError
from consumer.telemetry.metrics.bounded import Bounded
from consumer.telemetry.metrics.lean_histogram import LeanHistogram
from consumer.telemetry.metrics.live_gauge import LiveCounter, LiveGauge
from repository.llm_models import LlmModel
from repository.spending import Spending
from schemas.call_verdict import CallVerdict
from schemas.reasons import Reason

PROVIDER: Final = "gen_ai_provider_name"
MODEL: Final = "gen_ai_request_model"
ARM: Final = ("experiment", "variant")
PROVIDER_NAMES: Final[Mapping[str, str]] = {"google": "gcp.gemini"}
"""OpenTelemetry's names of providers that differ from those in `llm_models`."""
MOST_MODELS: Final = 50
# the convention's, plus minutes
DURATION_BUCKETS_S: Final = (
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68, 655.36,
)  # fmt: skip
TOKEN_BUCKETS: Final = (1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576)
WAIT_BUCKETS_S: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
ERRORS: Final = (
    Reason.LLM_UNAVAILABLE,
    Reason.LLM_RATE_LIMITED,
    Reason.LLM_ACCOUNT_REFUSED,
    Reason.LLM_BAD_REQUEST,
    Reason.LLM_CONTENT_FILTERED,
)


class LlmMetrics:
    """Metrics of all calls, whatever their result."""

    def __init__(self, registry: CollectorRegistry) -> None:
        who = ["gen_ai_operation_name", PROVIDER, MODEL]
        self.duration_s = LeanHistogram(
            "gen_ai_client_operation_duration_seconds",
            "Duration of each LLM call, including failed ones; error_type is a code of schemas/reasons.py",
            [*who, "error_type"],
            buckets=DURATION_BUCKETS_S,
            registry=registry,
        )
        self.tokens = LeanHistogram(
            "gen_ai_client_token_usage",
            "Tokens of each LLM call with known usage, by type: input (including cached ones), output",
            [*who, "gen_ai_token_type"],
            buckets=TOKEN_BUCKETS,
            registry=registry,
        )
        self.cached_tokens = Counter(
            "instagram_feed_llm_cached_tokens_total",
            "Input tokens that the provider read from its cache",
            [PROVIDER, MODEL],
            registry=registry,
        )
        self.cost_usd = Counter(
            "instagram_feed_llm_cost_usd_total",
            "USD for LLM calls, whatever their result, by model, delivery (live, flex, batch) and variant; "
            "calls of batches have no variant",
            [PROVIDER, MODEL, *ARM, "delivery"],
            registry=registry,
        )
        self.unknown_costs = Counter(
            "instagram_feed_llm_calls_without_cost_total",
            "LLM calls that may have been billed, with unknown usage",
            [PROVIDER, MODEL],
            registry=registry,
        )
        calls = Counter(
            "instagram_feed_llm_calls_total",
            "LLM calls by result: stored, or a verdict of llm_calls such as unusable, unanswered",
            ["result"],
            registry=registry,
        )
        self._calls = {result: calls.labels(result) for result in ("stored", *CallVerdict)}
        self.wait_s = LeanHistogram(
            "instagram_feed_llm_limiter_wait_seconds",
            "Wait of calls for the provider's rate limit; calls that did not wait are not counted",
            [PROVIDER, MODEL],
            buckets=WAIT_BUCKETS_S,
            registry=registry,
        )
        self.waiting = LiveGauge(
            "instagram_feed_llm_limiter_waiting",
            "Calls waiting for the rate limit",
            [PROVIDER, MODEL],
            registry=registry,
        )
        self.limit = LiveGauge(
            "instagram_feed_llm_limit",
            "The provider's rate limit according to its responses, by unit (requests, tokens) and period (minute, day)",
            [PROVIDER, MODEL, "unit", "period"],
            registry=registry,
        )
        self.limit_remaining = LiveGauge(
            "instagram_feed_llm_limit_remaining",
            "How much of it is left, as estimated by this process",
            [PROVIDER, MODEL, "unit", "period"],
            registry=registry,
        )
        self.pace = LiveGauge(
            "instagram_feed_llm_requests_per_second_limit",
            "The request rate learned from 429 responses; none until the first one",
            [PROVIDER, MODEL],
            registry=registry,
        )
        self.breaker_open = LiveGauge(
            "instagram_feed_llm_breaker_open",
            "1 while a model is not called (its breaker is open, or it was deactivated), else 0",
            [PROVIDER, MODEL, *ARM],
            registry=registry,
        )
        self.breaker_opened = LiveCounter(
            "instagram_feed_llm_breaker_opened_total",
            "How often a model's breaker went from closed to open",
            [PROVIDER, MODEL, *ARM],
            registry=registry,
        )
        self.unavailable = LiveGauge(
            "instagram_feed_llm_unavailable", "1 while no model of the settings is called, else 0", registry=registry
        )
        self.shutdown_at_s = LiveGauge(
            "instagram_feed_llm_model_shutdown_timestamp_seconds",
            "When the provider shuts down a configured model, if known",
            [PROVIDER, MODEL],
            registry=registry,
        )
        self._models = Bounded(MOST_MODELS)

    def ended(self, result: str) -> None:
        """Count a call by its result."""
        self._calls[result].inc()

    def batched(self, model: LlmModel, lines: Iterable[Spending], cost_usd: float) -> None:
        """Count the tokens of answered batch lines, and the cost of all results."""
        labels = self.labels_of(model)
        self.cost_usd.labels(*labels, "", "", "batch").inc(cost_usd)
        tokens_in, tokens_out = (self.tokens.labels("chat", *labels, kind) for kind in ("input", "output"))
        cached = self.cached_tokens.labels(*labels)
        for spent in lines:
            # a line without an answer used none
            if spent.prompt_tokens:
                tokens_in.observe(spent.prompt_tokens)
                cached.inc(spent.cached_prompt_tokens or 0)
            if spent.completion_tokens:
                tokens_out.observe(spent.completion_tokens)

    def labels_of(self, model: LlmModel) -> tuple[str, ...]:
        """Return a model's provider and name as labels."""
        return self._models(PROVIDER_NAMES.get(model.provider, model.provider), model.model_name)

    def calls_of(self, model: LlmModel, arm: tuple[str, ...] = ("", "")) -> "CallFigures":
        """Return the counter of calls of one model, for a variant if given."""
        return CallFigures(self, self.labels_of(model), arm)


class CallFigures:
    """Counts the calls of one model as they end; all labels are looked up once, since this is a hot path."""

    def __init__(self, metrics: LlmMetrics, model: tuple[str, ...], arm: tuple[str, ...]) -> None:
        self._duration_s = {error: metrics.duration_s.labels("chat", *model, error) for error in ("", *ERRORS)}
        self._failed_s = metrics.duration_s
        self._input = metrics.tokens.labels("chat", *model, "input")
        self._output = metrics.tokens.labels("chat", *model, "output")
        self._cached = metrics.cached_tokens.labels(*model)
        self._cost_usd = {tier: metrics.cost_usd.labels(*model, *arm, tier) for tier in ("live", FLEX)}
        self._unknown_costs = metrics.unknown_costs.labels(*model)
        self._wait_s = metrics.wait_s.labels(*model)
        self._model = model

    def answered(self, completion: Completion, duration_s: float) -> None:
        """Count an answered call."""
        self._duration_s[""].observe(duration_s)
        if completion.prompt_tokens is not None:
            self._input.observe(completion.prompt_tokens)
        if completion.completion_tokens is not None:
            self._output.observe(completion.completion_tokens)
        if completion.cached_prompt_tokens:
            self._cached.inc(completion.cached_prompt_tokens)

    def failed(self, error: LlmError, duration_s: float) -> None:
        """Count a failed call."""
        known = self._duration_s.get(error.reason)
        (known or self._failed_s.labels("chat", *self._model, error.reason)).observe(duration_s)

    def took(self, spent: Spending | None, delivery: str = "live") -> None:
        """Count the cost of a call, or that it is unknown."""
        if spent is None or spent.cost_usd is None:
            self._unknown_costs.inc()
        else:
            self._cost_usd[delivery].inc(float(spent.cost_usd))

    def waited(self, wait_s: float) -> None:
        """Record the wait of a call for the rate limit."""
        self._wait_s.observe(wait_s)
