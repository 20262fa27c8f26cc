"""The forms in which events arrive: a closed set, counted by the consumer."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final


class Form(StrEnum):
    """The form of an event in a record. Values are labels of a metric, so they must not change."""

    PLAIN = "plain"
    """Plain JSON as in the contract."""
    CLOUDEVENTS_BINARY = "cloudevents_binary"
    """Plain JSON, the CloudEvents attributes in `ce_` headers."""
    CLOUDEVENTS_STRUCTURED = "cloudevents_structured"
    """A CloudEvents envelope, the event in `data` or `data_base64`."""
    KAFKA_CONNECT = "kafka_connect"
    """The envelope of Kafka Connect's JsonConverter: `schema` and `payload`."""
    DEBEZIUM = "debezium"
    """A Debezium change event, with or without Connect's envelope: the event in `after`."""
    AWS_SNS = "aws_sns"
    """An Amazon SNS notification: the event as text in `Message`."""
    AWS_EVENTBRIDGE = "aws_eventbridge"
    """An Amazon EventBridge event: the event in `detail`."""
    GOOGLE_PUBSUB = "google_pubsub"
    """A Google Pub/Sub push message: the event as Base64 in `message.data`."""
    JSON_STRING = "json_string"
    """JSON encoded twice."""
    WRAPPED = "wrapped"
    """An object with a single member, which is the event."""
    BYTE_ORDER_MARK = "byte_order_mark"
    """Any of the above behind a byte order mark of UTF-8."""
    SCHEMA_REGISTRY = "schema_registry"
    """Any of the above behind a schema registry's magic byte and schema id."""
    GLUE_SCHEMA_REGISTRY = "glue_schema_registry"
    """Any of the above behind the 18 bytes of AWS Glue Schema Registry."""


NAMES: Final[Mapping[Form, str]] = {
    Form.CLOUDEVENTS_STRUCTURED: "a CloudEvents envelope",
    Form.KAFKA_CONNECT: "a Kafka Connect envelope",
    Form.DEBEZIUM: "a Debezium change event",
    Form.AWS_SNS: "an Amazon SNS notification",
    Form.AWS_EVENTBRIDGE: "an Amazon EventBridge event",
    Form.GOOGLE_PUBSUB: "a Google Pub/Sub message",
    Form.JSON_STRING: "a JSON string",
    Form.WRAPPED: "an object with a single member",
    Form.BYTE_ORDER_MARK: "text with a byte order mark",
    Form.SCHEMA_REGISTRY: "a schema registry's framing",
    Form.GLUE_SCHEMA_REGISTRY: "the framing of AWS Glue Schema Registry",
}
"""Names of the forms that are mentioned when an event in them is invalid."""


def surroundings(forms: Iterable[Form]) -> str:
    """Describe what was around an event, outermost first; empty for the contract's own forms."""
    return ", ".join(f"in {NAMES[form]}" for form in forms if form in NAMES)
