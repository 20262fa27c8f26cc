"""CPU of the quality gate for one post: `python -m bench.quality_gate`.

Posts as the simulated model writes them for the benchmark's events, each beside as many others of its shop as a
consumer remembers; without any the posts of a new shop are judged. Most are found to be like another one, since the
model has few openings: that costs more than finding none. The fields are read anew for each post, as in the consumer.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
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
    posts, editor = list(_posts(POSTS, seed=1)), _editor()
    limits = min(_cpu_us(_within_limits, posts) for _ in range(ROUNDS))
    for shops, recent in (("known", _recent_posts()), ("new", defaultdict(RecentPosts))):
        whole = min(_cpu_us(partial(_edit, editor, recent), posts) for _ in range(ROUNDS))
        result = f"{shops} shops: {whole:.0f} us a post, limits {limits:.0f} us, gate {whole - limits:.0f} us"
        print(result)  # noqa: T201 - its result


def _posts(count: int, *, seed: int) -> Iterator[tuple[RawPost, OverlayCompleted]]:
    template = PromptTemplate(language="ko", max_hashtags=MAX_HASHTAGS)
    for _, value in overlay_events(count, seed=seed):
        event = OverlayCompleted.model_validate_json(value)
        written = write_post(seed, event.event_id, template.messages(event)[1].content)
        yield RawPost(written.caption, written.hashtags), event


def _recent_posts() -> Mapping[str, RecentPosts]:
    """Return the last ones of other posts for each shop; a shop is known by its store's information."""
    recent: defaultdict[str, RecentPosts] = defaultdict(RecentPosts)
    for post, event in _posts(POSTS, seed=2):
        shop = folded(event.store_information)
        one = fingerprint(folded(post.instagram_ad_copy), folded(post.hashtags), shop)
        recent[event.store_information].add(one, event.overlay_id)
    return recent


def _editor() -> Editor:
    template = PromptTemplate(language="ko", max_hashtags=MAX_HASHTAGS)
    gate = QualityGate(rules(language="ko", our_texts=template.static_texts))
    return Editor(gate, max_hashtags=MAX_HASHTAGS, max_mentions=MAX_MENTIONS)


def _edit(editor: Editor, recent: Mapping[str, RecentPosts], post: RawPost, event: OverlayCompleted) -> None:
    editor.edited(post, Context(Source(event), recent=recent[event.store_information], overlay_id=event.overlay_id))


def _within_limits(post: RawPost, _: object) -> None:
    apply_rules(post, max_hashtags=MAX_HASHTAGS, max_mentions=MAX_MENTIONS)


def _cpu_us(edit: Callable[..., None], posts: list[tuple[RawPost, OverlayCompleted]]) -> float:
    begun = time.process_time()
    for post in posts:
        edit(*post)
    return (time.process_time() - begun) / len(posts) * 1e6


if __name__ == "__main__":
    main()
