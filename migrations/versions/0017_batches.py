"""Batches at a provider: what is in each, how far it has come, and what it cost.

A line's body is kept from the intent until its result is in: later changes of model, prompt or prices do not reach it.
A request is in at most one batch at a time. Posts say how they were delivered; those from before were live.

Downgrade has what is in batches, or waits for one, written live.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

CURRENT_FEEDS = """
    CREATE OR REPLACE VIEW current_instagram_feeds AS
    SELECT feed.*
    FROM instagram_feeds AS feed
    WHERE NOT EXISTS (
        SELECT FROM instagram_feeds AS newer
        WHERE newer.overlay_id = feed.overlay_id AND newer.revision > feed.revision
    )
"""

UPGRADE = (
    "ALTER TABLE llm_models ADD COLUMN IF NOT EXISTS batch_price_factor NUMERIC NOT NULL DEFAULT 0.5",
    "ALTER TABLE llm_models ADD COLUMN IF NOT EXISTS supports_flex BOOLEAN NOT NULL DEFAULT false",
    """
    COMMENT ON COLUMN llm_models.batch_price_factor IS
        'What the prices of all kinds of tokens are multiplied with in a batch and at the flex tier'
    """,
    "ALTER TABLE instagram_feeds ADD COLUMN delivery TEXT NOT NULL DEFAULT 'live'",
    "COMMENT ON COLUMN instagram_feeds.delivery IS 'How the post was paid for: live, flex or batch'",
    # the view has the columns of its day
    CURRENT_FEEDS,
    """
    CREATE TABLE llm_batches (
        batch_id UUID PRIMARY KEY,
        provider TEXT NOT NULL,
        provider_batch_id TEXT UNIQUE,
        llm_model_id UUID NOT NULL,
        model JSONB NOT NULL,
        group_id TEXT,
        state TEXT NOT NULL
            CHECK (state IN ('intended', 'uploaded', 'created', 'ended', 'collected', 'abandoned')),
        provider_status TEXT,
        input_file_id TEXT,
        output_file_id TEXT,
        error_file_id TEXT,
        request_count INTEGER NOT NULL,
        completed_count INTEGER NOT NULL DEFAULT 0,
        failed_count INTEGER NOT NULL DEFAULT 0,
        stray_count INTEGER NOT NULL DEFAULT 0,
        suspect_count INTEGER NOT NULL DEFAULT 0,
        estimated_tokens BIGINT NOT NULL,
        create_count INTEGER NOT NULL DEFAULT 0,
        create_began_at TIMESTAMPTZ,
        cancel_requested_at TIMESTAMPTZ,
        rest_goes_live BOOLEAN NOT NULL DEFAULT false,
        duplicate_of UUID REFERENCES llm_batches,
        output_position BIGINT NOT NULL DEFAULT 0,
        error_position BIGINT NOT NULL DEFAULT 0,
        intended_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
        submitted_at TIMESTAMPTZ,
        expires_at TIMESTAMPTZ,
        ended_at TIMESTAMPTZ,
        collected_at TIMESTAMPTZ,
        cost_usd NUMERIC NOT NULL DEFAULT 0,
        last_error TEXT,
        lease_owner TEXT,
        available_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP,
        fencing_token BIGINT NOT NULL DEFAULT 0
    )
    """,
    "COMMENT ON COLUMN llm_batches.model IS 'The row of llm_models at the intent: lines are asked and priced by it'",
    """
    COMMENT ON COLUMN llm_batches.available_at IS
        'When any process may look at the batch: its next look, or the end of a lease; NULL: nothing is left to do'
    """,
    """
    COMMENT ON COLUMN llm_batches.create_began_at IS
        'When its creation was last asked for; until an answer has come, the batch may or may not be there'
    """,
    "COMMENT ON COLUMN llm_batches.stray_count IS 'Results under a key that is unknown, or that had its result before'",
    "COMMENT ON COLUMN llm_batches.suspect_count IS 'Results that name another overlay than their key does'",
    """
    COMMENT ON COLUMN llm_batches.duplicate_of IS
        'The batch of which the provider made a second one: it is cancelled, and only its cost is booked'
    """,
    "CREATE INDEX idx_llm_batches_available_at ON llm_batches (available_at) WHERE available_at IS NOT NULL",
    # No foreign key: the way of an event is not to wait for it.
    """
    CREATE TABLE llm_batch_lines (
        batch_id UUID NOT NULL,
        line_number INTEGER NOT NULL,
        overlay_id UUID NOT NULL,
        revision INTEGER NOT NULL,
        call_number INTEGER NOT NULL,
        fencing_token BIGINT NOT NULL,
        prompt_version TEXT NOT NULL,
        used_temperature DOUBLE PRECISION,
        used_max_tokens INTEGER NOT NULL,
        is_repair BOOLEAN NOT NULL,
        has_larger_limit BOOLEAN NOT NULL,
        body BYTEA,
        result TEXT,
        PRIMARY KEY (batch_id, line_number),
        UNIQUE (batch_id, overlay_id, revision)
    )
    """,
    "COMMENT ON COLUMN llm_batch_lines.body IS 'What is asked, as it is sent; NULL when the result is in'",
    "COMMENT ON COLUMN llm_batch_lines.result IS 'What came of it; NULL until then'",
    """
    CREATE INDEX idx_llm_batch_lines_without_result ON llm_batch_lines (batch_id, line_number) WHERE result IS NULL
    """,
    """
    CREATE TABLE llm_batch_limits (
        llm_model_id UUID PRIMARY KEY,
        enqueued_tokens BIGINT NOT NULL,
        updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
    )
    """,
    """
    COMMENT ON TABLE llm_batch_limits IS
        'How many tokens the provider lets wait in batches of a model, as far as its refusals have shown'
    """,
    "ALTER TABLE feed_requests ADD COLUMN batch_id UUID",
    "COMMENT ON COLUMN feed_requests.batch_id IS 'The batch it is in or was in last; NULL while it waits for one'",
    """
    -- Of requests that wait for a batch only.
    CREATE INDEX idx_feed_requests_batched ON feed_requests (available_at, overlay_id)
        WHERE state = 'batched' AND batch_id IS NULL
    """,
)

DOWNGRADE = (
    """
    UPDATE feed_requests
    SET state = 'waiting', background = true, available_at = now(), fencing_token = fencing_token + 1
    WHERE state = 'batched'
    """,
    "DROP INDEX idx_feed_requests_batched",
    "ALTER TABLE feed_requests DROP COLUMN batch_id",
    "DROP TABLE llm_batch_limits",
    "DROP TABLE llm_batch_lines",
    "DROP TABLE llm_batches",
    "DROP VIEW current_instagram_feeds",
    "ALTER TABLE instagram_feeds DROP COLUMN delivery",
    CURRENT_FEEDS,
    "ALTER TABLE llm_models DROP COLUMN batch_price_factor, DROP COLUMN supports_flex",
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
