"""The seed's tables `llm_models` and `instagram_feeds`, made new or taken over where they stand.

Source: `instagram_feed_table_design.md`; each column, default, key and index is the seed's, but for
two: prices are NUMERIC (the seed's own queries 6, 8 and 9 call round(x, 4), which does not exist for
FLOAT), and ids default to gen_random_uuid() (uuid_generate_v4() needs an extension).

Taking over keeps every row. Where old rows stand in the way of a unique index: feeds of one overlay
are numbered 1, 2, 3, … by age; the surplus rows of one model get another `model_version` and become
inactive. Values of `is_active` that PostgreSQL reads as a boolean are written as 'true' and 'false'.

Downgrade drops what this revision added to the seed (columns with their values, constraints,
unique indexes, triggers). It drops no table and no row, be they found or made: what is left is
the seed's design, filled as it was.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    # `jobs` and `overlay_layouts` are the upstream pipeline's: only their keys are needed here.
    """
    CREATE TABLE IF NOT EXISTS jobs (
        job_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
        created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS overlay_layouts (
        overlay_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
        created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS llm_models (
        llm_model_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
        model_name VARCHAR(255) NOT NULL,
        model_version VARCHAR(255),
        provider VARCHAR(255) NOT NULL,
        default_temperature FLOAT,
        default_max_tokens INTEGER,
        prompt_token_cost_per_1m NUMERIC,
        completion_token_cost_per_1m NUMERIC,
        description TEXT,
        is_active VARCHAR(10) DEFAULT 'true',
        pk SERIAL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS instagram_feeds (
        instagram_feed_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
        job_id UUID REFERENCES jobs (job_id),
        overlay_id UUID REFERENCES overlay_layouts (overlay_id),
        llm_model_id UUID REFERENCES llm_models (llm_model_id),
        tenant_id VARCHAR(255) NOT NULL,
        refined_ad_copy_eng TEXT NOT NULL,
        tone_style TEXT NOT NULL,
        product_description TEXT NOT NULL,
        store_information TEXT NOT NULL,
        gpt_prompt TEXT NOT NULL,
        instagram_ad_copy TEXT NOT NULL,
        hashtags TEXT NOT NULL,
        used_temperature FLOAT,
        used_max_tokens INTEGER,
        gpt_prompt_used TEXT,
        gpt_response_raw JSONB,
        latency_ms FLOAT,
        prompt_tokens INTEGER,
        completion_tokens INTEGER,
        total_tokens INTEGER,
        token_usage JSONB,
        pk SERIAL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP
    )
    """,
)

COLUMNS = (
    """
    ALTER TABLE llm_models
        ALTER COLUMN llm_model_id SET DEFAULT gen_random_uuid(),
        -- This rewrites a table of a handful of rows.
        -- squawk-ignore changing-column-type
        ALTER COLUMN prompt_token_cost_per_1m TYPE NUMERIC,
        -- squawk-ignore changing-column-type
        ALTER COLUMN completion_token_cost_per_1m TYPE NUMERIC,
        ADD COLUMN IF NOT EXISTS cached_prompt_token_cost_per_1m NUMERIC,
        ADD COLUMN IF NOT EXISTS token_limit_parameter TEXT NOT NULL
            DEFAULT 'max_completion_tokens',
        ADD COLUMN IF NOT EXISTS supports_temperature BOOLEAN NOT NULL DEFAULT true,
        ADD COLUMN IF NOT EXISTS supports_json_schema BOOLEAN NOT NULL DEFAULT true,
        ADD COLUMN IF NOT EXISTS reasoning_effort TEXT,
        ADD COLUMN IF NOT EXISTS shutdown_date DATE
    """,
    """
    ALTER TABLE instagram_feeds
        ALTER COLUMN instagram_feed_id SET DEFAULT gen_random_uuid(),
        ADD COLUMN IF NOT EXISTS revision INTEGER NOT NULL DEFAULT 1,
        ADD COLUMN IF NOT EXISTS prompt_version TEXT,
        ADD COLUMN IF NOT EXISTS experiment_id UUID,
        ADD COLUMN IF NOT EXISTS variant TEXT,
        ADD COLUMN IF NOT EXISTS cost_usd NUMERIC,
        ADD COLUMN IF NOT EXISTS llm_calls INTEGER,
        ADD COLUMN IF NOT EXISTS source_event_id TEXT
    """,
    """
    COMMENT ON COLUMN instagram_feeds.cost_usd IS
        'What all LLM calls for this post cost, failed ones included'
    """,
    """
    COMMENT ON COLUMN instagram_feeds.llm_calls IS
        'LLM calls begun for this post, failed ones included'
    """,
    """
    COMMENT ON COLUMN llm_models.token_limit_parameter IS
        'Name of the request field that limits the output: max_completion_tokens or max_tokens'
    """,
)

OLD_ROWS = (
    """
    UPDATE llm_models SET is_active = is_active::boolean::text
    WHERE is_active NOT IN ('true', 'false')
    """,
    """
    UPDATE llm_models AS model
    SET model_version = coalesce(model.model_version || ' ', '') || '(duplicate ' || copy || ')',
        is_active = 'false'
    FROM (
        SELECT llm_model_id, row_number() OVER (
            PARTITION BY provider, model_name, model_version
            ORDER BY (is_active = 'true') DESC NULLS LAST, created_at, pk
        ) AS copy
        FROM llm_models
    ) AS numbered
    WHERE numbered.llm_model_id = model.llm_model_id AND copy > 1
    """,
    """
    UPDATE instagram_feeds AS feed
    SET revision = numbered.age_rank
    FROM (
        SELECT instagram_feed_id, row_number() OVER (
            PARTITION BY overlay_id ORDER BY created_at, pk
        ) AS age_rank
        FROM instagram_feeds
        WHERE overlay_id IS NOT NULL
    ) AS numbered
    WHERE numbered.instagram_feed_id = feed.instagram_feed_id AND feed.revision <> age_rank
    """,
)

CONSTRAINTS = (
    """
    ALTER TABLE llm_models
        ADD CONSTRAINT ck_llm_models_is_active CHECK (is_active IN ('true', 'false')),
        ADD CONSTRAINT ck_llm_models_token_limit_parameter
            CHECK (token_limit_parameter IN ('max_completion_tokens', 'max_tokens'))
    """,
    """
    CREATE UNIQUE INDEX uq_llm_models_provider_name_version
        ON llm_models (provider, model_name, model_version) NULLS NOT DISTINCT
    """,
    # The last word on "once per overlay".
    """
    CREATE UNIQUE INDEX uq_instagram_feeds_overlay_id_revision
        ON instagram_feeds (overlay_id, revision)
    """,
)

# Name, table and columns of the seed's twelve; an old database may have some of them, or none.
SEED_INDEXES = (
    ("idx_llm_models_provider", "llm_models (provider)"),
    ("idx_llm_models_model_name", "llm_models (model_name)"),
    ("idx_llm_models_is_active", "llm_models (is_active)"),
    ("idx_instagram_feeds_job_id", "instagram_feeds (job_id)"),
    ("idx_instagram_feeds_overlay_id", "instagram_feeds (overlay_id)"),
    ("idx_instagram_feeds_llm_model_id", "instagram_feeds (llm_model_id)"),
    ("idx_instagram_feeds_tenant_id", "instagram_feeds (tenant_id)"),
    ("idx_instagram_feeds_created_at", "instagram_feeds (created_at)"),
    ("idx_instagram_feeds_prompt_tokens", "instagram_feeds (prompt_tokens)"),
    ("idx_instagram_feeds_completion_tokens", "instagram_feeds (completion_tokens)"),
    ("idx_instagram_feeds_total_tokens", "instagram_feeds (total_tokens)"),
    ("idx_instagram_feeds_created_at_tokens", "instagram_feeds (created_at, total_tokens)"),
)
INDEXES = tuple(f"CREATE INDEX IF NOT EXISTS {name} ON {target}" for name, target in SEED_INDEXES)

# Last, so that taking over does not count as a change of the old rows.
TRIGGERS = (
    """
    CREATE FUNCTION instagram_feed_set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.updated_at = CURRENT_TIMESTAMP;
        RETURN NEW;
    END
    $$
    """,
    """
    CREATE TRIGGER llm_models_set_updated_at BEFORE UPDATE ON llm_models
        FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
        EXECUTE FUNCTION instagram_feed_set_updated_at()
    """,
    """
    CREATE TRIGGER instagram_feeds_set_updated_at BEFORE UPDATE ON instagram_feeds
        FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
        EXECUTE FUNCTION instagram_feed_set_updated_at()
    """,
)

UPGRADE = (*TABLES, *COLUMNS, *OLD_ROWS, *CONSTRAINTS, *INDEXES, *TRIGGERS)

DOWNGRADE = (
    "DROP TRIGGER instagram_feeds_set_updated_at ON instagram_feeds",
    "DROP TRIGGER llm_models_set_updated_at ON llm_models",
    "DROP FUNCTION instagram_feed_set_updated_at()",
    "DROP INDEX uq_llm_models_provider_name_version",
    "DROP INDEX uq_instagram_feeds_overlay_id_revision",
    """
    ALTER TABLE instagram_feeds
        DROP COLUMN revision,
        DROP COLUMN prompt_version,
        DROP COLUMN experiment_id,
        DROP COLUMN variant,
        DROP COLUMN cost_usd,
        DROP COLUMN llm_calls,
        DROP COLUMN source_event_id
    """,
    """
    ALTER TABLE llm_models
        DROP CONSTRAINT ck_llm_models_is_active,
        DROP COLUMN cached_prompt_token_cost_per_1m,
        DROP COLUMN token_limit_parameter,
        DROP COLUMN supports_temperature,
        DROP COLUMN supports_json_schema,
        DROP COLUMN reasoning_effort,
        DROP COLUMN shutdown_date
    """,
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
