"""A rehearsal of one event's path through the database, in a transaction that is rolled back.

The program's own statements are executed with an unused overlay id, so that problems with rights, row security,
required columns, types, triggers, constraints and sequences show before an LLM is paid. Only consumed sequence numbers
remain.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_type_hints
from uuid import UUID, uuid4

from repository.errors import MissingReference, StoreContention, StoreError, StoreUnavailable, translated
from repository.feeds import Failure, Feed, fail, store
from repository.leases import extend_leases
from repository.outbox import NewOutboxEvent, delete_published, give_back
from repository.pool import Connection
from repository.references import AS_A_TRIAL, KEYS, may_insert, missing_rows, unfillable_tables
from repository.requests import NewRequest, Postponement, claim_new, postpone
from repository.rights import SERVICE
from repository.spending import NOTHING_SPENT, Spending
from schemas.reasons import Reason
from schemas.record import OutgoingRecord, SourceRecord

ENCODING = "UTF8"
OWNER = "rehearsal"
LEASE_S = 60.0
REVISION = 2_000_000_000  # nobody's

# By SQLSTATE: errors of the statement or the role, not of the values, so that every event would meet them.
_ABOUT_EVERY_EVENT = ("0A", "25", "42", "55", "23502")


@dataclass(frozen=True, slots=True)
class DatabaseLook:
    """The result of a rehearsal.

    `obstacles` refuse every event. `doubts` refused the rehearsed one, and may or may not refuse others. `unfillable`:
    upstream's tables into which no row can be inserted, and why not. `may_make_rows`: whether the role has the right
    to.
    """

    obstacles: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    unfillable: Mapping[str, str] = field(default_factory=dict)
    may_make_rows: bool = False


async def look_at_database(connection: Connection, *, ensures_references: bool) -> DatabaseLook:
    """Rehearse; changes nothing.

    Raises:
        StoreUnavailable: the database became unavailable.
    """
    if obstacle := await _general_obstacle(connection):
        return DatabaseLook(obstacles=(obstacle,))
    rehearsal = _Rehearsal(connection)
    async with _undone(connection):
        unfillable = await unfillable_tables(connection) if ensures_references else {}
        may_make_rows = ensures_references and await may_insert(connection)
        await rehearsal.perform(unfillable.keys() if ensures_references else KEYS.keys(), may_make_rows=may_make_rows)
    return DatabaseLook(tuple(rehearsal.obstacles), tuple(rehearsal.doubts), unfillable, may_make_rows)


async def _general_obstacle(connection: Connection) -> str | None:
    row = await connection.fetchrow(_GENERAL)
    assert row is not None  # noqa: S101 - it selects no table
    if row["encoding"] != ENCODING:
        return f"its encoding is {row['encoding']}, which cannot hold every post: it must be {ENCODING}"
    if row["read_only"] == "on":
        return "it takes no changes: a replica, or a database or role with default_transaction_read_only=on"
    return None


_GENERAL = """
    SELECT current_setting('server_encoding') AS encoding, current_setting('transaction_read_only') AS read_only
