from bench.events import overlay_events
from schemas.overlay_completed import OverlayCompleted


def test_events_are_valid_of_realistic_size_and_about_different_overlays() -> None:
    records = list(overlay_events(500, seed=3))
    events = [OverlayCompleted.model_validate_json(value) for _, value in records]
    assert len({event.overlay_id for event in events}) == 500
    assert all(1_300 < len(value) < 3_000 for _, value in records)
    assert [key for key, _ in records] == [str(event.overlay_id).encode() for event in events]


def test_the_same_seed_gives_the_same_events() -> None:
    assert list(overlay_events(20, seed=3)) == list(overlay_events(20, seed=3))
