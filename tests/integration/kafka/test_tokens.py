"""Tokens let a client in; each way of having none, or a wrong one, is told in one line."""

import ssl
from base64 import urlsafe_b64decode
from collections.abc import Mapping

import pytest

from consumer.kafka.diagnosis import connection_problem
from consumer.kafka.tokens import signed_for_msk
from consumer.settings import KafkaSettings
from devstack.endpoints import Endpoints
from tests.support.consumer_process import running_consumer
from tests.support.environment import feed_environment, new_account
from tests.support.guarded_broker import GuardedBroker
from tests.support.kafka_connections import OAUTH, TLS, complaint, environment, settings
from tests.support.token_endpoint import CLIENT_SECRET, token_endpoint
from tests.support.topics import Topics
from tests.support.waiting import eventually

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
