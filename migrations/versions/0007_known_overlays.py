"""The ledger knows the overlays whose posts were stored before there was a ledger.

An event about such an overlay is a duplicate like any other; without a row it would be paid for and then find
its place taken. Where the post's event came from is not known: its topic is empty, its position -1.

Downgrade leaves the rows, which the ledger's own downgrade drops with it.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KNOWN_OVERLAYS = """
    INSERT INTO feed_requests (
        overlay_id, revision, state, tenant_id, job_id, event_id, llm_calls, prompt_tokens, completion_tokens,
        cost_usd, source_topic, source_partition, source_offset, source_timestamp_ms,
        created_at, updated_at, finished_at
    )
    SELECT
        overlay_id, revision, 'done', tenant_id, job_id, coalesce(source_event_id, ''), coalesce(llm_calls, 1),
        coalesce(prompt_tokens, 0), coalesce(completion_tokens, 0), coalesce(cost_usd, 0),
        '', -1, -1, coalesce((extract(epoch FROM created_at) * 1000)::bigint, 0),
        coalesce(created_at, CURRENT_TIMESTAMP), CURRENT_TIMESTAMP, coalesce(created_at, CURRENT_TIMESTAMP)
    FROM instagram_feeds
    WHERE overlay_id IS NOT NULL
    ON CONFLICT (overlay_id, revision) DO NOTHING
"""


def upgrade() -> None:
    op.execute(KNOWN_OVERLAYS)


def downgrade() -> None:
    """Do nothing: there is nothing to take back; see the module's docstring."""
