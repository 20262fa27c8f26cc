"""The gate as it comes, and posts that go through it."""

from dataclasses import dataclass

from consumer.post.editor import EditedPost, Editor, PostRefused
from consumer.post.quality.gate import Context, QualityGate
from consumer.post.quality.rules import rules
from consumer.post.quality.source import Source
from schemas.post import RawPost
from schemas.quality import QualityRule


@dataclass(frozen=True, slots=True)
class Fields:
    """A roastery's event; it holds no link, phone number, price, date or account."""

    refined_ad_copy_eng: str = "Beans of the day — washed Ethiopia with blueberry and jasmine."
    tone_style: str = "따뜻하고 다정한 말투, 이모지 조금"
    product_description: str = "오늘의 원두. 에티오피아 예가체프 워시드, 블루베리와 자스민 향."
    store_information: str = "온기 로스터리 성수점 · 서울 성동구 연무장길 12 · 매일 11:00–20:00"
    gpt_prompt: str = "첫 문장은 눈길을 끌게 써 주세요."


def editor(*, max_hashtags: int = 5, language: str = "ko") -> Editor:
    """An editor with all rules as they come."""
    return Editor(QualityGate(rules(language=language)), max_hashtags=max_hashtags, max_mentions=3)


EDITOR = editor()


def context(**fields: str) -> Context:
    """The context of the roastery's event, with other fields where given."""
    return Context(Source(Fields(**fields)))


def edited(caption: str, hashtags: str = "#원두 #성수동", *, by: Editor = EDITOR, **fields: str) -> EditedPost:
    """The post as it would be stored."""
    return by.edited(RawPost(caption, hashtags), context(**fields))


def refused_by(
    caption: str, hashtags: str = "#원두 #성수동", *, by: Editor = EDITOR, **fields: str
) -> set[QualityRule]:
    """The rules that refuse the post; none where it is stored."""
    try:
        edited(caption, hashtags, by=by, **fields)
    except PostRefused as refused:
        return {finding.rule for finding in refused.findings}
    return set()
