from uuid import uuid4

from tests.chaos.observations import RequestRow
from tests.chaos.starvation import starved


def rows(tenant_id: str, count: int, *, took_s: float | None) -> list[RequestRow]:
    ended = None if took_s is None else 10.0 + took_s
    return [RequestRow(uuid4(), 1, "done", 0, 0, 10.0, tenant_id, ended) for _ in range(count)]


def test_a_tenant_behind_the_flood_of_another_is_starved() -> None:
    seen = [*rows("flood", 100, took_s=4.0), *rows("small", 20, took_s=60.0)]
    assert list(starved(seen)) == [
        "small waited 60.0 s for the end of a request at the median, all together 4.0 s",
    ]


def test_a_flood_may_wait_for_itself_and_few_requests_or_none_that_ended_say_nothing() -> None:
    seen = [
        *rows("flood", 100, took_s=40.0),
        *rows("small", 20, took_s=1.0),
        *rows("rare", 5, took_s=90.0),
        *rows("unended", 20, took_s=None),
    ]
    assert list(starved(seen)) == []


def test_nothing_seen_is_nobody_starved() -> None:
    assert list(starved([])) == []
