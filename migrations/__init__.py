"""The database's history as Alembic revisions in plain SQL; `repository.migrations` runs them."""

# Not Alembic's default name: the upstream pipeline may keep its own history in the same database.
VERSION_TABLE = "instagram_feed_migrations"

# Taken inside the migration's transaction and let go with it, so that no crash leaves it behind.
TAKE_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('instagram_feed_migrations', 0))"
