"""Parsing a post again from its stored answer, with the current rules. Pure."""

from typing import assert_never

from consumer.llm.completion_reader import ErrorInside, read_completion
from consumer.llm.errors import CallFailed
from consumer.operations.revisions.revision_copies import RevisedPost
from consumer.operations.revisions.revision_source import CannotRevise
from consumer.pipeline.judgement import CutOff, Declined, Unusable, judge
from consumer.post.editor import EditedPost, Editor
from consumer.post.quality.gate import Context, quality_json
from repository.operations.feed_queries import StoredFeed
from schemas.post import InstagramPost


def reparsed(feed: StoredFeed, editor: Editor, context: Context) -> RevisedPost:
    """Return the post from its raw answer by the current rules.

    Raises:
        CannotRevise: the answer was purged or never kept, or contains no valid post.
    """
    if feed.gpt_response_raw is None:
        raise CannotRevise(f"post {feed.instagram_feed_id} has no raw answer: it was purged or never kept")
    try:
        completion = read_completion(feed.gpt_response_raw.encode(), latency_ms=feed.latency_ms)
    except (CallFailed, ErrorInside) as error:
        raise CannotRevise(f"post {feed.instagram_feed_id}: {error}") from error
    match judge(completion, editor, context):
        case EditedPost(post, warnings):
            return RevisedPost(post, quality_json(warnings))
        case CutOff():
            problem = "its raw answer was cut off"
        case Unusable(detail=detail):
            problem = f"its raw answer gives no post: {detail}"
        case Declined(reason, detail):
            problem = f"its raw answer gives no post: {reason}, {detail}"
        case never:
            assert_never(never)
    raise CannotRevise(f"post {feed.instagram_feed_id}: {problem}")


def is_same(feed: StoredFeed, post: InstagramPost) -> bool:
    """Return whether the stored post has these texts already."""
    return (feed.instagram_ad_copy, feed.hashtags) == (post.instagram_ad_copy, post.hashtags)
