from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from schemas.ids import created_event_id, failed_event_id, new_feed_id

ID = UUID(int=1)
counts = st.integers(0, 2**63 - 1)


def test_ids_stay_what_they_were_when_first_announced() -> None:
    assert str(created_event_id(ID)) == "60c2c63e-8452-5f4e-affa-a265b8fcbff1"
    assert str(failed_event_id(ID, 1, 1)) == "61bb52eb-9b38-5e25-ae1b-bac1b4e1eded"


@given(st.lists(st.tuples(st.uuids(), counts, counts), min_size=2, unique=True))
def test_different_facts_have_different_ids(facts: list[tuple[UUID, int, int]]) -> None:
    ids = {failed_event_id(*fact) for fact in facts}
    ids |= {created_event_id(overlay_id) for overlay_id, _, _ in facts}
    assert len(ids) == len(facts) + len({overlay_id for overlay_id, _, _ in facts})


@given(st.datetimes(datetime(2020, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants them naive
def test_ids_of_feeds_are_in_the_order_of_time_and_never_the_same(at: datetime) -> None:
    one, other, later = new_feed_id(at), new_feed_id(at), new_feed_id(at + timedelta(milliseconds=2))
    assert one != other
    assert max(one, other) < later
    assert (one.version, one.variant) == (7, RFC_4122)
    assert one.int >> 80 == int(at.timestamp() * 1_000)
