"""Requests that nobody works on any more, or whose next attempt is due, find a process."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from consumer.llm.chat import CallId
from consumer.post.prompt import PromptTemplate
from devstack.simulated_llm.control import SimulatedLlmControl
from repository.errors import StoreUnavailable
from repository.pool import Pool, open_pool
from repository.requests import ClaimedRequest, NewRequest
from tests.chaos.tcp_proxy import tcp_proxy
from tests.support.application import application
from tests.support.examples import new_request, overlay_completed, source_record
from tests.support.kafka_records import encoded, overlay_event
from tests.support.ledger import EXPIRED_S, LEASE_S, claim, ledger_row, states, until_take_overs
from tests.support.waiting import eventually

QUICK = {"LEASE_S": "2", "MAX_IN_FLIGHT": "10"}
# A process of another group may take these, too: they are entered without a group.
OTHER = {**QUICK, "KAFKA_GROUP_ID": "another"}


@pytest.fixture
async def pool(feed_env: Mapping[str, str], llm: SimulatedLlmControl) -> AsyncIterator[Pool]:
    """Connections to the database of the test's application."""
    await llm.set_latency("constant:0.02")
    pool = await open_pool(feed_env["DATABASE_URL"], size=2, application_name="tests")
    await until_take_overs(pool, lease_s=2)
    yield pool
    await pool.close()


def request() -> NewRequest:
    """A request whose record is about its overlay."""
    event = overlay_event()
    return new_request(UUID(str(event["overlay_id"])), source=source_record(encoded(event)))


async def test_a_request_left_behind_is_written_and_its_second_call_says_so(
    feed_env: Mapping[str, str], pool: Pool, llm: SimulatedLlmControl
) -> None:
    [left_behind] = await claim(pool, [request()], lease_s=EXPIRED_S)
    async with application(feed_env, **QUICK) as consumer:
        assert await consumer.app.sweeper.run_once() == 1
        await consumer.finish()
    assert await states(pool) == {left_behind.overlay_id: "done"}
    assert [call.request_id for call in (await llm.ledger()).calls] == [f"{left_behind.overlay_id}/1/2"]


async def test_no_more_is_taken_than_there_are_slots(feed_env: Mapping[str, str], pool: Pool) -> None:
    await claim(pool, [request() for _ in range(5)], lease_s=EXPIRED_S)
    async with application(feed_env, **QUICK | {"MAX_IN_FLIGHT": "3"}) as consumer:
        assert await consumer.app.sweeper.run_once() == 3
        await consumer.finish()
        assert await consumer.app.sweeper.run_once() == 2
        await consumer.finish()
    assert set((await states(pool)).values()) == {"done"}


async def lost(pool: Pool, overlay_id: UUID, *, takeovers: int) -> None:
    """The request was in the hands of so many processes that were lost, and of one more just now."""
    await pool.execute(
        "UPDATE feed_requests SET takeovers = $2, state = 'claimed', available_at = now() - interval '1 second' "
        "WHERE overlay_id = $1",
        overlay_id,
        takeovers - 1,
    )


