"""Which process reads which partition: leases in place of Kafka's group protocol; and whose request is whose.

`intake_members` has one row for each process that reads, `partition_leases` one for each partition; a partition is
leased while its owner is a member. `intake_gaps` keeps what the broker had deleted before anybody read it.

A request belongs to the group that took it in; those entered before, and those without a group, to any.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

UPGRADE = (
    """
    CREATE TABLE intake_members (
        group_id TEXT NOT NULL,
        topic TEXT NOT NULL,
        owner TEXT NOT NULL,
        beacon BIGINT,
        started_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
        expires_at TIMESTAMPTZ NOT NULL,
        condition JSONB NOT NULL DEFAULT '{}',
        PRIMARY KEY (group_id, topic, owner)
    )
    """,
    """
    COMMENT ON COLUMN intake_members.beacon IS
        'Key of the advisory lock that the process holds while it lives; NULL where its connection cannot hold one'
    """,
    """
    COMMENT ON COLUMN intake_members.condition IS
        'What the process says of itself, for `instagram-feed status`: calls in flight, breakers, why it is not ready'
    """,
    """
    CREATE TABLE partition_leases (
        group_id TEXT NOT NULL,
        topic TEXT NOT NULL,
        partition INTEGER NOT NULL,
        owner TEXT,
        fencing_token BIGINT NOT NULL DEFAULT 1,
        topic_id UUID,
        leased_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
        PRIMARY KEY (group_id, topic, partition)
    )
    """,
    """
    COMMENT ON COLUMN partition_leases.topic_id IS
        'Kafka''s id of the topic that the committed offset is about: a topic made anew is read from its beginning'
    """,
    """
    CREATE TABLE intake_gaps (
        group_id TEXT NOT NULL,
        topic TEXT NOT NULL,
        partition INTEGER NOT NULL,
        begin_offset BIGINT NOT NULL,
        end_offset BIGINT NOT NULL,
        noticed_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
        PRIMARY KEY (group_id, topic, partition, begin_offset)
    )
    """,
    "ALTER TABLE feed_requests ADD COLUMN group_id TEXT",
    """
    COMMENT ON COLUMN feed_requests.group_id IS
        'The group whose processes may work on the request; NULL: those of any'
    """,
)

DOWNGRADE = (
    "ALTER TABLE feed_requests DROP COLUMN group_id",
    "DROP TABLE intake_gaps",
    "DROP TABLE partition_leases",
    "DROP TABLE intake_members",
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
