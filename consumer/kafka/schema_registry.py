"""A schema registry with Confluent's API: registers the schemas of outgoing events, whose ids frame the values.

The framing is Confluent's wire format: a zero byte, the id in four bytes, then the value. It is added when a record is
sent, so that tables and outbox contain plain JSON.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

import structlog

from consumer.errors import in_words
from consumer.settings.registry import RegistrySettings
from schemas.contracts.json_schemas import Contract, created_contract, failed_contract

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import AsyncSchemaRegistryClient, Schema

log = structlog.get_logger()

Framings = Mapping[str, bytes]
"""The prefix of values, by topic."""

REGISTER_S: Final = 20.0
_CALL_S: Final = 5.0
_RETRIES: Final = 2
_MAGIC_BYTE: Final = b"\0"
_ID_BYTES: Final = 4
_CONFLICT: Final = 409


class RegistryProblem(Exception):
    """The registry does not answer, or refuses a schema; the message names the setting and says what to do."""


async def register_outputs(settings: RegistrySettings) -> Framings:
    """Register the schemas of outgoing events, and return their framings; none without a registry.

    Subjects are named after topics, as serializers do by default: `instagram_feed.created-value`.

    Raises:
        RegistryProblem: a schema cannot be registered.
    """
    if settings.schema_registry_url is None:
        return {}
    wanted = {settings.feed_created_topic: created_contract(), settings.feed_failed_topic: failed_contract()}
    ids: dict[str, int] = {}
    async with _client(settings) as client:
        for topic, contract in wanted.items():
            subject = f"{topic}-value"
            with _refusals(settings, f"the schema of {subject}"):
                ids[topic] = await client.register_schema(subject, _schema(contract))
    log.info("registry.registered", subjects={f"{topic}-value": schema_id for topic, schema_id in ids.items()})
    return {topic: framing(schema_id) for topic, schema_id in ids.items()}


async def count_subjects(settings: RegistrySettings) -> int:
    """Return how many subjects the registry shows this user; changes nothing.

    Raises:
        RegistryProblem: its response is an error or invalid.
    """
    async with _client(settings) as client:
        with _refusals(settings, "this user"):
            return len(await client.get_subjects())


def framing(schema_id: int) -> bytes:
    """Return the prefix of values of this schema."""
    return _MAGIC_BYTE + schema_id.to_bytes(_ID_BYTES)


@asynccontextmanager
async def _client(settings: RegistrySettings) -> "AsyncIterator[AsyncSchemaRegistryClient]":
    try:
        # an extra, which takes half a second to import
        from confluent_kafka.schema_registry import AsyncSchemaRegistryClient  # noqa: PLC0415
    except ModuleNotFoundError:
        needed = "pip install 'instagram-feed-consumer[registry]'"
        raise RegistryProblem(f"SCHEMA_REGISTRY_URL needs Confluent's client: {needed}") from None
    try:
        async with asyncio.timeout(REGISTER_S), AsyncSchemaRegistryClient(_client_settings(settings)) as client:
            yield client
    except TimeoutError:
        raise RegistryProblem(_at(settings, f"gives no answer within {REGISTER_S:g} s")) from None


@contextmanager
def _refusals(settings: RegistrySettings, what: str) -> Iterator[None]:
    """Translate the registry's refusal of `what`, or a failed connection, into one line."""
    from confluent_kafka.schema_registry.error import SchemaRegistryError  # noqa: PLC0415 - see above

    try:
        yield
    except SchemaRegistryError as error:
        raise RegistryProblem(_at(settings, _refusal(error.http_status_code, what, error))) from error
    except Exception as error:  # errors of the client's transport have no common base class
        raise RegistryProblem(_at(settings, f"cannot be reached ({in_words(error)})")) from error


def _client_settings(settings: RegistrySettings) -> dict[str, object]:
    given: dict[str, object] = {"url": settings.schema_registry_url, "timeout": _CALL_S, "max.retries": _RETRIES}
    if settings.schema_registry_username:
        password = settings.schema_registry_password
        secret = password.get_secret_value() if password else ""
        given["basic.auth.user.info"] = f"{settings.schema_registry_username}:{secret}"
    if settings.schema_registry_cafile:
        given["ssl.ca.location"] = str(settings.schema_registry_cafile)
    return given


def _schema(contract: Contract) -> "Schema":
    """Return the schema without its examples: a changed example is not a new version."""
    from confluent_kafka.schema_registry import Schema  # noqa: PLC0415 - see above

    document = {name: part for name, part in contract.schema.items() if name != "examples"}
    return Schema(json.dumps(document, ensure_ascii=False), "JSON")


def _refusal(status: int, what: str, error: Exception) -> str:
    if status == _CONFLICT:
        return (
            f"finds {what} incompatible with an earlier one: fields are only ever added, so set this subject's "
            "compatibility to FORWARD"
        )
    return f"refuses {what}: {in_words(error)}"


def _at(settings: RegistrySettings, problem: str) -> str:
    return f"SCHEMA_REGISTRY_URL: {settings.schema_registry_url} {problem}"
