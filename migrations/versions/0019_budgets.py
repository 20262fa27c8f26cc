"""Budgets: what tenants may spend in a day or a month, what is spent, and what processes have in hand of it.

A process draws a slice of a period's money and reserves each call from it. A call whose end nobody knows is kept until
somebody does. Amounts are in the budget's own unit: USD or tokens.

Downgrade has what is held tried again at once.
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

UPGRADE = (
    """
    CREATE TABLE budgets (
        budget_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
        tenant_id VARCHAR(255),
        period TEXT NOT NULL CHECK (period IN ('day', 'month')),
        limit_usd NUMERIC CHECK (limit_usd >= 0),
        limit_tokens BIGINT CHECK (limit_tokens >= 0),
        created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
        updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
        CHECK (num_nonnulls(limit_usd, limit_tokens) = 1)
    )
    """,
    "COMMENT ON COLUMN budgets.tenant_id IS 'NULL: what all tenants may spend together'",
    """
    CREATE UNIQUE INDEX idx_budgets_tenant_id_period ON budgets (coalesce(tenant_id, ''), period, (limit_usd IS NULL))
    """,
    """
    CREATE TABLE budget_spending (
        budget_id UUID NOT NULL REFERENCES budgets ON DELETE CASCADE,
        starts_at TIMESTAMPTZ NOT NULL,
        ends_at TIMESTAMPTZ NOT NULL CHECK (ends_at > starts_at),
        spent NUMERIC NOT NULL DEFAULT 0,
        drawn NUMERIC NOT NULL DEFAULT 0,
        warned_percent INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (budget_id, starts_at)
    )
    """,
    "COMMENT ON COLUMN budget_spending.spent IS 'Without what slices have spent that are still in hand'",
    "COMMENT ON COLUMN budget_spending.drawn IS 'The sum of the slices in hand, with what they have spent'",
    """
    CREATE TABLE budget_slices (
        owner TEXT NOT NULL,
        budget_id UUID NOT NULL REFERENCES budgets ON DELETE CASCADE,
        starts_at TIMESTAMPTZ NOT NULL,
        drawn NUMERIC NOT NULL DEFAULT 0,
        spent NUMERIC NOT NULL DEFAULT 0,
        expires_at TIMESTAMPTZ,
        PRIMARY KEY (owner, budget_id, starts_at)
    )
    """,
    "COMMENT ON COLUMN budget_slices.owner IS 'A process, by the name that it holds leases under, or batch:<batch_id>'",
    "COMMENT ON COLUMN budget_slices.expires_at IS 'When the process counts as lost; NULL: a batch, which does not'",
    "CREATE INDEX idx_budget_slices_budget_id ON budget_slices (budget_id, starts_at)",
    """
    CREATE TABLE budget_unsettled_calls (
        overlay_id UUID NOT NULL,
        revision INTEGER NOT NULL,
        fencing_token BIGINT NOT NULL,
        call_number INTEGER NOT NULL,
        budget_id UUID NOT NULL REFERENCES budgets ON DELETE CASCADE,
        starts_at TIMESTAMPTZ NOT NULL,
        amount NUMERIC NOT NULL,
        is_booked BOOLEAN NOT NULL,
        PRIMARY KEY (overlay_id, revision, fencing_token, call_number, budget_id)
    )
    """,
    """
    COMMENT ON TABLE budget_unsettled_calls IS
        'Calls whose cost nobody knows, at their worst case: booked, or to be booked if their process is lost'
    """,
    "CREATE INDEX idx_budget_unsettled_calls_budget_id ON budget_unsettled_calls (budget_id)",
    "ALTER TABLE feed_requests ADD COLUMN held_budget_id UUID",
    "COMMENT ON COLUMN feed_requests.held_budget_id IS 'The budget that it is held for, or was held for last'",
    """
    -- squawk-ignore require-concurrent-index-creation
    CREATE INDEX idx_feed_requests_held ON feed_requests (available_at) WHERE state = 'held'
    """,
)

DOWNGRADE = (
    "UPDATE feed_requests SET state = 'waiting', available_at = now() WHERE state = 'held'",
    "DROP INDEX idx_feed_requests_held",
    "ALTER TABLE feed_requests DROP COLUMN held_budget_id",
    "DROP TABLE budget_unsettled_calls",
    "DROP TABLE budget_slices",
    "DROP TABLE budget_spending",
    "DROP TABLE budgets",
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
