from devstack.simulated_llm.account import Account, Accounts, SimulationSettings
from devstack.simulated_llm.latency import LognormalLatency


def test_calls_with_one_key_are_told_apart_by_their_number() -> None:
    account = Account(SimulationSettings())
    assert [account.identify("a/1/1", 1).occurrence for _ in range(3)] == [1, 2, 3]
    assert account.identify("b/1/1", 1).occurrence == 1


def test_a_call_takes_the_same_time_in_every_run_and_its_repetition_another() -> None:
    settings = SimulationSettings(latency=LognormalLatency(0.8, 0.4))
    one, other = Account(settings), Account(settings)
    first, again = one.identify("a/1/1", 1), one.identify("a/1/1", 1)
    other.identify("b/1/1", 1)
    assert one.latency_s(first) == other.latency_s(other.identify("a/1/1", 1))
    assert one.latency_s(first) != one.latency_s(again)


def test_reseeding_starts_the_draws_anew() -> None:
    account = Account(SimulationSettings(seed=1, latency=LognormalLatency(0.8, 0.4)))
    before = account.latency_s(account.identify("a/1/1", 1))
    account.reseed(2)
    assert account.latency_s(account.identify("a/1/1", 1)) != before
    account.reseed(1)
    assert account.latency_s(account.identify("a/1/1", 1)) == before


def test_an_account_is_made_once_for_each_name() -> None:
    accounts = Accounts(SimulationSettings())
    default, other = accounts.get(""), accounts.get("other")
    assert default is not other
    assert accounts.get("other") is other
