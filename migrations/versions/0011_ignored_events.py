"""Events of other types, counted by day: what is skipped leaves a trace that `doctor` and `report` can show.

Downgrade drops the table.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

UPGRADE = (
    """
    CREATE TABLE feed_ignored_events (
        day DATE NOT NULL,
        event_type TEXT NOT NULL,
        records BIGINT NOT NULL,
        last_topic TEXT NOT NULL,
        last_partition INTEGER NOT NULL,
        last_offset BIGINT NOT NULL,
        last_seen_at TIMESTAMPTZ NOT NULL,
        PRIMARY KEY (day, event_type)
    )
    """,
    """
    COMMENT ON TABLE feed_ignored_events IS
        'How many records of other event types were skipped, by day in UTC; rare types share the name (other)'
    """,
)

DOWNGRADE = ("DROP TABLE feed_ignored_events",)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
