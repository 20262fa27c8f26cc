"""Which spellings of a type are the accepted one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.event_types import DEFAULT_EVENT_TYPES, EventTypes

namespaces = st.lists(st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True), max_size=4)
versions = st.just("") | st.from_regex(r"[./:_-]v?[0-9]{1,3}(\.[0-9]{1,3}){0,2}", fullmatch=True)


@given(namespaces, st.sampled_from("./:"), versions, st.sampled_from([str.lower, str.upper, str.title]))
def test_case_namespace_and_version_make_no_difference(
    namespace: list[str], separator: str, version: str, spell: object
) -> None:
    declared = separator.join([*namespace, "overlay.completed"]) + version
    assert callable(spell)
    assert DEFAULT_EVENT_TYPES.accept(spell(declared))


@pytest.mark.parametrize(
    "declared",
    [
        "",
        "overlay",
        "overlay.completed.",
        ".overlay.completed.vx",
        "overlay.completed.v",
        "myoverlay.completed",
        "overlay-completed",
        "overlayXcompleted",
        "overlay.completed.v1.deleted",
        "overlay.completedness",
        "overlay.completed\n",
        "x" * 300 + ".overlay.completed",
    ],
)
def test_what_only_looks_like_it_is_another_type(declared: str) -> None:
    assert not DEFAULT_EVENT_TYPES.accept(declared)


def test_a_name_with_a_version_accepts_that_version_alone() -> None:
    types = EventTypes(("overlay.completed.v2",))
    assert types.accept("com.shop.overlay.completed.v2")
    assert not types.accept("overlay.completed")
    assert not types.accept("overlay.completed.v1")


def test_names_are_text_and_no_patterns() -> None:
    assert not EventTypes(("a.b+",)).accept("aXbb")
    assert EventTypes(("a.b+",)).accept("A.B+")


@pytest.mark.parametrize(
    "declared",
    [
        "OverlayCompleted",
        "overlay_completed",
        "OVERLAY-COMPLETED",
        "com.shop.OverlayCompleted.v1",
        " overlay.completed",
    ],
)
def test_a_type_that_differs_in_its_separators_is_nearly_one_that_is_taken(declared: str) -> None:
    assert DEFAULT_EVENT_TYPES.nearly(declared)


@pytest.mark.parametrize("declared", ["", "overlay.completed.v1", "overlay.started", "OverlayCompletedness", "완료"])
def test_a_type_that_is_taken_or_another_is_not_nearly_one(declared: str) -> None:
    assert not DEFAULT_EVENT_TYPES.nearly(declared)
