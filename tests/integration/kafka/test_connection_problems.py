"""Each way of not reaching a broker is told in one line that says which; nothing waits without end, nothing spins."""

import asyncio
import ssl
import time
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.topics import existing_topics
from consumer.errors import StartupError
from consumer.kafka.clients import build_consumer, build_producer, renew_login
from consumer.kafka.diagnosis import connection_problem
from consumer.kafka.tokens import signed_for_msk
from consumer.settings import KafkaSettings
from devstack.endpoints import Endpoints
from tests.integration.operations.cli.conftest import Commands
from tests.support.acls import DESCRIBE, READ, WRITE, Kind
from tests.support.application import application
from tests.support.consumer_process import running_consumer, start_command
from tests.support.environment import feed_environment, new_account
from tests.support.guarded_broker import PASSPHRASE, PASSWORD, USER, GuardedBroker, guarded_broker
from tests.support.kafka_records import encoded, overlay_event
from tests.support.token_endpoint import CLIENT_ID, CLIENT_SECRET, token_endpoint
from tests.support.topics import Topics, unique_topics
from tests.support.waiting import eventually

SASL = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "KAFKA_SASL_USERNAME": USER,
    "KAFKA_SASL_PASSWORD": PASSWORD,
}
TLS = {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CAFILE": "ca.crt"}
OAUTH = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_MECHANISM": "OAUTHBEARER",
    "KAFKA_OAUTH_CLIENT_ID": CLIENT_ID,
    "KAFKA_OAUTH_CLIENT_SECRET": CLIENT_SECRET,
    "KAFKA_OAUTH_SCOPE": "feeds",
}
SECURED = {**SASL, **TLS, "KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}
CLIENT = {"KAFKA_SSL_CERTFILE": "good.crt", "KAFKA_SSL_KEYFILE": "good.key"}
LOCKED = {"KAFKA_SSL_CERTFILE": "good.crt", "KAFKA_SSL_KEYFILE": "locked.key"}

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
COUNTED_S = 4.0
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
TOKENS: Mapping[str, tuple[Mapping[str, object], Mapping[str, str], str | None]] = {
    "right": ({}, {}, None),
    "an expired token": ({"lifetime_s": -60.0}, {}, "the token of KAFKA_OAUTH_TOKEN_URL is expired"),
    "a token without the scope": ({"token_scope": "else"}, {}, "without the scope that the broker wants"),
    "a wrong client secret": (
        {},
        {"KAFKA_OAUTH_CLIENT_SECRET": "guessed"},
        "refuses KAFKA_OAUTH_CLIENT_ID or KAFKA_OAUTH_CLIENT_SECRET (HTTP 401)",
    ),
    "a scope that is not given": ({}, {"KAFKA_OAUTH_SCOPE": "everything"}, "refuses KAFKA_OAUTH_SCOPE"),
    "an endpoint that is away": ({}, {"KAFKA_OAUTH_TOKEN_URL": "http://127.0.0.1:1/token"}, "cannot be reached"),
    "an endpoint that is out of order": ({"status": 503}, {}, "gives no token (HTTP 503)"),
    "an endpoint that redirects": ({"redirects_to": "http://127.0.0.1:1/"}, {}, "gives no token (HTTP 302)"),
    "an answer without a token": ({"body": "<html>"}, {}, "answers without an access_token"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GuardedBroker]:
    async with guarded_broker(tmp_path_factory.mktemp("guarded")) as running:
        yield running


def environment(broker: GuardedBroker, listener: str, wanted: Mapping[str, str]) -> dict[str, str]:
    """Settings for a listener, files being in the broker's folder."""
    paths = {name: str(broker.folder / value) for name, value in wanted.items() if name.endswith("FILE")}
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


@pytest.mark.parametrize("name", UNUSABLE)
async def test_certificates_that_cannot_be_used_are_told_in_one_line(broker: GuardedBroker, name: str) -> None:
    wanted, said = UNUSABLE[name]
    problem = await connection_problem(settings(broker, "MUTUAL", TLS | wanted)) or ""
    assert said in problem
    assert "\n" not in problem
    assert "guessed" not in problem


@pytest.mark.parametrize("name", TOKENS)
async def test_a_token_lets_a_client_in_or_its_fault_is_told_in_one_line(broker: GuardedBroker, name: str) -> None:
    answers, given, said = TOKENS[name]
    async with token_endpoint() as endpoint:
        for attribute, value in answers.items():
            setattr(endpoint, attribute, value)
        wanted = {**TLS, **OAUTH, "KAFKA_OAUTH_TOKEN_URL": endpoint.url, **given}
        problem = await connection_problem(settings(broker, "SECURED", wanted))
    if said is None:
        assert problem is None
        return
    assert said in (problem or "")
    assert "\n" not in (problem or "")
    assert CLIENT_SECRET not in (problem or "")


@pytest.mark.parametrize(
    ("certificate", "trusted", "said"),
    [
        ("good", True, None),
        ("good", False, "cannot be reached (unable to get local issuer certificate)"),
        ("expired", True, "cannot be reached (certificate has expired)"),
        ("elsewhere", True, "cannot be reached (IP address mismatch"),
    ],
)
async def test_a_token_endpoint_has_to_show_a_certificate_that_the_system_trusts(
    broker: GuardedBroker, monkeypatch: pytest.MonkeyPatch, certificate: str, *, trusted: bool, said: str | None
) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(broker.folder / f"{certificate}.crt", broker.folder / f"{certificate}.key")
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(broker.folder / "ca.crt"))
    async with token_endpoint(tls) as endpoint:
        wanted = {**TLS, **OAUTH, "KAFKA_OAUTH_TOKEN_URL": endpoint.url}
        problem = await connection_problem(settings(broker, "SECURED", wanted))
    assert (problem is None) if said is None else said in (problem or "")


async def test_a_consumer_reads_and_writes_with_tokens_and_asks_for_another_only_when_one_ends(
    stack: Endpoints, database_url: str, guarded_topics: Topics, broker: GuardedBroker
) -> None:
    async with token_endpoint() as endpoint:
        env = feed_environment(stack, database_url, guarded_topics, new_account(stack))
        env |= environment(broker, "SECURED", {**TLS, **OAUTH, "KAFKA_OAUTH_TOKEN_URL": endpoint.url})
        async with running_consumer(env) as consumer:
            await eventually(lambda: consumer.events("partitions.assigned"), 20)
            assert await consumer.stop() == 0
        assert 1 <= endpoint.asked <= 8  # one for each client, and one to try it before
        endpoint.lifetime_s = -60.0
        assert "the token of KAFKA_OAUTH_TOKEN_URL is expired" in await complaint(env)


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


def test_a_token_for_msk_is_signed_with_the_credentials_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    token = signed_for_msk("ap-northeast-2")
    url = urlsafe_b64decode(token.text + "=" * (-len(token.text) % 4)).decode()
    assert url.startswith("https://kafka.ap-northeast-2.amazonaws.com/?Action=kafka-cluster%3AConnect")
    assert "made-up" not in url
    assert 600 < token.lifetime_s <= 900


async def test_without_credentials_for_msk_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nonexistent")
    problem = await connection_problem(
        KafkaSettings(
            kafka_bootstrap_servers="127.0.0.1:1",
            kafka_security_protocol="SASL_SSL",
            kafka_sasl_mechanism="AWS_MSK_IAM",
            kafka_aws_region="ap-northeast-2",
        )
    )
    assert (problem or "").startswith("KAFKA_SASL_MECHANISM AWS_MSK_IAM: AWS gives no credentials")


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


LEAST_RIGHTS = {
    "OVERLAY_COMPLETED_TOPIC": READ,
    "FEED_CREATED_TOPIC": WRITE,
    "FEED_FAILED_TOPIC": WRITE,
    "DEAD_LETTER_TOPIC": WRITE,
    "FEED_OUTCOME_TOPIC": READ,
    "KAFKA_GROUP_ID": READ,
}


async def allow_least(broker: GuardedBroker, env: Mapping[str, str], *, but: str | None = None) -> None:
    """The ACLs that docs/security.md lists; for one of them only Describe."""
    for variable, operation in LEAST_RIGHTS.items():
        kind: Kind = "group" if variable == "KAFKA_GROUP_ID" else "topic"
        await broker.allow(kind, env[variable], DESCRIBE if variable == but else operation)


async def test_the_least_acls_are_enough_to_write_posts_and_dead_letters(
    guarded_env: Mapping[str, str], broker: GuardedBroker
) -> None:
    await allow_least(broker, guarded_env)
    producer = AIOKafkaProducer(bootstrap_servers=broker.address("PLAINTEXT"))
    await producer.start()
    async with running_consumer(guarded_env) as consumer:
        event = overlay_event()
        for value in (encoded(event), b"not json"):
            await producer.send_and_wait(guarded_env["OVERLAY_COMPLETED_TOPIC"], value)
        reader = AIOKafkaConsumer(
            guarded_env["FEED_CREATED_TOPIC"],
            guarded_env["DEAD_LETTER_TOPIC"],
            bootstrap_servers=broker.address("PLAINTEXT"),
            auto_offset_reset="earliest",
        )
        await reader.start()
        async with asyncio.timeout(20):
            assert {(await reader.getone()).topic for _ in range(2)} == {
                guarded_env["FEED_CREATED_TOPIC"],
                guarded_env["DEAD_LETTER_TOPIC"],
            }
        await reader.stop()
        await producer.stop()
        assert await consumer.stop() == 0
        assert not consumer.events("commit.failed")
        assert not consumer.events("outcomes.no_topic")


@pytest.mark.parametrize("variable", [name for name in LEAST_RIGHTS if name != "FEED_OUTCOME_TOPIC"])
async def test_an_acl_that_is_missing_is_named_by_topic_and_operation(
    guarded_env: Mapping[str, str], broker: GuardedBroker, variable: str
) -> None:
    await allow_least(broker, guarded_env, but=variable)
    kind = "group" if variable == "KAFKA_GROUP_ID" else "topic"
    operation = "Write" if LEAST_RIGHTS[variable] == WRITE else "Read"
    said = f"the broker's ACLs do not give this user {operation} on {kind} {guarded_env[variable]}"
    assert (await complaint(guarded_env)).endswith(said)


async def test_a_missing_acl_for_outcomes_is_told_and_stops_nothing(
    guarded_env: Mapping[str, str], broker: GuardedBroker
) -> None:
    await allow_least(broker, guarded_env, but="FEED_OUTCOME_TOPIC")
    async with running_consumer(guarded_env) as consumer:
        [told] = consumer.events("outcomes.no_topic")
        assert told["error"] == f"Read on topic {guarded_env['FEED_OUTCOME_TOPIC']}"
        assert await consumer.stop() == 0


async def test_doctor_names_the_operation_and_the_topic(
    guarded_env: Mapping[str, str], broker: GuardedBroker, tmp_path: Path
) -> None:
    await allow_least(broker, guarded_env, but="DEAD_LETTER_TOPIC")
    told = await Commands(guarded_env, tmp_path).run("doctor", "--json")
    assert f"the broker's ACLs do not give this user Write on topic {guarded_env['DEAD_LETTER_TOPIC']}" in told.output


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
