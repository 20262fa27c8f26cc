"""The models that this process calls: those of the settings, and those of the variants seen so far."""

from dataclasses import dataclass

from consumer.llm.provider import Provider
from consumer.llm.rate_limit.limiter import RateLimiter
from repository.llm_models import LlmModel


@dataclass(frozen=True, slots=True)
class CalledModel:
    """A model with its rate limiter and breaker; a variant of an experiment has its own breaker."""

    provider: Provider
    limiter: RateLimiter
    experiment: str = ""
    variant: str = ""

    @property
    def model(self) -> LlmModel:
        """Its row."""
        return self.provider.writer.model

    @property
    def model_name(self) -> str:
        """The provider's name for it."""
        return self.provider.writer.model.model_name

    @property
    def name(self) -> str:
        """Its display name, such as `gpt-4o-mini` or `gpt-4o-mini for tone/hook`."""
        return f"{self.model_name} for {self.experiment}/{self.variant}" if self.experiment else self.model_name
