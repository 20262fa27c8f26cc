import json
from uuid import UUID

import pytest

from consumer.llm.chat import Message
from consumer.post.prompt import with_ref
from consumer.post.ref import ref_of, refs_in

OVERLAY = UUID("9af6c9b0-04d2-5a5e-86f3-cc8cc00350fa")
POST = json.dumps({"ref": ref_of(OVERLAY), "instagram_ad_copy": "가을", "hashtags": "#가을"})


def test_a_ref_is_the_first_eight_digits_of_the_overlay() -> None:
    assert ref_of(OVERLAY) == "9af6c9b0"


@pytest.mark.parametrize(
    "content",
    [POST, f"```json\n{POST}\n```", json.dumps(POST), POST.replace('"', "'"), POST[:40], POST.replace("9af6", "9AF6")],
)
def test_a_ref_is_found_in_whatever_shape_the_answer_came(content: str) -> None:
    assert refs_in(content) == {"9af6c9b0"}


def test_an_answer_without_one_names_nobody() -> None:
    assert refs_in('{"instagram_ad_copy": "ref 9af6c9b0", "hashtags": "#a"}') == set()


def test_the_ref_is_told_behind_the_fields_of_the_event() -> None:
    system, user = with_ref((Message("system", "rules"), Message("user", "<tone_style>…")), "9af6c9b0")
    assert system.content == "rules"
    assert user.content.startswith("<tone_style>…")
    assert user.content.endswith('"9af6c9b0".')
