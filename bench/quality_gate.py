"""CPU of the quality gate for one post: `python -m bench.quality_gate`.

Posts as the simulated model writes them for the benchmark's events, each beside fifty earlier ones of its tenant.
The fields are read anew for each post, as in the consumer.
"""

import time
from collections import defaultdict

from bench.events import overlay_events
from consumer.post.editor import Editor
from consumer.post.prompt import PromptTemplate
from consumer.post.quality.gate import Context, QualityGate, rules
from consumer.post.quality.likeness import RecentPosts, fingerprint
from consumer.post.quality.source import Source, folded
from devstack.simulated_llm.post_writer import write_post
from schemas.overlay_completed import OverlayCompleted
from schemas.post import RawPost

POSTS = 2_000
ROUNDS = 7


def main() -> None:
    """Print the CPU of a post in the fastest round, and what Instagram's limits take of it."""
    posts = _posts()
    with_gate, without = (min(_cpu_us(editor, posts) for _ in range(ROUNDS)) for editor in _editors())
    print(f"{with_gate:.0f} us a post, limits {without:.0f} us, gate {with_gate - without:.0f} us")  # noqa: T201


def _posts() -> list[tuple[RawPost, OverlayCompleted, RecentPosts]]:
    template = PromptTemplate(language="ko", max_hashtags=5)
    recent: defaultdict[str, RecentPosts] = defaultdict(RecentPosts)
    posts = []
    for _, value in overlay_events(POSTS, seed=1):
        event = OverlayCompleted.model_validate_json(value)
        written = write_post(1, event.event_id, template.messages(event)[1].content)
        posts.append((RawPost(written.caption, written.hashtags), event, recent[event.tenant_id]))
        store = folded(event.store_information)
        recent[event.tenant_id].add(fingerprint(folded(written.caption), folded(written.hashtags), store))
    return posts


def _editors() -> tuple[Editor, Editor]:
    template = PromptTemplate(language="ko", max_hashtags=5)
    all_rules = rules(language="ko", our_texts=template.static_texts)
    limits = {"max_hashtags": 5, "max_mentions": 3}
    return Editor(QualityGate(all_rules), **limits), Editor(QualityGate(()), **limits)


def _cpu_us(editor: Editor, posts: list[tuple[RawPost, OverlayCompleted, RecentPosts]]) -> float:
    begun = time.process_time()
    for post, event, recent in posts:
        editor.edited(post, Context(Source(event), recent=recent))
    return (time.process_time() - begun) / len(posts) * 1e6


if __name__ == "__main__":
    main()
