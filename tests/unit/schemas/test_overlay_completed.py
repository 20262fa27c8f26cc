"""The model by itself: what code that builds one can rely on, and its JSON Schema."""

import pytest
from pydantic import ValidationError

from schemas.overlay_completed import OverlayCompleted
from tests.support.overlay_events import OPTIONAL_FIELDS, OVERLAY_ID, REQUIRED_FIELDS, event_fields


def test_an_event_cannot_be_changed() -> None:
    event = OverlayCompleted.model_validate(event_fields())
    with pytest.raises(ValidationError, match="frozen"):
        event.tenant_id = "other"  # type: ignore[misc]


def test_a_written_event_reads_as_itself() -> None:
    event = OverlayCompleted.model_validate(event_fields(event_id="e", occurred_at="2026-11-01T09:00:00.5+09:00"))
    assert '"occurred_at":"2026-11-01T00:00:00.500000Z"' in event.model_dump_json()
    assert OverlayCompleted.model_validate_json(event.model_dump_json()) == event
    assert OverlayCompleted.model_validate(event.model_dump()) == event


def test_the_json_schema_names_the_contracts_fields_and_limits() -> None:
    schema = OverlayCompleted.json_schema()
    assert list(schema["required"]) == list(REQUIRED_FIELDS)
    assert schema["properties"].keys() == {*REQUIRED_FIELDS, *OPTIONAL_FIELDS}
    assert schema["properties"]["overlay_id"]["format"] == "uuid"
    assert schema["properties"]["tenant_id"]["maxLength"] == 255
    assert schema["properties"]["tone_style"]["minLength"] == 1
    assert schema["properties"]["gpt_prompt"]["maxLength"] == 20_000
    assert schema["properties"]["event_type"]["const"] == "overlay.completed"


def test_a_uuid_is_a_string_and_no_bytes_of_json() -> None:
    assert OverlayCompleted.model_validate(event_fields(overlay_id=OVERLAY_ID)).overlay_id == OVERLAY_ID
    with pytest.raises(ValidationError):
        OverlayCompleted.model_validate(event_fields(overlay_id=OVERLAY_ID.int))
