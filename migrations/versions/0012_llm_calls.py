"""LLM calls whose answer did not become the stored post: kept, so that what was paid for can be judged again.

With it a request may say that what it spent is unknown: some providers tell no usage.

Downgrade drops the calls; what is unknown becomes 0.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SPENT = ("prompt_tokens", "cached_prompt_tokens", "completion_tokens", "cost_usd")

UPGRADE = (
    # No foreign keys: what was paid for is kept whatever else is missing.
    """
    CREATE TABLE llm_calls (
        overlay_id UUID NOT NULL,
        revision INTEGER NOT NULL,
        fencing_token BIGINT NOT NULL,
        call_number INTEGER NOT NULL,
        llm_model_id UUID NOT NULL,
        called_at TIMESTAMPTZ NOT NULL,
        raw_response BYTEA,
        finish_reason TEXT,
        prompt_tokens INTEGER,
        completion_tokens INTEGER,
        cached_prompt_tokens INTEGER,
        cost_usd NUMERIC,
        latency_ms DOUBLE PRECISION,
        verdict TEXT NOT NULL,
        detail TEXT,
        used_temperature DOUBLE PRECISION,
        used_max_tokens INTEGER NOT NULL,
        prompt_version TEXT NOT NULL,
        gpt_prompt_used TEXT,
        event_digest BYTEA NOT NULL,
        PRIMARY KEY (overlay_id, revision, fencing_token, call_number)
    )
    """,
    """
    COMMENT ON TABLE llm_calls IS
        'LLM calls whose answer did not become the stored post, one row each, written with the outcome they ended in'
    """,
    """
    COMMENT ON COLUMN llm_calls.fencing_token IS
        'Of the claim under which it was made: a process that lost its lease may have counted the same call number'
    """,
    """
    COMMENT ON COLUMN llm_calls.raw_response IS
        'The answer as received; NULL where none came, and when it was purged'
    """,
    """
    COMMENT ON COLUMN llm_calls.cost_usd IS 'NULL where unknown: it may have been billed, or no usage was told'
    """,
    """
    COMMENT ON COLUMN llm_calls.event_digest IS
        'SHA-256 of the event that was asked about: an answer about other content is not judged again'
    """,
    # For the retention: what is old and still has its answer or prompt.
    """
    CREATE INDEX idx_llm_calls_called_at ON llm_calls (called_at)
        WHERE raw_response IS NOT NULL OR gpt_prompt_used IS NOT NULL
    """,
    # unknown is NULL
    *(
        f"""
    -- squawk-ignore ban-drop-not-null
    ALTER TABLE feed_requests ALTER COLUMN {column} DROP NOT NULL
    """
        for column in SPENT
    ),
)

DOWNGRADE = (
    """
    UPDATE feed_requests
    SET prompt_tokens = coalesce(prompt_tokens, 0),
        cached_prompt_tokens = coalesce(cached_prompt_tokens, 0),
        completion_tokens = coalesce(completion_tokens, 0),
        cost_usd = coalesce(cost_usd, 0)
    WHERE prompt_tokens IS NULL OR cached_prompt_tokens IS NULL OR completion_tokens IS NULL OR cost_usd IS NULL
    """,
    *(f"ALTER TABLE feed_requests ALTER COLUMN {column} SET NOT NULL" for column in SPENT),
    "DROP TABLE llm_calls",
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
