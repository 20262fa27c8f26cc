"""The columns that a refusal may be about, if the server names only a constraint or a type."""

import re

from repository.errors import RefusedData
from repository.pool import Connection

TABLE = "instagram_feeds"
_TYPE = re.compile(r"for type ([a-z ]+\(\d+(?:,\d+)?\))")

_COLUMNS = """
    SELECT attname
    FROM pg_attribute
    WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
        AND (format_type(atttypid, atttypmod) = $3 OR attnum IN (
            SELECT unnest(conkey) FROM pg_constraint WHERE conrelid = to_regclass($1) AND conname = $2))
    ORDER BY attnum
"""


async def refused_columns(connection: Connection, error: RefusedData) -> list[str]:
    """Return the columns of posts that may be at fault, such as `instagram_feeds.hashtags`; none if it is unclear."""
    said = _TYPE.search(str(error))
    if error.column is not None or (said is None and error.constraint is None):
        return []
    rows = await connection.fetch(_COLUMNS, TABLE, error.constraint, said and said[1])
    return [f"{TABLE}.{row['attname']}" for row in rows]
