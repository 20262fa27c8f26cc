"""The seed's tables `llm_models` and `instagram_feeds`, made new or taken over where they stand.

Source: `instagram_feed_table_design.md`; each column, default, key and index is the seed's, but for
two: prices are NUMERIC (the seed's own queries 6, 8 and 9 call round(x, 4), which does not exist for
FLOAT), and ids default to gen_random_uuid() (uuid_generate_v4() needs an extension).

Taking over keeps every row. Where old rows stand in the way of a unique index: feeds of one overlay
are numbered 1, 2, 3, … by age; the surplus rows of one model get another `model_version` and become
inactive. Values of `is_active` that PostgreSQL reads as a boolean are written as 'true' and 'false'. Times without
a zone are read in the session's TimeZone, which is what CURRENT_TIMESTAMP was written in.

A table is taken over wherever the search path finds it; one that is missing is made in the path's first schema.
What cannot be taken over is named with table and column before anything is changed.

Downgrade drops what this revision added to the seed (columns with their values, constraints,
unique indexes, triggers). It drops no table and no row, be they found or made: what is left is
the seed's design, filled as it was.
"""

from alembic import op

from migrations import REFUSED, with_time_zone

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

UUID, TEXT, JSON = ("uuid",), ("text", "character varying", "character"), ("jsonb", "json")
NUMBER, WHOLE = ("double precision", "real", "numeric"), ("integer", "bigint", "smallint")
TIME = ("timestamp with time zone", "timestamp without time zone")

# Table, columns and the types of which one will do. A missing column is as wrong as one of another type.
WANTED = (
    ("jobs", ("job_id",), UUID),
    ("overlay_layouts", ("overlay_id",), UUID),
    ("llm_models", ("llm_model_id",), UUID),
    ("llm_models", ("model_name", "model_version", "provider", "description", "is_active"), TEXT),
    ("llm_models", ("default_temperature", "prompt_token_cost_per_1m", "completion_token_cost_per_1m"), NUMBER),
    ("llm_models", ("default_max_tokens", "pk"), WHOLE),
    ("llm_models", ("created_at", "updated_at"), TIME),
    ("instagram_feeds", ("instagram_feed_id", "job_id", "overlay_id", "llm_model_id"), UUID),
    ("instagram_feeds", ("tenant_id", "refined_ad_copy_eng", "tone_style", "product_description"), TEXT),
    ("instagram_feeds", ("store_information", "gpt_prompt", "instagram_ad_copy", "hashtags", "gpt_prompt_used"), TEXT),
    ("instagram_feeds", ("gpt_response_raw", "token_usage"), JSON),
    ("instagram_feeds", ("used_temperature", "latency_ms"), NUMBER),
    ("instagram_feeds", ("used_max_tokens", "prompt_tokens", "completion_tokens", "total_tokens", "pk"), WHOLE),
    ("instagram_feeds", ("created_at", "updated_at"), TIME),
)
WANTED_ROWS = ", ".join(
    f"('{table}', '{column}', '{{{','.join(types)}}}'::text[])"
    for table, columns, types in WANTED
    for column in columns
)
CAN_BE_TAKEN_OVER = f"""
    DO $do$
    DECLARE
        problem text;
    BEGIN
        SELECT string_agg(format(
            '%s.%s %s, where this program needs %s', wanted.table_name, wanted.column_name,
            coalesce('is ' || format_type(type.oid, NULL), 'is missing'), wanted.types[1]
        ), '; ')
        INTO problem
        FROM (VALUES {WANTED_ROWS}) AS wanted (table_name, column_name, types)
        LEFT JOIN pg_attribute AS found
            ON found.attrelid = to_regclass(wanted.table_name) AND found.attname = wanted.column_name
            AND found.attnum > 0 AND NOT found.attisdropped
        LEFT JOIN pg_type AS declared ON declared.oid = found.atttypid
        LEFT JOIN pg_type AS type ON type.oid = coalesce(nullif(declared.typbasetype, 0), declared.oid)
        WHERE to_regclass(wanted.table_name) IS NOT NULL
            AND (type.oid IS NULL OR format_type(type.oid, NULL) <> ALL (wanted.types));
        IF problem IS NOT NULL THEN
            RAISE EXCEPTION USING MESSAGE = problem, ERRCODE = '{REFUSED}';
        END IF;
    END
    $do$
"""  # noqa: S608 - constants

# Executed where the search path finds no such table.
TABLES = {
    # `jobs` and `overlay_layouts` are the upstream pipeline's: only their keys are needed here.
    "jobs": """
    CREATE TABLE IF NOT EXISTS jobs (
        job_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
        created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP
    )
    """,
    "overlay_layouts": """
    CREATE TABLE IF NOT EXISTS overlay_layouts (
        overlay_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
        created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP
    )
    """,
    "llm_models": """
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
    "instagram_feeds": """
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
}

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

TIMES = tuple(
    with_time_zone(table, column)
    for table in ("llm_models", "instagram_feeds")
    for column in ("created_at", "updated_at")
)

OLD_ROWS = (
    f"""
    DO $do$
    DECLARE
        unclear text;
    BEGIN
        SELECT string_agg(DISTINCT quote_literal(is_active), ', ') INTO unclear FROM llm_models
        WHERE trim(is_active) !~* '^(t|tr|tru|true|y|ye|yes|on|1|f|fa|fal|fals|false|n|no|of|off|0)$';
        IF unclear IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = '{REFUSED}',
                MESSAGE = 'llm_models.is_active must be ''true'' or ''false'', it also holds ' || unclear;
        END IF;
    END
    $do$
    """,  # noqa: S608 - a constant
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
            PARTITION BY provider, model_name, coalesce(model_version, '')
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
        ON llm_models (provider, model_name, coalesce(model_version, ''))
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

UPGRADE = (*COLUMNS, *TIMES, *OLD_ROWS, *CONSTRAINTS, *INDEXES, *TRIGGERS)

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


def is_visible(table: str) -> bool:
    """Return whether the search path finds a table; `IF NOT EXISTS` looks into the path's first schema alone."""
    if op.get_context().as_sql:
        return False
    return bool(op.get_bind().exec_driver_sql(f"SELECT to_regclass('{table}') IS NOT NULL").scalar())


def upgrade() -> None:
    op.execute(CAN_BE_TAKEN_OVER)
    for table, create in TABLES.items():
        if not is_visible(table):
            op.execute(create)
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