@pytest.mark.parametrize("background", [False, True], ids=["live", "in the background"])
async def test_a_request_whose_processes_are_lost_has_three_more_tries_and_then_fails_unpaid(
    feed_env: Mapping[str, str],
    pool: Pool,
    llm: SimulatedLlmControl,
    background: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    tried, to_blame = await claim(pool, [request(), request()])
    await pool.execute("UPDATE feed_requests SET background = $1", background)
    await lost(pool, tried.overlay_id, takeovers=3)
    await lost(pool, to_blame.overlay_id, takeovers=4)
    async with application(feed_env, **QUICK) as consumer:

        async def both_have_ended() -> bool:
            await consumer.app.sweeper.run_once()
            await consumer.finish()
            return set((await states(pool)).values()) == {"done", "failed"}

        await eventually(both_have_ended, deadline_s=20)
    row = await ledger_row(pool, to_blame.overlay_id)
    assert row["last_error_reason"] == "kills_process"
    assert [call.request_id for call in (await llm.ledger()).calls] == [f"{tried.overlay_id}/1/2"]


async def to_the_background(pool: Pool, requests: Sequence[ClaimedRequest]) -> None:
    overlay_ids = [request.overlay_id for request in requests]
    await pool.execute("UPDATE feed_requests SET background = true WHERE overlay_id = ANY($1::uuid[])", overlay_ids)


async def test_what_is_in_the_background_leaves_slots_to_live_requests(feed_env: Mapping[str, str], pool: Pool) -> None:
    await to_the_background(pool, await claim(pool, [request() for _ in range(8)], lease_s=EXPIRED_S))
    async with application(feed_env, **QUICK | {"MAX_IN_FLIGHT": "8"}) as consumer:
        assert await consumer.app.sweeper.run_once() == 6
        assert consumer.app.in_flight.free == 4
        await consumer.finish()
        assert await consumer.app.sweeper.run_once() == 2
        await consumer.finish()
    assert set((await states(pool)).values()) == {"done"}


async def test_with_one_slot_the_background_gets_its_turn_too(feed_env: Mapping[str, str], pool: Pool) -> None:
    await to_the_background(pool, await claim(pool, [request()], lease_s=EXPIRED_S))
    async with application(feed_env, **QUICK | {"MAX_IN_FLIGHT": "1"}) as consumer:
        assert await consumer.app.sweeper.run_once() == 1
        await consumer.finish()


async def test_live_requests_go_before_those_in_the_background(feed_env: Mapping[str, str], pool: Pool) -> None:
    await to_the_background(pool, await claim(pool, [request() for _ in range(8)], lease_s=EXPIRED_S))
    live = await claim(pool, [request() for _ in range(6)], lease_s=EXPIRED_S)
    async with application(feed_env, **QUICK | {"MAX_IN_FLIGHT": "8"}) as consumer:
        assert await consumer.app.sweeper.run_once() == 6
        assert {held.overlay_id for held in consumer.app.in_flight.held} == {request.overlay_id for request in live}
        await consumer.finish()


async def test_what_another_process_holds_is_left_to_it(feed_env: Mapping[str, str], pool: Pool) -> None:
    await claim(pool, [request()], lease_s=LEASE_S)
    async with application(feed_env, **QUICK) as consumer:
        assert await consumer.app.sweeper.run_once() == 0
        assert consumer.app.in_flight.held == []


async def test_what_this_process_is_working_on_is_not_begun_again_however_long_it_slept(
    feed_env: Mapping[str, str], pool: Pool, llm: SimulatedLlmControl
) -> None:
    await llm.set_latency("constant:1")
    await claim(pool, [request()], lease_s=EXPIRED_S)
    async with application(feed_env, **QUICK) as consumer:
        assert await consumer.app.sweeper.run_once() == 1
        await pool.execute("UPDATE feed_requests SET available_at = now() - interval '1 hour'")
        assert await consumer.app.sweeper.run_once() == 0
        await consumer.finish()
    assert set((await states(pool)).values()) == {"done"}
    assert (await llm.ledger_summary()).total_calls == 1


async def test_after_the_database_was_away_holders_get_time_to_extend_their_leases(
    feed_env: Mapping[str, str], pool: Pool
) -> None:
    url = feed_env["DATABASE_URL"]
    port = urlsplit(url).port
    assert port is not None
    async with tcp_proxy(port) as proxy:
        through_proxy = {"DATABASE_URL": url.replace(f":{port}/", f":{proxy.port}/")}
        async with application(feed_env, **QUICK | {"LEASE_S": "6"} | through_proxy) as consumer:
            await until_take_overs(pool, lease_s=6)
            await proxy.refuse()
            with pytest.raises(StoreUnavailable):
                await consumer.app.sweeper.run_once()
            await proxy.accept()
            await claim(pool, [request()], lease_s=EXPIRED_S)
            assert await consumer.app.sweeper.run_once() == 0
            await eventually(consumer.app.sweeper.run_once)
            await consumer.finish()
    assert set((await states(pool)).values()) == {"done"}


async def test_two_sweepers_at_once_share_the_work(
    feed_env: Mapping[str, str], pool: Pool, llm: SimulatedLlmControl
) -> None:
    await claim(pool, [request() for _ in range(10)], lease_s=EXPIRED_S)
    async with application(feed_env, **QUICK) as one, application(feed_env, **OTHER) as other:
        taken = await asyncio.gather(one.app.sweeper.run_once(), other.app.sweeper.run_once())
        await asyncio.gather(one.finish(), other.finish())
    assert sum(taken) == 10
    assert (await llm.ledger_summary()).total_calls == 10


async def test_a_record_that_is_no_longer_valid_fails_without_a_call(
    feed_env: Mapping[str, str], pool: Pool, llm: SimulatedLlmControl
) -> None:
    unreadable = new_request(source=source_record(b"of an older contract"))
    await claim(pool, [unreadable], lease_s=EXPIRED_S)
    async with application(feed_env, **QUICK) as consumer:
        assert await consumer.app.sweeper.run_once() == 1
        await consumer.finish()
    row = await ledger_row(pool, unreadable.overlay_id)
    assert (row["state"], row["last_error_reason"]) == ("failed", "invalid_event")
    assert (await llm.ledger_summary()).total_calls == 0


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("source_value = NULL, source_headers = NULL", id="emptied when it was done"),
        pytest.param(r"source_headers = '\xffffffffff'", id="headers that are none"),
    ],
)
async def test_a_row_that_somebody_changed_by_hand_fails_alone_and_ends_no_process(
    feed_env: Mapping[str, str], pool: Pool, change: str
) -> None:
    changed, other = await claim(pool, [request(), request()], lease_s=EXPIRED_S)
    await pool.execute(f"UPDATE feed_requests SET {change} WHERE overlay_id = $1", changed.overlay_id)
    async with application(feed_env, **QUICK) as consumer:
        assert await consumer.app.sweeper.run_once() == 2
        await consumer.finish()
    assert await states(pool) == {changed.overlay_id: "failed", other.overlay_id: "done"}


