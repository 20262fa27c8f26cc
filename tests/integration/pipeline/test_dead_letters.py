"""Dead letters on a real broker whose topic takes no more than brokers take by default."""

import hashlib

import pytest

from consumer.kafka.publisher import Publisher
from consumer.pipeline.dead_letters import DeadLetters, Refusal
from consumer.pipeline.flood_limit import INVALID, FloodLimit
from consumer.pipeline.tracing.traces import Traces
from consumer.telemetry.metrics import Metrics
from devstack.endpoints import Endpoints
from schemas.reasons import Reason
from tests.support.examples import source_record
from tests.support.kafka_records import read_all
from tests.support.topics import Topics

LARGEST_BY_DEFAULT_BYTES = 1_048_380  # with our headers beside it no longer

pytestmark = pytest.mark.partitions(1)


@pytest.mark.parametrize("key", [b"key", b"k" * 600_000], ids=["a usual key", "a huge key"])
async def test_a_letter_that_the_broker_refuses_goes_cut_and_says_what_it_was(
    stack: Endpoints, topics: Topics, publisher: Publisher, key: bytes
) -> None:
    value = b"x" * (LARGEST_BY_DEFAULT_BYTES - len(key))
    limit = FloodLimit(INVALID, max_run=500, max_ratio=1.0)
    dead_letters = DeadLetters(publisher, Traces(), Metrics().messaging, topic=topics.dead_letter, limit=limit)
    refused = [
        Refusal(source_record(value, key=key), Reason.INVALID_EVENT, "not JSON"),
        Refusal(source_record(b"small", offset=42), Reason.INVALID_EVENT, "not JSON"),
    ]
    await dead_letters.send(refused, valid=[False, False])
    letters = {
        len(record.value): dict(record.headers)
        for record in await read_all(stack.kafka_bootstrap_servers, topics.dead_letter)
    }
    assert len(letters) == 2
    cut = letters[max(letters)]
    assert cut["dlq_truncated"] == b"true"
    assert cut["dlq_original_bytes"] == str(len(value)).encode()
    assert cut["dlq_original_sha256"] == hashlib.sha256(value).hexdigest().encode()
    assert "dlq_truncated" not in letters[len(b"small")]
