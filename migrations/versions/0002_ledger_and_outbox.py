"""The ledger of requests and the outbox of events.

`feed_requests` has one row per (overlay_id, revision) and is never deleted from: it is what makes an
overlay known. `outbox_events` holds what is committed but not yet published, and nothing else.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UPGRADE = (
    """
    CREATE TABLE feed_requests (
        overlay_id UUID NOT NULL,
        revision INTEGER NOT NULL DEFAULT 1,
        state TEXT NOT NULL
            CHECK (state IN ('claimed', 'waiting', 'done', 'failed', 'held', 'batched')),
        tenant_id VARCHAR(255) NOT NULL,
        job_id UUID,
        event_id TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        llm_calls INTEGER NOT NULL DEFAULT 0,
        unrecorded_call BOOLEAN NOT NULL DEFAULT false,
        prompt_tokens BIGINT NOT NULL DEFAULT 0,
        cached_prompt_tokens BIGINT NOT NULL DEFAULT 0,
        completion_tokens BIGINT NOT NULL DEFAULT 0,
        cost_usd NUMERIC NOT NULL DEFAULT 0,
        lease_owner TEXT,
        available_at TIMESTAMPTZ,
        fencing_token BIGINT NOT NULL DEFAULT 1,
        last_error_reason TEXT,
        last_error_detail TEXT,
        source_topic TEXT NOT NULL,
        source_partition INTEGER NOT NULL,
        source_offset BIGINT NOT NULL,
        source_timestamp_ms BIGINT NOT NULL,
        source_key BYTEA,
        source_value BYTEA,
        source_headers BYTEA,
        created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
        updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
        finished_at TIMESTAMPTZ,
        PRIMARY KEY (overlay_id, revision)
    ) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000)
    """,
    """
    COMMENT ON COLUMN feed_requests.available_at IS
        'When any process may take the request: the end of its lease (claimed) or its due time (waiting)'
    """,
    """
    COMMENT ON COLUMN feed_requests.attempts IS 'Failed attempts that count against MAX_ATTEMPTS'
    """,
    """
    COMMENT ON COLUMN feed_requests.llm_calls IS
        'LLM calls begun; a take-over counts the one that the lost process may have begun'
    """,
    """
    COMMENT ON COLUMN feed_requests.unrecorded_call IS
        'A call may have been billed whose outcome nobody recorded: its process or its connection was lost'
    """,
    """
    CREATE INDEX idx_feed_requests_available_at ON feed_requests (available_at)
        WHERE state IN ('claimed', 'waiting')
    """,
    """
    CREATE INDEX idx_feed_requests_failed ON feed_requests (finished_at) WHERE state = 'failed'
    """,
    """
    CREATE TABLE outbox_events (
        outbox_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        event_id UUID NOT NULL,
        topic TEXT NOT NULL,
        message_key BYTEA,
        payload BYTEA,
        headers BYTEA NOT NULL,
        available_at TIMESTAMPTZ NOT NULL,
        created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
    ) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000)
    """,
    """
    COMMENT ON COLUMN outbox_events.available_at IS
        'When any relay may publish the event: the end of the lease of the relay that has it in hand'
    """,
    "CREATE INDEX idx_outbox_events_available_at ON outbox_events (available_at)",
)

DOWNGRADE = ("DROP TABLE outbox_events", "DROP TABLE feed_requests")


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