@pytest.mark.parametrize(
    "change",
    [
        "cost_usd = 'NaN'",
        "cost_usd = '-Infinity', prompt_tokens = -5",
        "prompt_tokens = 9223372036854775807, completion_tokens = 9223372036854775807",
        "attempts = -2147483648",
        "llm_calls = 2147483647",
        "fencing_token = 9223372036854775807",
        "source_timestamp_ms = 9223372036854775807, source_partition = -1, source_offset = -1",
        "references_missing_since = '-infinity', created_at = 'infinity'",
    ],
)
async def test_figures_that_somebody_wrote_by_hand_hold_up_no_request(
    feed_env: Mapping[str, str], pool: Pool, change: str
) -> None:
    changed, other = await claim(pool, [request(), request()], lease_s=EXPIRED_S)
    await pool.execute(f"UPDATE feed_requests SET {change} WHERE overlay_id = $1", changed.overlay_id)
    async with application(feed_env, **QUICK) as consumer:
        assert await consumer.app.sweeper.run_once() == 2
        await consumer.finish()
    assert await states(pool) == {changed.overlay_id: "done", other.overlay_id: "done"}


async def test_a_count_of_lost_processes_that_somebody_wrote_by_hand_ends_its_request_alone(
    feed_env: Mapping[str, str], pool: Pool
) -> None:
    changed, other = await claim(pool, [request(), request()], lease_s=EXPIRED_S)
    await pool.execute("UPDATE feed_requests SET takeovers = 2147483647 WHERE overlay_id = $1", changed.overlay_id)
    async with application(feed_env, **QUICK) as consumer:
        assert await consumer.app.sweeper.run_once() == 2
        await consumer.finish()
    assert await states(pool) == {changed.overlay_id: "failed", other.overlay_id: "done"}


