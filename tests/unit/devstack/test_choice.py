import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.choice import WISH_VARIABLE, Means, choose, wish_in
from devstack.errors import StackError

ALL = Means(docker=True, java=True, tansu_wheel=True, postgres_wheel=True)
NO_DOCKER = ALL._replace(docker=False)
BARE = Means(docker=False, java=False, tansu_wheel=False, postgres_wheel=False)

any_means = st.builds(Means, st.booleans(), st.booleans(), st.booleans(), st.booleans())


@given(any_means)
def test_servers_that_the_environment_names_need_nothing_of_the_machine(means: Means) -> None:
    kinds = choose({"kafka", "postgres", "llm"}, means)

    assert set(kinds.values()) == {"environment"}


def test_docker_comes_before_embedded_servers() -> None:
    assert choose((), ALL) == {"kafka": "container", "postgres": "container", "llm": "simulated"}


def test_embedded_servers_come_before_tansu() -> None:
    assert choose((), NO_DOCKER) == {"kafka": "embedded", "postgres": "embedded", "llm": "simulated"}


def test_tansu_is_the_last_resort_for_the_broker() -> None:
    assert choose((), NO_DOCKER._replace(java=False))["kafka"] == "tansu"


def test_a_wish_for_tansu_takes_no_container_for_postgres_either() -> None:
    assert choose((), ALL, "tansu") == {"kafka": "tansu", "postgres": "embedded", "llm": "simulated"}


def test_a_wish_for_containers_is_not_met_by_anything_else() -> None:
    with pytest.raises(StackError, match="start Docker"):
        choose((), NO_DOCKER, "containers")


def test_a_machine_that_can_serve_nothing_is_told_what_to_do() -> None:
    with pytest.raises(StackError, match="install Java 17 and Maven"):
        choose((), BARE)
    with pytest.raises(StackError, match="DATABASE_URL"):
        choose({"kafka"}, BARE)


def test_an_unknown_wish_is_refused_with_the_known_ones() -> None:
    with pytest.raises(StackError, match="auto, containers, embedded, tansu"):
        wish_in({WISH_VARIABLE: "podman"})
