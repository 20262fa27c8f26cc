"""Indexes by which what waits is found by tenant and by age, and what was lost apart from it, however much waits.

They take the place of one index of both; a consumer of the version before finds its work by another one meanwhile.
While they are made nothing can be claimed: with a few million requests in the ledger that takes some seconds, and
events wait in Kafka. Downgrade makes the one index again.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

UPGRADE = (
    """
    -- squawk-ignore require-concurrent-index-creation
    CREATE INDEX idx_feed_requests_waiting_by_tenant ON feed_requests (background, tenant_id, available_at)
        WHERE state = 'waiting' AND takeovers = 0
    """,
    """
    -- squawk-ignore require-concurrent-index-creation
    CREATE INDEX idx_feed_requests_waiting ON feed_requests (background, available_at)
        WHERE state = 'waiting' AND takeovers = 0
    """,
    """
    -- squawk-ignore require-concurrent-index-creation
    CREATE INDEX idx_feed_requests_lost ON feed_requests (available_at)
        WHERE state = 'claimed' OR (state = 'waiting' AND takeovers > 0)
    """,
    """
    -- squawk-ignore require-concurrent-index-deletion
    DROP INDEX idx_feed_requests_available_at
    """,
)

DOWNGRADE = (
    """
    CREATE INDEX idx_feed_requests_available_at ON feed_requests (background, available_at)
        WHERE state IN ('claimed', 'waiting')
    """,
    "DROP INDEX idx_feed_requests_lost",
    "DROP INDEX idx_feed_requests_waiting",
    "DROP INDEX idx_feed_requests_waiting_by_tenant",
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
