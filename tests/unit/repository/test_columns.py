"""Columns of a record: names, types and values come from its fields and nowhere else."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID, uuid4

from repository.columns import Columns, Jsonb
from repository.feeds import Feed
from schemas.record import Headers, pack_headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record of Kafka."""

    topic: str
    headers: Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event and its record."""

    event_id: UUID
    record: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What a statement takes."""

    revision: int
    cost_usd: Decimal | None
    is_open: bool
    usage: Jsonb | None
    announced: Event
    events: tuple[Event, ...] = ()


COLUMNS = Columns(Example, leaving_out={"events"})


def example(revision: int = 1) -> Example:
    event = Event(event_id=uuid4(), record=Record(topic="created", headers=(("a", b"1"), ("b", None))))
    return Example(revision=revision, cost_usd=None, is_open=True, usage="{}", announced=event)


def test_a_record_within_the_record_is_spread_out_under_its_name() -> None:
    assert COLUMNS.names == (
        "revision",
        "cost_usd",
        "is_open",
        "usage",
        "announced_event_id",
        "announced_topic",
        "announced_headers",
    )


def test_each_column_has_the_type_of_its_field_and_its_own_parameter() -> None:
    assert COLUMNS.unnest("incoming", first=3) == (
        "unnest($3::bigint[], $4::numeric[], $5::boolean[], $6::jsonb[], $7::uuid[], $8::text[], $9::bytea[]) "
        "AS incoming (revision, cost_usd, is_open, usage, announced_event_id, announced_topic, announced_headers)"
    )


def test_a_batch_becomes_one_array_for_each_column() -> None:
    batch = [example(1), example(2)]
    arrays = COLUMNS.arrays(batch)
    assert [list(values) for values in arrays] == [
        [1, 2],
        [None, None],
        [True, True],
        ["{}", "{}"],
        [one.announced.event_id for one in batch],
        ["created", "created"],
        [pack_headers(one.announced.record.headers) for one in batch],
    ]


def test_a_batch_of_none_still_has_all_its_columns() -> None:
    assert [list(values) for values in COLUMNS.arrays([])] == [[]] * len(COLUMNS.names)


def test_an_answer_reaches_the_database_as_json_and_not_as_text() -> None:
    columns = Columns(Feed, leaving_out={"unused_calls"})
    assert columns.unnest("feed", first=1).count("jsonb[]") == len(["gpt_response_raw", "token_usage", "quality"])
