"""CPU of the quality gate for one post: `python -m bench.quality_gate`.

Posts as the simulated model writes them for the benchmark's events, each beside fifty earlier ones of its tenant.
The fields are read anew for each post, as in the consumer.
"""

import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial

from bench.events import overlay_events
from consumer.post.editor import Editor
from consumer.post.instagram_rules import apply_rules
from consumer.post.prompt import PromptTemplate
from consumer.post.quality.gate import Context, QualityGate
from consumer.post.quality.likeness import RecentPosts, fingerprint
from consumer.post.quality.rules import rules
from consumer.post.quality.source import Source, folded
from devstack.simulated_llm.post_writer import write_post
from schemas.overlay_completed import OverlayCompleted
from schemas.post import RawPost

POSTS = 2_000
ROUNDS = 7
MAX_HASHTAGS = 5
MAX_MENTIONS = 3


def main() -> None:
    """Print the CPU of a post in the fastest round, and what Instagram's limits take of it."""
    posts = _posts()
    editor = _editor()
    whole = min(_cpu_us(partial(_edit, editor), posts) for _ in range(ROUNDS))
    limits = min(_cpu_us(_within_limits, posts) for _ in range(ROUNDS))
    print(f"{whole:.0f} us a post, limits {limits:.0f} us, gate {whole - limits:.0f} us")  # noqa: T201 - its result


def _posts() -> list[tuple[RawPost, OverlayCompleted, RecentPosts]]:
    template = PromptTemplate(language="ko", max_hashtags=MAX_HASHTAGS)
    recent: defaultdict[str, RecentPosts] = defaultdict(RecentPosts)
    posts = []
    for _, value in overlay_events(POSTS, seed=1):
        event = OverlayCompleted.model_validate_json(value)
        written = write_post(1, event.event_id, template.messages(event)[1].content)
        posts.append((RawPost(written.caption, written.hashtags), event, recent[event.tenant_id]))
        store = folded(event.store_information)
        recent[event.tenant_id].add(fingerprint(folded(written.caption), folded(written.hashtags), store))
    return posts


def _editor() -> Editor:
    template = PromptTemplate(language="ko", max_hashtags=MAX_HASHTAGS)
    gate = QualityGate(rules(language="ko", our_texts=template.static_texts))
    return Editor(gate, max_hashtags=MAX_HASHTAGS, max_mentions=MAX_MENTIONS)


def _edit(editor: Editor, post: RawPost, event: OverlayCompleted, recent: RecentPosts) -> None:
    editor.edited(post, Context(Source(event), recent=recent))


def _within_limits(post: RawPost, *_: object) -> None:
    apply_rules(post, max_hashtags=MAX_HASHTAGS, max_mentions=MAX_MENTIONS)


def _cpu_us(edit: Callable[..., None], posts: list[tuple[RawPost, OverlayCompleted, RecentPosts]]) -> float:
    begun = time.process_time()
    for post in posts:
        edit(*post)
    return (time.process_time() - begun) / len(posts) * 1e6


if __name__ == "__main__":
    main()
