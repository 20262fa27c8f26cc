from dataclasses import replace
from decimal import Decimal

from consumer.operations.revisions.feed_difference import difference
from tests.support.examples import stored_feed


def test_a_post_does_not_differ_from_itself() -> None:
    feed = stored_feed()
    found = difference(feed, feed)
    assert set(found.texts) == {"instagram_ad_copy", "hashtags", "gpt_prompt_used"}
    assert not any(found.texts.values())
    assert found.figures == {}


def test_hashtags_differ_one_by_one() -> None:
    found = difference(stored_feed(hashtags="#차 #가을"), stored_feed(hashtags="#차 #겨울"))
    assert found.texts["hashtags"] == ["@@ -1,2 +1,2 @@", " #차", "-#가을", "+#겨울"]


def test_figures_stand_side_by_side_where_they_differ() -> None:
    feed = stored_feed()
    other = replace(feed, model_name=None, cost_usd=Decimal(0))
    assert difference(feed, other).figures == {
        "model_name": ("gpt-4o-mini", None),
        "cost_usd": (Decimal("0.000135"), Decimal(0)),
    }


def test_a_prompt_that_was_purged_shows_as_taken_away() -> None:
    found = difference(stored_feed(gpt_prompt_used="[system]\nWrite."), stored_feed(gpt_prompt_used=None))
    assert found.texts["gpt_prompt_used"] == ["@@ -1,2 +0,0 @@", "-[system]", "-Write."]
