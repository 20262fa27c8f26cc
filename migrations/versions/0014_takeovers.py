"""How often a request's process was lost in a row: one that kills its process is found out, and called for no more.

Downgrade forgets it.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE feed_requests ADD COLUMN IF NOT EXISTS takeovers INTEGER NOT NULL DEFAULT 0")
    op.execute(
        """
        COMMENT ON COLUMN feed_requests.takeovers IS
            'How often in a row the lease ran out while a process held it: it was lost, or this request killed it'
        """
    )


def downgrade() -> None:
    op.execute("ALTER TABLE feed_requests DROP COLUMN takeovers")
