"""Consumers with the least rights: a user whom ACLs allow what docs/security.md lists, and the application's role."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from devstack.ports import LOOPBACK
from repository.operations.roles import Roles, apply_roles
from repository.pool import open_session
from tests.support.acls import READ, WRITE, allow
from tests.support.topics import Topics

USER, PASSWORD = "feed", "made-up"
APP = "feed_app"
_LOGIN = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'


def broker_settings(port: int, login_port: int, controller_port: int) -> dict[str, str]:
    """A broker that denies what no ACL allows; who comes by `port`, without a login, may do everything."""
    listeners = f"PLAINTEXT://{LOOPBACK}:{port},LOGIN://{LOOPBACK}:{login_port}"
    return {
        "listeners": f"{listeners},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,LOGIN:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "listener.name.login.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.login.plain.sasl.jaas.config": _LOGIN,
    }


def login(login_port: int) -> Mapping[str, str]:
    """How consumers reach that broker."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{login_port}",
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA_SASL_USERNAME": USER,
        "KAFKA_SASL_PASSWORD": PASSWORD,
    }


async def allow_least(servers: str, topics: Topics, group_id: str) -> None:
    """Make the ACLs; replays have groups whose names begin with that of the consumers."""
    for topic in (topics.incoming, topics.outcome):
        await allow(servers, USER, "topic", topic, READ)
    for topic in (topics.created, topics.failed, topics.dead_letter):
        await allow(servers, USER, "topic", topic, WRITE)
    await allow(servers, USER, "group", group_id, READ, is_prefix=True)


async def application_url(database_url: str) -> str:
    """The URL for the application's role, which is made."""
    session = await open_session(database_url, application_name="chaos")
    try:
        await apply_roles(session, Roles(app=APP), schema="public")
        await session.execute(f"ALTER ROLE {APP} PASSWORD '{PASSWORD}'")
    finally:
        await session.close()
    parts = urlsplit(database_url)
    return parts._replace(netloc=f"{APP}:{PASSWORD}@{parts.hostname}:{parts.port}").geturl()
