"""Each way of not reaching a broker is told in one line that says which; nothing waits without end, nothing spins."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from bench.topics import existing_topics
from consumer.errors import StartupError
from consumer.kafka.diagnosis import connection_problem
from consumer.settings import KafkaSettings
from devstack.endpoints import Endpoints
from tests.support.application import application
from tests.support.consumer_process import running_consumer, start_command
from tests.support.environment import feed_environment, new_account
from tests.support.guarded_broker import PASSWORD, USER, GuardedBroker, guarded_broker
from tests.support.topics import Topics, unique_topics
from tests.support.waiting import eventually

SASL = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "KAFKA_SASL_USERNAME": USER,
    "KAFKA_SASL_PASSWORD": PASSWORD,
}
TLS = {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CAFILE": "ca.crt"}
CLIENT = {"KAFKA_SSL_CERTFILE": "good.crt", "KAFKA_SSL_KEYFILE": "good.key"}

REFUSED = {
    "a wrong password": ("SASL", {**SASL, "KAFKA_SASL_PASSWORD": "guessed"}, "KAFKA_SASL_PASSWORD is wrong"),
    "a mechanism that is not enabled": (
        "SASL",
        {**SASL, "KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"},
        "does not offer KAFKA_SASL_MECHANISM SCRAM-SHA-256",
    ),
    "no login where one is wanted": ("SASL", {}, "another KAFKA_SECURITY_PROTOCOL than PLAINTEXT"),
    "a login where none is": ("PLAINTEXT", SASL, "does not use SASL"),
    "an unknown CA": ("TLS", {**TLS, "KAFKA_SSL_CAFILE": "stranger.crt"}, "(KAFKA_SSL_CAFILE)"),
    "no client certificate": ("MUTUAL", TLS, "client certificate (KAFKA_SSL_CERTFILE, KAFKA_SSL_KEYFILE)"),
    "an expired certificate": ("EXPIRED", TLS, "certificate has expired"),
    "a certificate for another host": ("ELSEWHERE", TLS, "certificate is not valid for '127.0.0.1'"),
    "plaintext to a TLS port": ("TLS", {}, "another KAFKA_SECURITY_PROTOCOL than PLAINTEXT"),
    "TLS to a plaintext port": ("PLAINTEXT", TLS, "may not speak TLS"),
    "an advertised address that is closed": ("ASTRAY", {}, "nothing listens there (its advertised.listeners must"),
}
COUNTED_S = 4.0
ACCEPTED = {"plaintext": ("PLAINTEXT", {}), "a login": ("SASL", SASL), "a client certificate": ("MUTUAL", TLS | CLIENT)}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GuardedBroker]:
    async with guarded_broker(tmp_path_factory.mktemp("guarded")) as running:
        yield running


def environment(broker: GuardedBroker, listener: str, wanted: Mapping[str, str]) -> dict[str, str]:
    """Settings for a listener, files being in the broker's folder."""
    paths = {name: str(broker.folder / value) for name, value in wanted.items() if "_SSL_" in name}
    return {**wanted, **paths, "KAFKA_BOOTSTRAP_SERVERS": broker.address(listener)}


def settings(broker: GuardedBroker, listener: str, wanted: Mapping[str, str]) -> KafkaSettings:
    given = environment(broker, listener, wanted)
    return KafkaSettings.model_validate({name.lower(): value for name, value in given.items()})


@pytest.mark.parametrize("name", REFUSED)
async def test_what_keeps_a_client_away_is_told_in_one_line(broker: GuardedBroker, name: str) -> None:
    listener, wanted, said = REFUSED[name]
    problem = await connection_problem(settings(broker, listener, wanted)) or ""
    assert said in problem
    assert broker.address(listener) in problem
    assert "\n" not in problem
    assert PASSWORD not in problem
    assert "guessed" not in problem


@pytest.mark.parametrize("name", ACCEPTED)
async def test_where_a_client_gets_in_there_is_no_problem(broker: GuardedBroker, name: str) -> None:
    listener, wanted = ACCEPTED[name]
    assert await connection_problem(settings(broker, listener, wanted)) is None


