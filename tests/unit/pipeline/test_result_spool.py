"""The spool: what is put there comes back as it was, once, within its bound."""

from pathlib import Path
from uuid import uuid4

from consumer.pipeline.result_spool import ResultSpool, SpooledResult
from tests.support.examples import claimed_request, failure, feed, postponement

URL = "postgresql://user:secret@db/feeds"


def spool_in(directory: Path, *, url: str = URL, most_bytes: int = 1_000_000) -> ResultSpool:
    return ResultSpool(directory, database_url=url, group_id="group", most_bytes=most_bytes)


def results() -> list[SpooledResult]:
    request = claimed_request()
    return [
        SpooledResult(feed=feed(request, uuid4())),
        SpooledResult(failure=failure(request)),
        SpooledResult(postponement=postponement(request)),
    ]


def test_what_was_added_comes_back_as_it_was_and_the_file_is_gone_when_all_is_taken(tmp_path: Path) -> None:
    put, more = results(), results()
    assert spool_in(tmp_path).add(put) == []
    assert spool_in(tmp_path).add(more) == []
    with spool_in(tmp_path).taken() as found:
        assert found == [*put, *more]
        found.clear()
    assert list(tmp_path.iterdir()) == []


def test_what_is_left_stays_for_the_next(tmp_path: Path) -> None:
    put = results()
    spool_in(tmp_path).add(put)
    with spool_in(tmp_path).taken() as found:
        del found[0]
    with spool_in(tmp_path).taken() as found:
        assert found == put[1:]


def test_results_of_another_database_are_left_to_its_consumer_and_no_password_shows(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.add(results())
    with spool_in(tmp_path, url="postgresql://db/other").taken() as found:
        assert found == []
    assert "secret" not in spool.path.name


def test_more_than_fits_is_handed_back(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, most_bytes=5_000)
    put = [result for _ in range(5) for result in results()]
    without_room = spool.add(put)
    assert spool.path.stat().st_size <= 5_000
    with spool.taken() as found:
        assert len(found) + len(without_room) == len(put)


def test_a_line_that_was_cut_off_costs_no_other(tmp_path: Path) -> None:
    spool, put = spool_in(tmp_path), results()
    spool.add(put)
    whole = spool.path.read_bytes()
    spool.path.write_bytes(whole[:-10])
    with spool.taken() as found:
        assert found == put[:-1]


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    spool.add(results())
    assert spool.path.stat().st_mode & 0o077 == 0


def test_another_password_is_no_other_spool(tmp_path: Path) -> None:
    put = results()
    spool_in(tmp_path).add(put)
    with spool_in(tmp_path, url=URL.replace("secret", "rotated")).taken() as found:
        assert found == put
        found.clear()
