"""Rows of llm_models: found by any of their names, changed column by column."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from repository.llm_models import (
    AmbiguousModel,
    InactiveModel,
    LlmModel,
    UnknownModel,
    all_models,
    find_active,
    find_one,
)
from repository.operations.model_changes import ModelChanges, add_model, change_models, switch_model
from repository.pool import Connection, Pool, connection

NEEDED: ModelChanges = {
    "token_limit_parameter": "max_completion_tokens",
    "supports_temperature": True,
    "supports_json_schema": True,
    "supports_store": True,
    "supports_flex": False,
    "batch_price_factor": Decimal("0.5"),
}


@pytest.fixture
async def borrowed(pool: Pool) -> AsyncIterator[Connection]:
    """A connection; models that a test adds are gone after it, and the seeded ones are as they were."""
    async with connection(pool) as borrowed:
        transaction = borrowed.transaction()
        await transaction.start()
        yield borrowed
        await transaction.rollback()


async def added(borrowed: Connection, name: str, version: str | None = None, **values: Any) -> LlmModel:  # noqa: ANN401
    provider, _, model_name = name.partition("/")
    identity = {"provider": provider, "model_name": model_name, "model_version": version}
    model = await add_model(borrowed, {**NEEDED, **identity, **values})
    assert model is not None
    return model


async def test_a_model_answers_to_each_of_its_names(borrowed: Connection) -> None:
    model = await added(borrowed, "anthropic/claude-x", "2026-10")

    for name in ("claude-x", "claude-x@2026-10", "anthropic/claude-x", "anthropic/claude-x@2026-10"):
        assert await find_one(borrowed, name) == model
    assert await find_one(borrowed, str(model.llm_model_id).upper()) == model


async def test_a_name_with_a_slash_of_its_own_is_found(borrowed: Connection) -> None:
    model = await added(borrowed, "openai/meta/llama-9")

    assert model.model_name == "meta/llama-9"
    assert await find_one(borrowed, "meta/llama-9") == model


async def test_a_name_of_several_models_is_answered_with_names_that_tell_them_apart(borrowed: Connection) -> None:
    bare, dated = await added(borrowed, "openai/x"), await added(borrowed, "openai/x", "2026")

    with pytest.raises(AmbiguousModel, match=r"openai/x@2026, openai/x@$"):
        await find_one(borrowed, "x")
    assert await find_one(borrowed, "openai/x@") == bare
    assert await find_one(borrowed, "openai/x@2026") == dated


async def test_to_be_used_the_newest_active_version_is_meant(borrowed: Connection) -> None:
    for version in ("2025-01", "2026-01"):
        await added(borrowed, "openai/x", version)
    newest = await added(borrowed, "openai/x", "2026-07")
    assert await find_active(borrowed, "x") == newest

    await switch_model(borrowed, newest.llm_model_id, active=False)

    assert (await find_active(borrowed, "x")).model_version == "2026-01"


async def test_unknown_inactive_and_ambiguous_are_told_apart(borrowed: Connection) -> None:
    with pytest.raises(UnknownModel, match=r"has no model 'x'; active are: .*openai/gpt-4o-mini@2024-07-18"):
        await find_active(borrowed, "x")
    model = await added(borrowed, "google/x")
    await added(borrowed, "openai/x")
    with pytest.raises(AmbiguousModel, match="google/x@, openai/x@"):
        await find_active(borrowed, "x")
    await switch_model(borrowed, model.llm_model_id, active=False)
    with pytest.raises(InactiveModel, match="models activate google/x"):
        await find_active(borrowed, "google/x")


async def test_a_change_leaves_all_other_columns_alone(borrowed: Connection) -> None:
    before = await find_one(borrowed, "gpt-4o-mini")

    changes: ModelChanges = {"prompt_token_cost_per_1m": Decimal("0.1234567890123456789"), "shutdown_date": None}
    [after] = await change_models(borrowed, {before.llm_model_id: changes})

    assert after.prompt_token_cost_per_1m == Decimal("0.1234567890123456789")
    assert after.shutdown_date is None
    unchanged = {name: getattr(before, name) for name in LlmModel.__dataclass_fields__ if name not in changes}
    assert {name: getattr(after, name) for name in unchanged} == unchanged


async def test_a_model_that_is_there_is_not_added_again(borrowed: Connection) -> None:
    await added(borrowed, "openai/x")

    twin: ModelChanges = {**NEEDED, "provider": "openai", "model_name": "x", "model_version": None}
    assert await add_model(borrowed, twin) is None


async def test_a_row_whose_activity_nobody_ever_set_is_not_used(borrowed: Connection) -> None:
    await borrowed.execute("UPDATE llm_models SET is_active = NULL WHERE model_name = 'gpt-4o-mini'")

    assert {model.model_name: model.is_active for model in await all_models(borrowed)}["gpt-4o-mini"] is False
    with pytest.raises(InactiveModel):
        await find_active(borrowed, "gpt-4o-mini")
