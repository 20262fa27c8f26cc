"""All limits of a model together, alone and with other processes on the account."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.llm.rate_limit.headers import Quota
from consumer.llm.rate_limit.limits import CallLimits, Demand, Reservation
from devstack.simulated_llm.rate_limits import RateLimits
from tests.support.shared_account import Process, SharedAccount, Tokens

A_LONG_WAIT_S = 10.0


def limited(requests: int | None = None, tokens: int | None = None, *, remaining: float = 0.5) -> CallLimits:
    """A pacing that has learned these limits for a minute at 0 s."""
    pacing = CallLimits()
    first = pacing.admit(0, 0.0)
    if requests is not None:
        pacing.learn(first, {"requests": Quota(requests, round(requests * remaining))}, 0.0)
    if tokens is not None:
        pacing.learn(first, {"tokens": Quota(tokens, round(tokens * remaining))}, 0.0)
    return pacing


def send_all(pacing: CallLimits, tokens: int, now_s: float) -> list[Reservation]:
    """Send what may go at this moment."""
    sent = []
    while pacing.wait_s(tokens, now_s) <= 0:
        sent.append(pacing.admit(tokens, now_s))
    return sent


def test_without_a_known_limit_everything_goes() -> None:
    pacing = CallLimits()

    assert all(pacing.wait_s(10**6, 0.0) <= 0 and pacing.admit(10**6, 0.0) for _ in range(1_000))
    assert pacing.room(10**6, 0.0, within_s=5.0) == float("inf")


def test_the_tightest_limit_decides() -> None:
    pacing = limited(requests=6_000, tokens=60_000)

    assert len(send_all(pacing, 100, 0.0)) == 10, "a second of tokens"
    assert len(send_all(limited(requests=60, tokens=60_000), 1, 0.0)) == 2, "a second of requests, and one"


def test_a_projects_token_limit_counts_beside_the_accounts() -> None:
    pacing = limited(tokens=60_000_000)
    first = pacing.admit(0, 0.0)

    pacing.learn(first, {"project-tokens": Quota(60_000, 30_000)}, 0.0)

    assert len(send_all(pacing, 100, 0.0)) == 10


def test_a_call_that_used_more_than_reserved_delays_the_next() -> None:
    pacing = limited(tokens=60_000)
    reservation = send_all(pacing, 1_000, 0.0)[0]
    before_s = pacing.wait_s(1_000, 0.0)

    pacing.settle(reservation, 3_000)

    assert pacing.wait_s(1_000, 0.0) > before_s + 1.5


def test_a_call_that_used_less_than_reserved_makes_room() -> None:
    pacing = limited(tokens=60_000)
    reservation = send_all(pacing, 1_000, 0.0)[0]
    assert pacing.wait_s(1_000, 0.0) > 0

    pacing.settle(reservation, 0)

    assert pacing.wait_s(1_000, 0.0) <= 0


def test_a_request_that_was_never_sent_leaves_no_trace() -> None:
    pacing = limited(requests=600, tokens=60_000)
    send_all(pacing, 100, 0.0)
    before_s = pacing.wait_s(100, 1.0)

    pacing.cancel(pacing.admit(100, 1.0))

    assert pacing.wait_s(100, 1.0) == pytest.approx(before_s)


def test_those_ahead_are_waited_for() -> None:
    pacing = limited(requests=600, tokens=600_000)
    send_all(pacing, 1, 0.0)

    assert pacing.wait_s(1, 0.0, ahead=Demand(20, 20)) == pytest.approx(2.1, abs=0.1)
    assert pacing.wait_s(1, 0.0, ahead=Demand(1, 30_000)) == pytest.approx(2.0, abs=0.1)


def test_an_answer_to_an_earlier_request_is_older_news() -> None:
    pacing = CallLimits()
    early, late = pacing.admit(1, 0.0), pacing.admit(1, 5.0)
    pacing.learn(late, {"requests": Quota(600, 0)}, 6.0)

    pacing.learn(early, {"requests": Quota(600, 600)}, 6.0)

    assert pacing.wait_s(1, 6.0) == pytest.approx(2.0), "at the pace of an exhausted limit"


def test_a_429_pauses_everything_as_long_as_asked() -> None:
    pacing = CallLimits()

    pacing.slow_down(pacing.admit(1, 0.0), A_LONG_WAIT_S, 1.0)

    assert pacing.wait_s(1, 1.0) == pytest.approx(A_LONG_WAIT_S)
    assert pacing.room(1, 1.0, within_s=5.0) == 0
    assert pacing.wait_s(1, 1.0 + A_LONG_WAIT_S) <= 0


def test_a_429_that_asks_for_nothing_pauses_a_second() -> None:
    pacing = CallLimits()

    assert pacing.slow_down(pacing.admit(1, 0.0), None, 1.0) == 1.0
    assert pacing.wait_s(1, 1.0) == pytest.approx(1.0)


def test_a_shorter_wait_asked_later_does_not_end_a_longer_one() -> None:
    pacing = CallLimits()
    first, second = pacing.admit(1, 0.0), pacing.admit(1, 0.0)

    pacing.slow_down(first, A_LONG_WAIT_S, 1.0)
    pacing.slow_down(second, 0.1, 1.0)

    assert pacing.wait_s(1, 1.0) == pytest.approx(A_LONG_WAIT_S)


def test_after_an_hour_asked_for_others_try_again_within_a_minute() -> None:
    pacing = CallLimits()

    assert pacing.slow_down(pacing.admit(1, 0.0), 3_600.0, 1.0) == 3_600.0
    assert pacing.wait_s(1, 1.0) == pytest.approx(60.0)


def test_after_a_429_requests_go_at_half_the_rate_and_speed_up() -> None:
    pacing = CallLimits()
    sent = [pacing.admit(1, number / 20) for number in range(1_200)]
    pacing.slow_down(sent[-1], 0.0, 60.0)

    seconds = [sum(len(send_all(pacing, 1, 60 + second + step / 100)) for step in range(100)) for second in range(90)]

    assert sum(seconds[:5]) == pytest.approx(5 * 10, rel=0.15)
    assert sum(seconds[28:33]) == pytest.approx(5 * 20, rel=0.15)
    assert sum(seconds[85:]) > 5 * 30


def test_a_429_after_a_lull_slows_down_for_no_longer_than_a_minute() -> None:
    pacing = limited(requests=30_000)

    pacing.slow_down(pacing.admit(1, 60.0), 0.0, 60.1)

    assert pacing.room(1, 60.1, within_s=5.0) < 100
    assert pacing.room(1, 121.0, within_s=5.0) == pytest.approx(5 * 500, rel=0.3)


def test_a_limit_for_a_day_says_nothing_of_the_pace_to_gain_back() -> None:
    pacing = CallLimits()
    pacing.learn(pacing.admit(1, 0.0), {"requests": Quota(10_000_000, 9_999_000, 8.64)}, 0.0)

    pacing.slow_down(pacing.admit(1, 60.0), 0.0, 60.1)

    assert pacing.room(1, 121.0, within_s=5.0) < 10


def test_a_pause_leaves_room_only_for_the_time_after_it() -> None:
    pacing = CallLimits()
    sent = [pacing.admit(1, number / 20) for number in range(1_200)]
    pacing.slow_down(sent[-1], 3.0, 60.0)

    assert pacing.room(1, 60.0, within_s=5.0) == pytest.approx(2 * 10, abs=2)


def test_those_sent_away_come_back_one_after_another() -> None:
    pacing = limited(requests=600)

    returns_s = [pacing.return_s(1, 0.0, wait_s=A_LONG_WAIT_S) for _ in range(100)]

    gaps_s = [later - earlier for earlier, later in pairwise(returns_s)]
    assert returns_s[0] == A_LONG_WAIT_S
    assert gaps_s == pytest.approx([0.1] * 99)


def test_nobody_is_sent_away_for_much_longer_than_a_minute() -> None:
    pacing = limited(requests=60)

    returns_s = [pacing.return_s(1, 0.0, wait_s=A_LONG_WAIT_S) for _ in range(1_000)]

    assert max(returns_s) == 60.0


@given(
    requests=st.integers(1, 3_000),
    tokens=st.integers(1_000, 1_000_000),
    estimate=st.integers(1, 5_000),
    remaining=st.floats(0, 1),
    pause_s=st.floats(0, 10),
    ahead=st.integers(0, 3),
)
def test_as_many_as_there_is_room_for_go_in_time(
    requests: int, tokens: int, estimate: int, remaining: float, pause_s: float, ahead: int
) -> None:
    pacing, within_s = limited(requests, tokens, remaining=remaining), 5.0
    pacing.slow_down(pacing.admit(estimate, 0.5), pause_s, 1.0)
    room = pacing.room(estimate, 1.0, within_s=within_s, ahead=Demand(ahead, ahead * estimate))

    now_s = 1.0
    for _ in range(int(room) + ahead if room >= 1 else 0):
        now_s += pacing.wait_s(estimate, now_s)
        pacing.admit(estimate, now_s)

    assert now_s <= 1.0 + within_s + 1e-3


def shares(processes: list[Process], from_s: float, to_s: float) -> list[int]:
    return [process.answered(from_s, to_s) for process in processes]


@pytest.mark.parametrize("processes", [1, 3, 10])
def test_processes_on_one_account_share_its_request_limit_without_a_429(processes: int) -> None:
    crowd = [Process() for _ in range(processes)]

    SharedAccount(RateLimits(requests_per_minute=300), crowd).run(240)

    got = shares(crowd, 60, 240)
    assert sum(got) == pytest.approx(3 * 300, rel=0.05)
    assert min(got) >= 0.9 * max(got)
    assert sum(process.refused(60, 240) for process in crowd) <= 0.01 * sum(got)


@pytest.mark.parametrize(
    "tokens",
    [Tokens(), Tokens(estimated=1_000, charged=700, used=1_000), Tokens(estimated=1_500, charged=1_000, used=600)],
    ids=["charged as used", "charged less", "charged more"],
)
@pytest.mark.parametrize("processes", [1, 3])
def test_they_share_a_token_limit_by_what_the_provider_charges(processes: int, tokens: Tokens) -> None:
    crowd = [Process(tokens) for _ in range(processes)]

    SharedAccount(RateLimits(tokens_per_minute=300_000), crowd).run(240)

    got = shares(crowd, 60, 240)
    assert sum(got) * tokens.charged == pytest.approx(3 * 300_000, rel=0.05)
    assert min(got) >= 0.85 * max(got)
    assert sum(process.refused(60, 240) for process in crowd) <= 0.01 * sum(got)


def test_shares_shift_when_a_process_comes_and_another_goes() -> None:
    alone, newcomer = Process(until_s=240), Process(from_s=120)

    SharedAccount(RateLimits(requests_per_minute=300), [alone, newcomer]).run(420)

    assert alone.answered(60, 120) == pytest.approx(300, rel=0.05)
    assert shares([alone, newcomer], 180, 240) == pytest.approx([150, 150], rel=0.1)
    assert newcomer.answered(300, 420) == pytest.approx(600, rel=0.05)


@pytest.mark.parametrize("processes", [1, 3])
def test_a_limit_that_no_header_names_is_found_by_halving(processes: int) -> None:
    crowd = [Process(reads_headers=False) for _ in range(processes)]

    SharedAccount(RateLimits(requests_per_minute=300), crowd).run(420)

    got = shares(crowd, 60, 420)
    assert sum(got) == pytest.approx(6 * 300, rel=0.05)
    assert sum(process.refused(60, 420) for process in crowd) <= 0.02 * sum(got)
