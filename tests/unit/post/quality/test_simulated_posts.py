"""What the simulated model writes for sixty products of real catalogues is let through without a word."""

from pathlib import Path

from consumer.post.editor import Editor
from consumer.post.prompt import PromptTemplate
from consumer.post.quality.gate import Context, QualityGate
from consumer.post.quality.rules import rules
from consumer.post.quality.source import Source
from devstack.simulated_llm.post_writer import write_post
from schemas.overlay_completed import OverlayCompleted
from schemas.post import InstagramPost, RawPost

EVENTS = (Path(__file__).parents[3] / "fixtures" / "shop_events.jsonl").read_text(encoding="utf-8").splitlines()


def test_posts_for_sixty_shop_events_raise_no_alarm() -> None:
    template = PromptTemplate(language="ko", max_hashtags=5)
    gate = QualityGate(rules(language="ko", our_texts=template.static_texts))
    editor = Editor(gate, max_hashtags=5, max_mentions=3)
    for line in EVENTS:
        event = OverlayCompleted.model_validate_json(line)
        system, user = template.messages(event)
        written = write_post(7, f"{system.content}\n{user.content}", user.content)
        edited = editor.edited(RawPost(written.caption, written.hashtags), Context(Source(event)))
        assert edited.post == InstagramPost(written.caption, written.hashtags)
        assert edited.warnings == ()
    assert len(EVENTS) == 60
