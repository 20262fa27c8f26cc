"""From arguments to a new experiment: resolves names to rows."""

from collections import Counter
from collections.abc import Sequence

from consumer.operations.experiments.variant_spec import VariantSpec, WrongVariant
from repository.experiments import Variant
from repository.llm_models import LlmModel, ModelNotUsable, find_active
from repository.pool import Connection
from repository.prompts import UnknownPrompt, find_prompt

FEWEST_VARIANTS = 2


def require_different(variants: Sequence[VariantSpec]) -> None:
    """Refuse variants that cannot be told apart, and fewer than two.

    Raises:
        WrongVariant: variants are equal or missing.
    """
    if len(variants) < FEWEST_VARIANTS:
        raise WrongVariant("--variant is missing: an experiment compares at least one with the control")
    twice = [name for name, count in Counter(spec.name for spec in variants).items() if count > 1]
    if twice:
        raise WrongVariant(f"the variant {twice[0]} is there twice; each needs a name of its own")


async def resolved(connection: Connection, spec: VariantSpec) -> Variant:
    """Look up the prompt and the model of a variant; a prompt without version is pinned to its newest one.

    Raises:
        WrongVariant: there is no such prompt or active model.
    """
    try:
        prompt = await find_prompt(connection, spec.prompt) if spec.prompt else None
        model = await find_active(connection, spec.model) if spec.model else None
    except (UnknownPrompt, ModelNotUsable) as error:
        raise WrongVariant(f"{spec.name}: {error}") from None
    _require_temperature(spec, model)
    return Variant(
        variant=spec.name,
        weight=spec.weight,
        prompt=prompt.reference if prompt else None,
        llm_model_id=model.llm_model_id if model else None,
        temperature=spec.temperature,
        max_tokens=spec.max_tokens,
    )


def _require_temperature(spec: VariantSpec, model: LlmModel | None) -> None:
    """Refuse a temperature that the model's endpoint would not accept: the arm would not be as described."""
    if model is None or spec.temperature is None:
        return
    highest = model.max_temperature if model.supports_temperature else None
    if not model.supports_temperature:
        raise WrongVariant(f"{spec.name}: {model.full_name} takes no temperature")
    if highest is not None and spec.temperature > highest:
        raise WrongVariant(f"{spec.name}: {model.full_name} takes a temperature of {highest:g} at most")
