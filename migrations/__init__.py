"""The database's history as Alembic revisions in plain SQL; `repository.migrations` runs them."""

# Not Alembic's default name: the upstream pipeline may keep its own history in the same database.
VERSION_TABLE = "instagram_feed_migrations"

# The SQLSTATE with which a revision refuses a database that it cannot take over; its message is for people.
REFUSED = "IF001"

# Taken inside the migration's transaction and let go with it, so that no crash leaves it behind.
TAKE_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('instagram_feed_migrations', 0))"


def with_time_zone(table: str, column: str) -> str:
    """Return a statement that gives a column of times its zone, where it has none: the session's TimeZone.

    That is the zone in which CURRENT_TIMESTAMP was written. A column that has one is not touched.
    """
    return f"""
        DO $do$
        BEGIN
            IF EXISTS (
                SELECT FROM pg_attribute
                WHERE attrelid = to_regclass('{table}') AND attname = '{column}' AND atttypid = 'timestamp'::regtype
            ) THEN
                ALTER TABLE {table} ALTER COLUMN {column} TYPE TIMESTAMP WITH TIME ZONE;
            END IF;
        END
        $do$
    """