async def test_a_request_whose_process_is_alive_is_never_taken_over_however_long_its_call(
    feed_env: Mapping[str, str], pool: Pool, llm: SimulatedLlmControl
) -> None:
    """The holder extends its lease three times within its length."""
    await llm.set_latency("constant:2.5")
    [held] = await claim(pool, [request()], lease_s=EXPIRED_S)
    lease = {"LEASE_S": "0.9"}
    async with application(feed_env, **QUICK | lease) as holder, application(feed_env, **OTHER | lease) as other:
        assert await holder.app.sweeper.run_once() == 1
        keeping = asyncio.create_task(holder.app.lease_keeper.run())
        sweeping = asyncio.create_task(other.app.sweeper.run())
        await holder.finish()
        keeping.cancel()
        sweeping.cancel()
        assert other.app.in_flight.held == []
    assert (await ledger_row(pool, held.overlay_id))["fencing_token"] == held.fencing_token + 1
    assert (await llm.ledger_summary()).total_calls == 1


async def test_a_lease_keeper_extends_what_is_held_and_tells_how_much(
    feed_env: Mapping[str, str], pool: Pool, llm: SimulatedLlmControl
) -> None:
    await llm.set_latency("constant:30")
    await claim(pool, [request(), request()], lease_s=EXPIRED_S)
    async with application(feed_env, **QUICK | {"MAX_IN_FLIGHT": "1"}) as consumer:
        assert await consumer.app.lease_keeper.run_once() == 0
        await consumer.app.sweeper.run_once()
        [held] = consumer.app.in_flight.held
        before = (await ledger_row(pool, held.overlay_id))["available_at"]
        assert await consumer.app.lease_keeper.run_once() == 1
        assert (await ledger_row(pool, held.overlay_id))["available_at"] > before


async def test_while_upstream_s_tables_cannot_be_asked_a_request_is_put_off_without_a_call_or_an_attempt(
    feed_env: Mapping[str, str], pool: Pool, llm: SimulatedLlmControl
) -> None:
    [waiting] = await claim(pool, [request()], lease_s=EXPIRED_S)
    async with application(feed_env, REFERENCE_ROWS="require", **QUICK) as consumer:
        await pool.execute("ALTER TABLE overlay_layouts RENAME TO elsewhere")
        await consumer.app.sweeper.run_once()
        await consumer.finish()
    row = await ledger_row(pool, waiting.overlay_id)
    assert (row["state"], row["attempts"], row["last_error_reason"]) == ("waiting", 0, "missing_reference")
    assert (await llm.ledger_summary()).total_calls == 0


async def test_an_answer_that_a_lost_process_paid_for_is_looked_up_before_another_is_paid(
    feed_env: Mapping[str, str], pool: Pool, llm: SimulatedLlmControl
) -> None:
    [lost] = await claim(pool, [request()], lease_s=EXPIRED_S)
    async with application(feed_env, LLM_STORE_RESPONSES="true", **QUICK) as consumer:
        [writer] = consumer.resources.writers
        event = overlay_completed(overlay_id=str(lost.overlay_id))
        messages = PromptTemplate(language="ko", max_hashtags=5).messages(event)
        await writer.write(messages, max_tokens=1_000, call_id=CallId(lost.overlay_id, 1, attempt=1))
        await consumer.app.sweeper.run_once()
        await consumer.finish()
    [feed] = await pool.fetch("SELECT latency_ms, llm_calls, cost_usd, gpt_response_raw FROM instagram_feeds")
    [call] = (await llm.ledger()).calls
    assert call.billed
    assert json.loads(feed["gpt_response_raw"])["id"] == call.completion_id
    assert (feed["latency_ms"], feed["llm_calls"], feed["cost_usd"] > 0) == (None, 1, True)
