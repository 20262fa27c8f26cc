"""Models: names, capabilities and prices."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from repository.pool import Connection
from repository.prices import Prices

DEFAULT_MAX_TOKENS = 1_000


@dataclass(frozen=True, slots=True)
class LlmModel:
    """One row of `llm_models`. Prices are USD per 1,000,000 tokens, None when unknown."""

    llm_model_id: UUID
    provider: str
    model_name: str
    model_version: str | None
    default_temperature: float | None
    default_max_tokens: int | None
    prompt_token_cost_per_1m: Decimal | None
    cached_prompt_token_cost_per_1m: Decimal | None
    cache_write_prompt_token_cost_per_1m: Decimal | None
    completion_token_cost_per_1m: Decimal | None
    token_limit_parameter: str
    supports_temperature: bool
    max_temperature: float | None
    supports_json_schema: bool
    supports_store: bool
    reasoning_effort: str | None
    shutdown_date: date | None
    description: str | None
    is_active: bool
    batch_price_factor: Decimal = Decimal("0.5")
    supports_flex: bool = False

    @property
    def full_name(self) -> str:
        """`provider/name@version`, which is unique."""
        return f"{self.provider}/{self.model_name}" + (f"@{self.model_version}" if self.model_version else "")

    @property
    def prices(self) -> Prices:
        """The prices of its tokens."""
        return Prices(
            prompt_token_cost_per_1m=self.prompt_token_cost_per_1m,
            cached_prompt_token_cost_per_1m=self.cached_prompt_token_cost_per_1m,
            cache_write_prompt_token_cost_per_1m=self.cache_write_prompt_token_cost_per_1m,
            completion_token_cost_per_1m=self.completion_token_cost_per_1m,
        )

    @property
    def price_problem(self) -> str | None:
        """Say which price is none, by a change by hand; None where all are prices, or unknown."""
        figures = {**asdict(self.prices), "batch_price_factor": self.batch_price_factor}
        wrong = {name: figure for name, figure in figures.items() if figure is not None and not _is_price(figure)}
        if not wrong:
            return None
        told = ", ".join(f"{name} {figure}" for name, figure in wrong.items())
        return f"{self.full_name} has {told} in llm_models, which is no price (`instagram-feed models update`)"

    def at_reduced_price(self) -> "LlmModel":
        """Return the model at the prices of batches and the flex tier."""
        reduced = self.prices.times(self.batch_price_factor)
        return replace(self, **asdict(reduced))


class ModelNotUsable(Exception):
    """A name matches no model that may be called; the message says why and what to do."""


class UnknownModel(ModelNotUsable):
    """No row of llm_models has this name."""


class InactiveModel(ModelNotUsable):
    """The models of this name are inactive."""


class AmbiguousModel(ModelNotUsable):
    """Several rows have this name."""


class WrongPrice(ModelNotUsable):
    """A price in the row is none: nobody could say what a call costs."""


# is_active is a text in the seed, and may be NULL
COLUMNS = ", ".join(
    "is_active IS NOT DISTINCT FROM 'true' AS is_active" if field.name == "is_active" else field.name
    for field in fields(LlmModel)
)
_SELECT = f"SELECT {COLUMNS} FROM llm_models"  # noqa: S608 - the names are those of the dataclass
_ORDER = "ORDER BY provider, model_name, model_version DESC NULLS LAST"

_FIND = f"""
    {_SELECT}
    WHERE $1 IN (
        model_name,
        model_name || '@' || coalesce(model_version, ''),
        provider || '/' || model_name,
        provider || '/' || model_name || '@' || coalesce(model_version, '')
    ) OR llm_model_id::text = lower($1)
    {_ORDER}
"""


async def all_models(connection: Connection) -> list[LlmModel]:
    """Return every row, by provider and name, newest version first."""
    return [model_of(row) for row in await connection.fetch(f"{_SELECT} {_ORDER}")]


async def models_by_id(connection: Connection, ids: Collection[UUID]) -> dict[UUID, LlmModel]:
    """Return the existing rows with these ids."""
    rows = await connection.fetch(f"{_SELECT} WHERE llm_model_id = ANY($1::uuid[])", list(ids))
    return {row["llm_model_id"]: model_of(row) for row in rows}


async def models_named(connection: Connection, name: str) -> list[LlmModel]:
    """Return the rows that match `name`: NAME, PROVIDER/NAME, either with @VERSION, or an llm_model_id.

    A row without version matches an empty one, `NAME@`.
    """
    return [model_of(row) for row in await connection.fetch(_FIND, name)]


async def find_one(connection: Connection, name: str) -> LlmModel:
    """Return the one row with this name, active or not.

    Raises:
        UnknownModel: there is none.
        AmbiguousModel: there are several.
    """
    found = await models_named(connection, name)
    if not found:
        raise UnknownModel(f"llm_models has no model '{name}'; it has: {_listed(await all_models(connection))}")
    if len(found) > 1:
        raise AmbiguousModel(f"'{name}' means several models; say which: {_told_apart(found)}")
    return found[0]


async def find_active(connection: Connection, name: str) -> LlmModel:
    """Return the active row with this name, the newest version if one provider has several.

    Raises:
        UnknownModel: there is none.
        InactiveModel: it is not active.
        AmbiguousModel: several providers have it.
        WrongPrice: its row has a price that is none.
    """
    found = await models_named(connection, name)
    if not found:
        active = [model for model in await all_models(connection) if model.is_active]
        raise UnknownModel(f"llm_models has no model '{name}'; active are: {_listed(active)}")
    return newest_active(name, found)


def newest_active(name: str, found: Sequence[LlmModel]) -> LlmModel:
    """Return the model to call among the rows of a name, in the order of `models_named`.

    Raises:
        InactiveModel: none is active.
        AmbiguousModel: several providers have an active one.
        WrongPrice: its row has a price that is none.
    """
    active = [model for model in found if model.is_active]
    if not active:
        raise InactiveModel(
            f"model '{name}' is inactive: `instagram-feed models activate {found[0].full_name}`, or choose another"
        )
    if len({model.provider for model in active}) > 1:
        raise AmbiguousModel(f"'{name}' means models of several providers; say which: {_told_apart(active)}")
    if problem := active[0].price_problem:
        raise WrongPrice(problem)
    return active[0]


def model_of(row: Any) -> LlmModel:  # noqa: ANN401 - a record of the columns of `LlmModel`
    """Return the row as a record."""
    return LlmModel(**dict(row))


def _is_price(figure: Decimal) -> bool:
    return figure.is_finite() and figure >= 0


def _listed(models: Sequence[LlmModel]) -> str:
    return ", ".join(model.full_name for model in models) or "none"


def _told_apart(models: Sequence[LlmModel]) -> str:
    """Return unambiguous names, also for a row without version beside one of the same name with a version."""
    return ", ".join(model.full_name if model.model_version else f"{model.full_name}@" for model in models)
