"""The database's history as Alembic revisions in plain SQL; `repository.migrations` runs them."""

# Not Alembic's default name: the upstream pipeline may keep its own history in the same database.
VERSION_TABLE = "instagram_feed_migrations"
