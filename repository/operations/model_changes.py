"""Changing rows of `llm_models`.

Changes travel as one JSON object, so that a statement serves any selection of columns and leaves the
others alone, whoever else is changing them. A Decimal travels as a text, which keeps its digits.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from decimal import Decimal
from uuid import UUID

from repository.llm_models import COLUMNS, LlmModel, model_of
from repository.pool import Connection

ModelValue = str | float | bool | Decimal | date | None
ModelChanges = Mapping[str, ModelValue]
"""New values by column; None empties a column."""

_CHANGEABLE = ", ".join(field.name for field in fields(LlmModel) if field.name not in {"llm_model_id", "is_active"})

_ADD = f"""
    INSERT INTO llm_models ({_CHANGEABLE})
    SELECT {_CHANGEABLE} FROM jsonb_populate_record(NULL::llm_models, $1::jsonb)
    ON CONFLICT (provider, model_name, coalesce(model_version, '')) DO NOTHING
    RETURNING {COLUMNS}
"""  # noqa: S608 - the names are those of the dataclass
_CHANGE = f"""
    UPDATE llm_models AS model
    SET ({_CHANGEABLE}) = (SELECT {_CHANGEABLE} FROM jsonb_populate_record(model, change.value))
    FROM jsonb_each($1::jsonb) AS change
    WHERE model.llm_model_id = change.key::uuid
    RETURNING {COLUMNS}
"""  # noqa: S608 - the same
_SWITCH = f"""
    UPDATE llm_models SET is_active = CASE WHEN $2 THEN 'true' ELSE 'false' END
    WHERE llm_model_id = $1
    RETURNING {COLUMNS}
"""  # noqa: S608 - the same


async def add_model(connection: Connection, values: ModelChanges) -> LlmModel | None:
    """Add an active row; `values` has every column that cannot be empty. None: the model is there already."""
    row = await connection.fetchrow(_ADD, json.dumps(dict(values), default=str))
    return None if row is None else model_of(row)


async def change_models(connection: Connection, changes: Mapping[UUID, ModelChanges]) -> list[LlmModel]:
    """Give columns of rows new values, each row its own. Returns the rows as they are now."""
    as_json = json.dumps({str(llm_model_id): dict(values) for llm_model_id, values in changes.items()}, default=str)
    return [model_of(row) for row in await connection.fetch(_CHANGE, as_json)]


async def switch_model(connection: Connection, llm_model_id: UUID, *, active: bool) -> LlmModel:
    """Make a row one that may be called, or not. Returns the row as it is now."""
    return model_of(await connection.fetchrow(_SWITCH, llm_model_id, active))
