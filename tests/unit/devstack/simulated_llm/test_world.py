from devstack.simulated_llm.latency import LognormalLatency
from devstack.simulated_llm.world import SimulationSettings, World, Worlds


def test_calls_with_one_key_are_told_apart_by_their_number() -> None:
    world = World(SimulationSettings())
    assert [world.identify("a/1/1", 1).occurrence for _ in range(3)] == [1, 2, 3]
    assert world.identify("b/1/1", 1).occurrence == 1


def test_a_call_takes_the_same_time_in_every_run_and_its_repetition_another() -> None:
    settings = SimulationSettings(latency=LognormalLatency(0.8, 0.4))
    one, other = World(settings), World(settings)
    first, again = one.identify("a/1/1", 1), one.identify("a/1/1", 1)
    other.identify("b/1/1", 1)
    assert one.latency_s(first) == other.latency_s(other.identify("a/1/1", 1))
    assert one.latency_s(first) != one.latency_s(again)


def test_reseeding_starts_the_draws_anew() -> None:
    world = World(SimulationSettings(seed=1, latency=LognormalLatency(0.8, 0.4)))
    before = world.latency_s(world.identify("a/1/1", 1))
    world.reseed(2)
    assert world.latency_s(world.identify("a/1/1", 1)) != before
    world.reseed(1)
    assert world.latency_s(world.identify("a/1/1", 1)) == before


def test_a_world_is_made_once_for_each_name() -> None:
    worlds = Worlds(SimulationSettings())
    default, other = worlds.get(""), worlds.get("other")
    assert default is not other
    assert worlds.get("other") is other
