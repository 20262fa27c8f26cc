"""Each way of not reaching a broker is told in one line that says which; nothing waits without end, nothing spins."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from consumer.kafka.clients import build_consumer, build_producer, renew_login
from consumer.kafka.diagnosis import connection_problem
from consumer.settings import KafkaSettings
from tests.support.consumer_process import start_command
from tests.support.guarded_broker import PASSPHRASE, PASSWORD, GuardedBroker
from tests.support.kafka_connections import CLIENT, LOCKED, SASL, SECURED, TLS, settings
from tests.support.waiting import eventually

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
    "TLS and a wrong password": (
        "SECURED",
        {**SECURED, "KAFKA_SASL_PASSWORD": "guessed"},
        "KAFKA_SASL_PASSWORD is wrong",
    ),
    "SCRAM-SHA-256 and a wrong password": (
        "SECURED",
        {**SECURED, "KAFKA_SASL_MECHANISM": "SCRAM-SHA-256", "KAFKA_SASL_PASSWORD": "guessed"},
        "KAFKA_SASL_PASSWORD is wrong",
    ),
    "SCRAM-SHA-512 and a user that there is not": (
        "SECURED",
        {**SECURED, "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512", "KAFKA_SASL_USERNAME": "nobody"},
        "KAFKA_SASL_USERNAME or",
    ),
    "a login without TLS where both are wanted": (
        "SECURED",
        SASL,
        "another KAFKA_SECURITY_PROTOCOL than SASL_PLAINTEXT",
    ),
    "TLS without a login where both are wanted": ("SECURED", TLS, "KAFKA_SECURITY_PROTOCOL"),
    "an expired client certificate": (
        "MUTUAL",
        {**TLS, "KAFKA_SSL_CERTFILE": "expired.crt", "KAFKA_SSL_KEYFILE": "expired.key"},
        "does not take the client certificate (KAFKA_SSL_CERTFILE: expired, or its CA)",
    ),
    "a client certificate of another CA": (
        "MUTUAL",
        {**TLS, "KAFKA_SSL_CERTFILE": "stranger.crt", "KAFKA_SSL_KEYFILE": "stranger.key"},
        "KAFKA_SSL_CERTFILE",
    ),
    "an advertised address that is closed": ("ASTRAY", {}, "nothing listens there (its advertised.listeners must"),
}


ACCEPTED = {
    "plaintext": ("PLAINTEXT", {}),
    "a login": ("SASL", SASL),
    "TLS": ("TLS", TLS),
    "a client certificate": ("MUTUAL", TLS | CLIENT),
    "a client key with a passphrase": ("MUTUAL", TLS | LOCKED | {"KAFKA_SSL_KEY_PASSWORD": PASSPHRASE}),
    "PLAIN over TLS": ("SECURED", SECURED),
    "SCRAM-SHA-256": ("SECURED", {**SECURED, "KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"}),
    "SCRAM-SHA-512": ("SECURED", {**SECURED, "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512"}),
}


UNUSABLE = {
    "a wrong passphrase": (
        LOCKED | {"KAFKA_SSL_KEY_PASSWORD": "guessed"},
        "KAFKA_SSL_KEY_PASSWORD does not open KAFKA_SSL_KEYFILE",
    ),
    "no passphrase": (LOCKED, "KAFKA_SSL_KEYFILE has a passphrase: set KAFKA_SSL_KEY_PASSWORD"),
    "the key of another certificate": (
        CLIENT | {"KAFKA_SSL_KEYFILE": "expired.key"},
        "KAFKA_SSL_KEYFILE is not the key of KAFKA_SSL_CERTFILE",
    ),
    "a key where a CA belongs": ({"KAFKA_SSL_CAFILE": "good.key"}, "KAFKA_SSL_CAFILE holds no usable certificate"),
    "no certificate in the file": (CLIENT | {"KAFKA_SSL_CERTFILE": "ca.cnf"}, "KAFKA_SSL_CERTFILE or"),
}


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


@pytest.mark.parametrize("name", UNUSABLE)
async def test_certificates_that_cannot_be_used_are_told_in_one_line(broker: GuardedBroker, name: str) -> None:
    wanted, said = UNUSABLE[name]
    problem = await connection_problem(settings(broker, "MUTUAL", TLS | wanted)) or ""
    assert said in problem
    assert "\n" not in problem
    assert "guessed" not in problem


@pytest.mark.parametrize("build", [build_producer, build_consumer])
async def test_a_client_logs_in_with_the_password_that_it_was_given_last(
    broker: GuardedBroker, build: Callable[[KafkaSettings], Any]
) -> None:
    client = build(settings(broker, "SECURED", {**SECURED, "KAFKA_SASL_PASSWORD": "guessed"}))
    try:
        renew_login(client, settings(broker, "SECURED", SECURED))
        await client.start()
    finally:
        await client.stop()


async def test_an_address_that_is_closed_and_a_name_that_nobody_knows() -> None:
    problem = await connection_problem(KafkaSettings(kafka_bootstrap_servers="127.0.0.1:1,nowhere.invalid:9092"))
    assert "127.0.0.1:1 refuses connections" in (problem or "")
    assert "nowhere.invalid:9092 is a name that cannot be resolved" in (problem or "")


async def test_a_resolver_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", hang)
    problem = await connection_problem(KafkaSettings(kafka_bootstrap_servers="kafka.example.test:9092"))
    assert "kafka.example.test:9092 is a name that cannot be resolved: the resolver does not answer" in (problem or "")


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
