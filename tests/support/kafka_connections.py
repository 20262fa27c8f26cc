"""Settings for each listener of the guarded broker, and what a consumer complains of that cannot start with them."""

from collections.abc import Mapping

import pytest

from consumer.errors import StartupError
from consumer.settings import KafkaSettings
from tests.support.application import application
from tests.support.guarded_broker import PASSWORD, USER, GuardedBroker
from tests.support.token_endpoint import CLIENT_ID, CLIENT_SECRET

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


def environment(broker: GuardedBroker, listener: str, wanted: Mapping[str, str]) -> dict[str, str]:
    """Settings for a listener, files being in the broker's folder."""
    paths = {name: str(broker.folder / value) for name, value in wanted.items() if name.endswith("FILE")}
    return {**wanted, **paths, "KAFKA_BOOTSTRAP_SERVERS": broker.address(listener)}


def settings(broker: GuardedBroker, listener: str, wanted: Mapping[str, str]) -> KafkaSettings:
    given = environment(broker, listener, wanted)
    return KafkaSettings.model_validate({name.lower(): value for name, value in given.items()})


async def complaint(env: Mapping[str, str]) -> str:
    with pytest.raises(StartupError) as caught:
        async with application(env):
            pass
    return str(caught.value)
