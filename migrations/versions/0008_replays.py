"""Replays: what each was asked for and how far it has read, so that one cut off goes on where it was.

Downgrade drops the three tables; requests and posts keep their replay_id.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

UPGRADE = (
    """
    CREATE TABLE replays (
        replay_id UUID PRIMARY KEY,
        name TEXT NOT NULL,
        mode TEXT NOT NULL CHECK (mode IN ('missing', 'republish', 'regenerate')),
        topic TEXT NOT NULL,
        asked JSONB NOT NULL,
        created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
    )
    """,
    """
    CREATE TABLE replay_partitions (
        replay_id UUID NOT NULL REFERENCES replays (replay_id),
        partition INTEGER NOT NULL,
        begin_offset BIGINT NOT NULL,
        end_offset BIGINT NOT NULL,
        next_offset BIGINT NOT NULL,
        PRIMARY KEY (replay_id, partition)
    )
    """,
    """
    COMMENT ON COLUMN replay_partitions.next_offset IS
        'The first offset that is not dealt with; at end_offset the partition has been read'
    """,
    # What a replay has published again; other modes leave their trace in the ledger.
    """
    CREATE TABLE replay_republished (
        replay_id UUID NOT NULL REFERENCES replays (replay_id),
        overlay_id UUID NOT NULL,
        PRIMARY KEY (replay_id, overlay_id)
    )
    """,
)

DOWNGRADE = ("DROP TABLE replay_republished", "DROP TABLE replay_partitions", "DROP TABLE replays")


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