"""


@asynccontextmanager
async def _undone(connection: Connection) -> AsyncIterator[None]:
    transaction = connection.transaction()
    with translated():
        await transaction.start()
        await connection.execute(AS_A_TRIAL)
    try:
        yield
    finally:
        with translated():
            await transaction.rollback()


class _Rehearsal:
    """The steps of one event, each in a savepoint, so that a failing one does not hide the others."""

    def __init__(self, connection: Connection) -> None:
        self.obstacles: list[str] = []
        self.doubts: list[str] = []
        self._connection = connection

    async def perform(self, needed: Collection[str], *, may_make_rows: bool) -> None:
        """Rehearse an event that becomes a post, and one that waits and then fails."""
        known: Mapping[str, Any] = {}
        async with self._step():
            known = dict(await self._connection.fetchrow(_SAMPLE) or {})
        request = NewRequest(
            overlay_id=(known.get("overlay_id") if "overlay_layouts" in needed else None) or uuid4(),
            revision=REVISION,
            tenant_id=known.get("tenant_id") or OWNER,
            job_id=uuid4() if "jobs" not in needed else None,
            event_id=OWNER,
            source=_sample(SourceRecord),
        )
        async with self._step():
            await self._become_a_post(request, known.get("llm_model_id") or uuid4(), may_make_rows=may_make_rows)
        async with self._step():
            await self._fail(replace(request, overlay_id=uuid4()))
        if lacking := await missing_rights(self._connection):
            self.obstacles = [f"the role lacks {right}" for right in lacking]
        for table in await missing_tables(self._connection):
            self.obstacles.append(f"the table {table} is missing: it was dropped, or not restored")

    async def _become_a_post(self, request: NewRequest, llm_model_id: UUID, *, may_make_rows: bool) -> None:
        connection = self._connection
        claimed = await claim_new(connection, [request], owner=OWNER, lease_s=LEASE_S)
        if len(await extend_leases(connection, claimed, lease_s=LEASE_S)) != 1:
            self.obstacles.append("feed_requests: a row that was inserted is not seen again (row security, a trigger)")
            return
        await missing_rows(connection, claimed, tables=KEYS)
        post = _sample(
            Feed,
            overlay_id=request.overlay_id,
            revision=request.revision,
            job_id=request.job_id,
            tenant_id=request.tenant_id,
            llm_model_id=llm_model_id,
            created_event=_event(),
        )
        events = await store(connection, [post], ensure_references=may_make_rows, relay_lease_s=LEASE_S)
        if not events:
            self.obstacles.append("instagram_feeds, outbox_events: a row is left out (row security, a trigger)")
        await give_back(connection, [event.outbox_id for event in events], delay_s=LEASE_S)
        await delete_published(connection, [event.outbox_id for event in events])

    async def _fail(self, request: NewRequest) -> None:
        claimed = await claim_new(self._connection, [request], owner=OWNER, lease_s=LEASE_S)
        ids = {"overlay_id": request.overlay_id, "revision": request.revision, "fencing_token": 1}
        failure = _sample(Failure, **ids, reason=Reason.INTERNAL_ERROR, events=(_event(),))
        await fail(self._connection, [failure], relay_lease_s=LEASE_S)
        await postpone(self._connection, [_sample(Postponement, **ids, reason=Reason.INTERNAL_ERROR) for _ in claimed])

    @asynccontextmanager
    async def _step(self) -> AsyncIterator[None]:
        try:
            with translated():
                async with self._connection.transaction():
                    yield
        except StoreUnavailable:
            raise
        except (StoreContention, MissingReference):
            pass  # no obstacle is known; a row of upstream's is looked for before each call
        except StoreError as error:
            about_all = (error.sqlstate or "").startswith(_ABOUT_EVERY_EVENT)
            (self.obstacles if about_all else self.doubts).append(str(error))


# Existing values, if any: a constraint or a policy may depend on the tenant.
_SAMPLE = """
    SELECT
        (SELECT tenant_id FROM feed_requests LIMIT 1) AS tenant_id,
        (SELECT overlay_id FROM overlay_layouts LIMIT 1) AS overlay_id,
        (SELECT llm_model_id FROM llm_models LIMIT 1) AS llm_model_id
"""

_MISSING_TABLES = "SELECT name FROM unnest($1::text[]) AS needed (name) WHERE to_regclass(name) IS NULL ORDER BY name"
_MISSING_RIGHTS = """
    SELECT privilege || ' on ' || name AS missing
    FROM unnest($1::text[], $2::text[]) AS needed (name, privilege)
    WHERE to_regclass(name) IS NOT NULL AND NOT has_table_privilege(to_regclass(name), privilege)
    UNION ALL
    SELECT 'USAGE on ' || sequence.relname
    FROM pg_class AS sequence
    JOIN pg_depend AS owned ON owned.objid = sequence.oid AND owned.classid = 'pg_class'::regclass
        AND owned.deptype = 'a'  -- of a SERIAL; an identity needs no right
    WHERE owned.refobjid IN (
        SELECT to_regclass(name) FROM unnest($1::text[], $2::text[]) AS filled (name, privilege)
        WHERE privilege = 'INSERT'
    )
        -- in another order the right would be asked of what is no sequence
        AND CASE WHEN sequence.relkind = 'S' THEN NOT has_sequence_privilege(sequence.oid, 'USAGE') ELSE false END
"""


async def missing_tables(connection: Connection) -> list[str]:
    """Return which of the service's tables are not there, although the schema's revision says so."""
    rows = await connection.fetch(_MISSING_TABLES, list(SERVICE))
    return [row["name"] for row in rows]


async def missing_rights(connection: Connection) -> list[str]:
    """Return the missing rights, such as `INSERT on outbox_events`."""
    needed = [(table, privilege) for table, privileges in SERVICE.items() for privilege in privileges]
    rows = await connection.fetch(_MISSING_RIGHTS, *map(list, zip(*needed, strict=True)))
    return [row["missing"] for row in rows]


def _event() -> NewOutboxEvent:
    return NewOutboxEvent(event_id=uuid4(), record=_sample(OutgoingRecord))


Sampled = TypeVar("Sampled")


def _sample(kind: type[Sampled], **known: object) -> Sampled:
    """Return a record with a value of the right type in each field that is not given."""
    hints = get_type_hints(kind)
    names = [each.name for each in fields(kind)]  # type: ignore[arg-type] # of dataclasses only
    return kind(**{name: known[name] if name in known else _value(hints[name]) for name in names})


def _value(hint: Any) -> object:  # noqa: ANN401 - any annotation
    kinds = [each for each in get_args(hint) if each is not NoneType] if isinstance(hint, UnionType) else [hint]
    kind = getattr(kinds[0], "__supertype__", kinds[0])
    return _VALUES[kind]() if kind in _VALUES else ()


_VALUES: Mapping[Any, Callable[[], object]] = {
    UUID: uuid4,
    str: lambda: "{}",  # good for text and JSON
    bytes: lambda: b"{}",
    int: lambda: 0,
    float: lambda: 0.0,
    bool: lambda: False,
    datetime: lambda: datetime.now(UTC),
    Spending: lambda: NOTHING_SPENT,
}
