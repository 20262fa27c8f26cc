"""Compatibility of schemas: what producers write stays valid, what consumers read stays present. Pure.

It covers the part of JSON Schema that these contracts use: types, constants, bounds, patterns, objects, lists, `anyOf`
and `$ref`. Titles, descriptions, defaults and examples may change.

An input may become wider. An output may only gain fields: a wider field breaks its readers, a narrower one breaks
readers of older records with code generated from the new schema.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from schemas.contracts.json_schemas import Direction

Schema = Mapping[str, Any]

_LOWER_BOUNDS: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER_BOUNDS: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_EXACT: Final = ("pattern", "format")
_NOTHING: Final[Schema] = {}


def incompatibilities(old: Schema, new: Schema, direction: Direction) -> list[str]:
    """Return the breaking changes from `old` to `new`, one line per field."""
    return list(_Comparison(old, new, direction).of(old, new, "value"))


class _Comparison:
    """Compares two documents, following their references."""

    def __init__(self, old: Schema, new: Schema, direction: Direction) -> None:
        self._old = old
        self._new = new
        self._direction = direction

    def of(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        before, after = _by_type(old, self._old), _by_type(new, self._new)
        if gone := before.keys() - after.keys():
            yield f"{path} may not be {_listed(gone)} any more"
        if self._direction == "out" and (more := after.keys() - before.keys()):
            yield f"{path} may now be {_listed(more)}, too"
        for kind in sorted(before.keys() & after.keys()):
            yield from self._of_one_type(before[kind], after[kind], path)

    def _of_one_type(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        if _is_narrower(new, old):
            yield f"{path} takes less than before"
        if self._direction == "out" and _is_narrower(old, new):
            yield f"{path} may hold more than before"
        yield from self._properties(old, new, path)
        if "items" in old or "items" in new:
            yield from self.of(old.get("items", _NOTHING), new.get("items", _NOTHING), f"{path}[]")

    def _properties(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        before, after = old.get("properties", _NOTHING), new.get("properties", _NOTHING)
        needed_before, needed = set(old.get("required", ())), set(new.get("required", ()))
        prefix = "" if path == "value" else f"{path}."
        for name in before:
            if name not in after:
                yield f"{prefix}{name} is gone"
            else:
                yield from self.of(before[name], after[name], f"{prefix}{name}")
        if self._direction == "in":
            yield from (f"{prefix}{name} is required now" for name in sorted(needed - needed_before))
        else:
            unsure = (needed_before - needed) & after.keys()
            yield from (f"{prefix}{name} may be missing now" for name in sorted(unsure))


def _by_type(schema: Schema, document: Schema) -> dict[str, Schema]:
    """Return the alternatives of a schema by type; each type occurs in one of them."""
    found: dict[str, Schema] = {}
    for alternative in _alternatives(schema, document):
        kinds = alternative.get("type", "anything")
        for kind in [kinds] if isinstance(kinds, str) else kinds:
            found[kind] = alternative
    return found


def _alternatives(schema: Schema, document: Schema) -> Iterator[Schema]:
    if "$ref" in schema:
        yield from _alternatives(_target(schema["$ref"], document), document)
    elif "anyOf" in schema and "type" not in schema:
        for alternative in schema["anyOf"]:
            yield from _alternatives(alternative, document)
    else:
        yield schema


def _target(reference: str, document: Schema) -> Schema:
    target: Any = document
    for step in reference.removeprefix("#/").split("/"):
        target = target[step]
    found: Schema = target
    return found


def _is_narrower(schema: Schema, than: Schema) -> bool:
    """Return whether a schema of one type refuses something that another accepts, regardless of its parts."""
    return (
        any(schema[name] > than.get(name, float("-inf")) for name in _LOWER_BOUNDS if name in schema)
        or any(schema[name] < than.get(name, float("inf")) for name in _UPPER_BOUNDS if name in schema)
        or any(schema[name] != than.get(name) for name in _EXACT if name in schema)
        or _takes_fewer_values(schema, than)
        or (_alternative_needs(schema) != _alternative_needs(than) and bool(_alternative_needs(schema)))
        or (schema.get("additionalProperties") is False and than.get("additionalProperties") is not False)
    )


def _takes_fewer_values(schema: Schema, than: Schema) -> bool:
    values, more = _values(schema), _values(than)
    return values is not None and (more is None or any(value not in values for value in more))


def _values(schema: Schema) -> list[object] | None:
    if "const" in schema:
        return [schema["const"]]
    return list(schema["enum"]) if "enum" in schema else None


def _alternative_needs(schema: Schema) -> list[frozenset[str]]:
    """Return the sets of fields of which an object needs one, unordered."""
    needs = (frozenset(alternative.get("required", ())) for alternative in schema.get("anyOf", ()))
    return sorted(needs, key=sorted)


def _listed(kinds: Any) -> str:  # noqa: ANN401
    return " or ".join(sorted(kinds))
