"""How Alembic runs the revisions: all in one transaction, behind a lock, with deadlines.

`repository.migrations` puts the open connection, and a callback for each applied revision, into the
config's attributes. Every statement stands inside the transaction that Alembic begins: one sent
before `context.configure()` begins a transaction that Alembic takes for someone else's and leaves
to be rolled back.
"""

from alembic import context

from migrations import TAKE_LOCK, VERSION_TABLE

# The order matters: waiting for another migration to end is bounded by the statement timeout,
# waiting for a table that the pipeline is using by the shorter lock timeout.
GUARDS = (
    "SET LOCAL statement_timeout = '600s'",
    TAKE_LOCK,
    "SET LOCAL lock_timeout = '3s'",
)


def run_revisions() -> None:
    """Send the guards and the missing revisions, or print them (offline)."""
    with context.begin_transaction():
        for statement in GUARDS:
            context.execute(statement)
        context.run_migrations()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", version_table=VERSION_TABLE)
else:
    context.configure(
        connection=context.config.attributes["connection"],
        version_table=VERSION_TABLE,
        on_version_apply=context.config.attributes["on_version_apply"],
    )
run_revisions()
