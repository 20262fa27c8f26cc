"""Faults inside a whole and billed completion: what the model says is not what was asked for."""

from devstack.simulated_llm.completion import Answer
from devstack.simulated_llm.faults import AnswerFaultKind, PostFaultKind
from devstack.simulated_llm.post_writer import Post

TOO_MANY_HASHTAGS = 31  # Instagram's API takes 30
TOO_LONG_CAPTION_CHARS = 3000  # Instagram takes 2,200
TOO_MANY_MENTIONS = 21  # Instagram takes 20
REFUSAL = "죄송하지만 이 요청은 도와드릴 수 없습니다."


def spoiled_answer(kind: AnswerFaultKind | PostFaultKind, post: Post) -> Answer:
    """Return the answer to give instead of a good post."""
    content = post.json()
    half = content[: len(content) // 2]
    match kind:
        case "invalid_json_content":
            return Answer(half)
        case "schema_violation":
            return Answer('{"caption": "형식이 다른 답", "tags": 3}')
        case "length":
            return Answer(half, finish_reason="length")
        case "content_filter":
            return Answer("", finish_reason="content_filter")
        case "refusal":
            return Answer(None, refusal=REFUSAL)
        case _:
            return Answer(_spoiled_post(kind, post).json())


def _spoiled_post(kind: PostFaultKind, post: Post) -> Post:
    """Return a post of the right form that breaks a rule of Instagram's or of the database."""
    match kind:
        case "hashtags_31":
            return post._replace(hashtags=_numbered("#추천", TOO_MANY_HASHTAGS))
        case "caption_3000":
            return post._replace(caption=_stretched(post.caption, TOO_LONG_CAPTION_CHARS))
        case "many_mentions":
            mentions = _numbered("@friend", TOO_MANY_MENTIONS)
            return post._replace(caption=f"{post.caption}\n\n{mentions}")
        case "nul_character":
            return post._replace(caption=f"{post.caption}\x00")
        case "empty_caption":
            return post._replace(caption="")


def _numbered(prefix: str, count: int) -> str:
    return " ".join(f"{prefix}{number}" for number in range(1, count + 1))


def _stretched(text: str, chars: int) -> str:
    return (text * (chars // len(text) + 1))[:chars]