async def test_an_address_that_is_closed_and_a_name_that_nobody_knows() -> None:
    problem = await connection_problem(KafkaSettings(kafka_bootstrap_servers="127.0.0.1:1,nowhere.invalid:9092"))
    assert "127.0.0.1:1 refuses connections" in (problem or "")
    assert "nowhere.invalid:9092 is a name that cannot be resolved" in (problem or "")


@pytest.fixture
async def guarded_topics(broker: GuardedBroker) -> AsyncIterator[Topics]:
    names = unique_topics()
    async with existing_topics(broker.address("PLAINTEXT"), names, partitions=1):
        yield names


@pytest.fixture
def guarded_env(stack: Endpoints, database_url: str, guarded_topics: Topics, broker: GuardedBroker) -> dict[str, str]:
    """The whole environment of a consumer that logs in at the guarded broker, by a user without any rights."""
    env = feed_environment(stack, database_url, guarded_topics, new_account(stack))
    return env | environment(broker, "SASL", SASL)


async def complaint(env: Mapping[str, str]) -> str:
    with pytest.raises(StartupError) as caught:
        async with application(env):
            pass
    return str(caught.value)


async def test_topics_that_the_acls_hide_are_not_called_missing(
    guarded_env: Mapping[str, str], broker: GuardedBroker
) -> None:
    await broker.hide("topic", guarded_env["OVERLAY_COMPLETED_TOPIC"])
    said = await complaint(guarded_env)
    assert guarded_env["OVERLAY_COMPLETED_TOPIC"] in said
    assert "ACLs" in said
    assert "topics create" not in said


async def test_a_group_that_the_acls_hide_is_named(guarded_env: Mapping[str, str], broker: GuardedBroker) -> None:
    await broker.hide("group", guarded_env["KAFKA_GROUP_ID"])
    said = await complaint(guarded_env)
    assert said.startswith("KAFKA_GROUP_ID: ")
    assert guarded_env["KAFKA_GROUP_ID"] in said


@pytest.mark.parametrize("idempotence", ["true", "false"])
async def test_with_a_closed_advertised_address_the_start_ends_by_itself_and_names_it(
    guarded_env: Mapping[str, str], broker: GuardedBroker, idempotence: str
) -> None:
    env = {name: value for name, value in guarded_env.items() if name not in SASL}
    env |= {"KAFKA_BOOTSTRAP_SERVERS": broker.address("ASTRAY"), "KAFKA_ENABLE_IDEMPOTENCE": idempotence}
    consumer = await start_command("run", env=env)
    assert await consumer.exit_code() == 1
    assert f"the broker advertises 127.0.0.1:{broker.advertised_port}" in consumer.lines[-1]
    assert "Traceback" not in "".join(consumer.lines)


async def test_rights_taken_away_while_running_bring_a_few_lines_not_thousands(
    guarded_env: Mapping[str, str], broker: GuardedBroker
) -> None:
    async with running_consumer(guarded_env) as consumer:
        await eventually(lambda: consumer.events("partitions.assigned"), 20)
        await broker.hide("group", guarded_env["KAFKA_GROUP_ID"])
        await broker.hide("topic", guarded_env["OVERLAY_COMPLETED_TOPIC"])
        await eventually(lambda: consumer.events("intake.undone"), 20)
        lines, began_s = len(consumer.lines), time.monotonic()
        await eventually(lambda: time.monotonic() > began_s + COUNTED_S, 2 * COUNTED_S)
        assert len(consumer.lines) - lines < 5 * COUNTED_S
        assert await consumer.ready_status() == 503
        assert await consumer.stop() == 0


async def test_a_stop_during_the_start_is_obeyed(guarded_env: Mapping[str, str], broker: GuardedBroker) -> None:
    """The broker takes the connection and says nothing."""
    silent = await asyncio.start_server(lambda _, __: asyncio.sleep(3_600), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with silent:
        env = {name: value for name, value in guarded_env.items() if name not in SASL}
        consumer = await start_command("run", env=env | {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"})
        await eventually(lambda: consumer.events("model.shutdown"), 30)  # the last line before it turns to Kafka
        began_s = time.monotonic()
        assert await consumer.stop() == 0
        assert time.monotonic() - began_s < 8
