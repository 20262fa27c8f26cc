import hashlib
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from schemas.dead_letter import cut_dead_letter, dead_letter, original_record
from schemas.record import Headers, OutgoingRecord, SourceRecord, pack_headers

FAILED_AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
ORIGIN = {
    "dlq_original_topic": b"overlay.completed",
    "dlq_original_partition": b"3",
    "dlq_original_offset": b"41",
    "dlq_original_timestamp": b"1762000000000",
}

optional_bytes = st.none() | st.binary()
foreign_names = st.text().filter(lambda name: not name.startswith("dlq_"))
foreign_headers = st.lists(st.tuples(foreign_names, optional_bytes)).map(tuple)


def source_record(
    headers: Headers, *, offset: int = 41, key: bytes | None = b"k", value: bytes | None = b"v"
) -> SourceRecord:
    return SourceRecord("overlay.completed", 3, offset, 1_762_000_000_000, key, value, headers)


def letter_of(
    record: SourceRecord, reason: str = "invalid_event", detail: str = "tenant_id is required"
) -> OutgoingRecord:
    return dead_letter(
        record,
        topic="overlay.completed.dlq",
        reason=reason,
        detail=detail,
        stage="intake",
        attempts=2,
        failed_at=FAILED_AT,
    )


@given(optional_bytes, optional_bytes, foreign_headers)
def test_key_value_and_headers_stay_byte_for_byte(key: bytes | None, value: bytes | None, headers: Headers) -> None:
    letter = letter_of(source_record(headers, key=key, value=value))
    assert (letter.topic, letter.key, letter.value) == ("overlay.completed.dlq", key, value)
    assert letter.headers[: len(headers)] == headers


def test_the_failure_and_the_origin_are_added_as_text() -> None:
    letter = letter_of(source_record((("traceparent", b"t"),)))
    assert letter.headers == (
        ("traceparent", b"t"),
        ("dlq_reason", b"invalid_event"),
        ("dlq_detail", b"tenant_id is required"),
        ("dlq_stage", b"intake"),
        ("dlq_attempts", b"2"),
        ("dlq_failed_at", b"2026-11-01T12:00:00Z"),
        *ORIGIN.items(),
    )


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_detail_is_sent_as_utf8(detail: str) -> None:
    assert dict(letter_of(source_record(()), detail=detail).headers)["dlq_detail"] == detail.encode()


def test_a_detail_that_utf8_cannot_hold_is_sent_escaped() -> None:
    assert dict(letter_of(source_record(()), detail="가\ud800").headers)["dlq_detail"] == "가\\ud800".encode()


@given(foreign_headers)
def test_a_replayed_dead_letter_says_the_new_failure_and_the_first_origin(headers: Headers) -> None:
    first = letter_of(source_record(headers))
    second = letter_of(source_record(first.headers, offset=99), reason="llm_refused", detail="again")
    assert second.headers[: len(headers)] == headers
    assert len(second.headers) == len(first.headers)
    added = dict(second.headers[len(headers) :])
    assert (added["dlq_reason"], added["dlq_detail"]) == (b"llm_refused", b"again")
    assert ORIGIN.items() <= added.items()


def test_an_origin_that_is_not_whole_is_replaced() -> None:
    broken = {**ORIGIN, "dlq_original_offset": None}
    letter = letter_of(source_record((*broken.items(), ("dlq_other", b"x")), offset=99))
    assert dict(letter.headers[5:]) == {**ORIGIN, "dlq_original_offset": b"99"}
    assert "dlq_other" not in dict(letter.headers)


@given(optional_bytes, optional_bytes, foreign_headers)
def test_the_record_that_a_letter_was_made_of_comes_back_whole(
    key: bytes | None, value: bytes | None, headers: Headers
) -> None:
    record = source_record(headers, key=key, value=value)
    letter = letter_of(record)
    as_read = SourceRecord(letter.topic, 7, 9, 1, letter.key, letter.value, letter.headers)
    assert original_record(as_read) == record


@given(foreign_headers)
def test_a_record_that_is_no_letter_is_its_own_original(headers: Headers) -> None:
    record = source_record(headers)
    assert original_record(record) == record


def test_a_letter_whose_origin_is_not_readable_is_taken_as_it_is() -> None:
    record = source_record(tuple({**ORIGIN, "dlq_original_offset": b"x"}.items()))
    assert original_record(record) == record


@given(st.binary(max_size=20_000), st.none() | st.binary(max_size=20_000), foreign_headers, st.text(max_size=9_000))
def test_a_cut_letter_is_small_and_says_what_the_whole_was(
    value: bytes, key: bytes | None, headers: Headers, detail: str
) -> None:
    letter = letter_of(source_record(headers, key=key, value=value), detail=detail)
    cut = cut_dead_letter(letter, most_bytes=1_000)
    said = dict(cut.headers)
    assert value.startswith(cut.value or b"")
    assert (said["dlq_truncated"], said["dlq_original_bytes"]) == (b"true", str(len(value)).encode())
    assert said["dlq_original_sha256"] == hashlib.sha256(value).hexdigest().encode()
    assert (said["dlq_reason"], said["dlq_original_offset"]) == (b"invalid_event", b"41")
    ours = pack_headers(header for header in cut.headers if header[0].startswith("dlq_"))
    assert len(pack_headers(cut.headers)) - len(ours) + len(cut.key or b"") + len(cut.value or b"") <= 1_000
    assert len(ours) <= 5_000


def test_a_cut_letter_that_is_replayed_and_fails_again_still_tells_of_the_true_original() -> None:
    cut = cut_dead_letter(letter_of(source_record((), value=b"x" * 10_000)), most_bytes=1_000)
    replayed = SourceRecord("overlay.completed", 0, 7, 1, cut.key, cut.value, cut.headers)
    again = dict(cut_dead_letter(letter_of(replayed), most_bytes=100).headers)
    assert (again["dlq_truncated"], again["dlq_original_bytes"]) == (b"true", b"10000")
