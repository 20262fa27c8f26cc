"""Which posts a report is about, and by what its figures are told apart."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from repository.pool import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportScope:
    """Posts created from `since` until before `until`; None leaves a question open.

    `timezone` (an IANA name) says when a day begins.
    """

    since: datetime
    until: datetime | None = None
    tenant_id: str | None = None
    llm_model_id: UUID | None = None
    timezone: str = "UTC"

    @property
    def arguments(self) -> tuple[object, ...]:
        """What stands for $1 to $4 in the statements."""
        return (self.since, self.until, self.tenant_id, self.llm_model_id)


_MATCHING = """
    feed.created_at >= $1
    AND ($2::timestamptz IS NULL OR feed.created_at < $2)
    AND ($3::text IS NULL OR feed.tenant_id = $3)
    AND ($4::uuid IS NULL OR feed.llm_model_id = $4)
"""

FEEDS = f"""
    FROM instagram_feeds AS feed
    LEFT JOIN llm_models AS model USING (llm_model_id)
    WHERE {_MATCHING}
"""
FEEDS_OF_A_MODEL = f"""
    FROM instagram_feeds AS feed
    INNER JOIN llm_models AS model USING (llm_model_id)
    WHERE {_MATCHING}
"""


class GroupBy(StrEnum):
    """By what posts can be told apart."""

    TENANT = "tenant"
    MODEL = "model"
    VARIANT = "variant"
    PROMPT = "prompt"
    DELIVERY = "delivery"


# Models are named as `LlmModel.full_name` names them. Posts that are in no group have NULL.
EXPRESSIONS = {
    GroupBy.TENANT: "feed.tenant_id",
    GroupBy.MODEL: "concat_ws('@', model.provider || '/' || model.model_name, model.model_version)",
    GroupBy.VARIANT: "concat_ws('/', feed.experiment_id, feed.variant)",
    GroupBy.PROMPT: "feed.prompt_version",
    GroupBy.DELIVERY: "feed.delivery",
}
NO_GROUP = "NULL::text"


def group_expression(by: GroupBy | None) -> str:
    """Return the SQL of the group that a post is in; all are in one if it is told by nothing."""
    return NO_GROUP if by is None else f"nullif({EXPRESSIONS[by]}, '')"


def grouping(by: GroupBy | None, *columns: str) -> str:
    """Return what to group by; `()` is all posts together, and one row even where there are none."""
    groups = [] if by is None else [group_expression(by)]
    return ", ".join((*groups, *columns)) or "()"


_KNOWN_TENANT = """
    SELECT EXISTS (SELECT FROM instagram_feeds WHERE tenant_id = $1)
        OR EXISTS (SELECT FROM feed_requests WHERE tenant_id = $1)
"""


async def tenant_is_known(connection: Connection, tenant_id: str) -> bool:
    """Return whether there ever was a post or a request of this tenant."""
    return bool(await connection.fetchval(_KNOWN_TENANT, tenant_id))
