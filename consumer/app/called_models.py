"""The models that this process calls: those of the settings, and those of the variants it has met."""

from dataclasses import dataclass

from consumer.llm.provider import Provider
from consumer.llm.rate_limit.limiter import RateLimiter
from repository.llm_models import LlmModel


@dataclass(frozen=True, slots=True)
class CalledModel:
    """A model with its pace and its health; for a variant of an experiment it has a health of its own."""

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
        """The name that the provider knows it by."""
        return self.provider.writer.model.model_name

    @property
    def name(self) -> str:
        """What people read, such as `gpt-4o-mini` or `gpt-4o-mini for tone/hook`."""
        return f"{self.model_name} for {self.experiment}/{self.variant}" if self.experiment else self.model_name
