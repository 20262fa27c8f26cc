"""The columns of a record, derived from its fields.

A batch reaches its statement as one array for each column. Names, SQL types and values all come from the
record's dataclass, so that a new column is one new field. Work that reflects on types is done at import.
"""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, is_dataclass
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from types import NoneType
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID

from schemas.record import Headers, pack_headers

Record = TypeVar("Record")

Jsonb = Annotated[str, "jsonb"]
"""A JSON text for a jsonb column."""

_SQL_TYPES: dict[type, str] = {
    bool: "boolean",
    bytes: "bytea",
    datetime: "timestamptz",
    Decimal: "numeric",
    float: "float8",
    int: "bigint",  # also for integer columns: the server casts, and refuses values that are too large
    str: "text",
    UUID: "uuid",
}


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    path: str
    sql_type: str
    pack: Callable[[Any], object] | None = None


class Columns(Generic[Record]):
    """The columns of a record type, for statements over a batch of records.

    Columns of a nested record are named `<field>_<column>`; a field named `record` adds no prefix.
    """

    def __init__(self, record: type[Record], *, leaving_out: AbstractSet[str] = frozenset()) -> None:
        self._columns = tuple(_columns(record, leaving_out=leaving_out))
        self._row_of: Callable[[Record], tuple[object, ...]] = attrgetter(*(column.path for column in self._columns))
        self._packed = [(place, column.pack) for place, column in enumerate(self._columns) if column.pack]
        self.names = tuple(column.name for column in self._columns)

    def __str__(self) -> str:
        return ", ".join(self.names)

    def unnest(self, alias: str, *, first: int) -> str:
        """Return the batch as a table for a FROM clause; its arrays are the parameters from `$first` on."""
        arrays = ", ".join(f"${number}::{column.sql_type}[]" for number, column in enumerate(self._columns, first))
        return f"unnest({arrays}) AS {alias} ({self})"

    def arrays(self, records: Sequence[Record]) -> list[Sequence[object]]:
        """Return the parameters of `unnest`: one array for each column."""
        rows = map(self._row_of, records)
        arrays: list[Sequence[object]] = list(zip(*rows, strict=True)) or [()] * len(self._columns)
        for place, pack in self._packed:
            arrays[place] = [pack(value) for value in arrays[place]]
        return arrays


def _columns(
    record: type, *, prefix: str = "", path: str = "", leaving_out: AbstractSet[str] = frozenset()
) -> Iterator[_Column]:
    hints = get_type_hints(record, include_extras=True)
    for name, hint in ((name, hint) for name, hint in hints.items() if name not in leaving_out):
        if is_dataclass(inner := _not_none(hint)) and isinstance(inner, type):
            inner_prefix = prefix if name == "record" else f"{prefix}{name}_"
            yield from _columns(inner, prefix=inner_prefix, path=f"{path}{name}.")
        elif inner == Headers:
            yield _Column(prefix + name, path + name, "bytea", pack_headers)
        else:
            yield _Column(prefix + name, path + name, _sql_type(inner))


def _not_none(hint: Any) -> Any:  # noqa: ANN401 - an annotated type
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    return kinds[0] if len(kinds) == 1 and get_origin(hint) is not Annotated else hint


def _sql_type(hint: Any) -> str:  # noqa: ANN401 - the same
    if get_origin(hint) is Annotated:
        return str(get_args(hint)[1])
    return next(sql_type for kind, sql_type in _SQL_TYPES.items() if issubclass(hint, kind))


MOST_COUNTED = 2_000_000_000
"""More than a row counts of anything. What is more was written by hand, and is not to overflow."""


def one_more(column: str, by: str = "1") -> str:
    """Write the sum of a counting column: no row that was changed by hand makes it fail for the others."""
    return f"least({column}, {MOST_COUNTED}) + {by}"
