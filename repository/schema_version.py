"""The database's migration, read without Alembic.

Alembic and SQLAlchemy take 27 MB and a third of a second, which a consumer that only compares two numbers can save.
"""

from importlib import resources
from typing import NamedTuple

import migrations
from migrations import VERSION_TABLE
from repository.pool import Connection


class SchemaVersion(NamedTuple):
    """The revision of a database (None: never migrated), and the newest one known to this program."""

    current: str | None
    head: str

    @property
    def advice(self) -> str:
        """What to do where the two differ."""
        if self.current and self.current > self.head:
            return "start the newer version of this program that migrated it"
        return "run `instagram-feed migrate`"


_HAS_TABLE = "SELECT to_regclass($1) IS NOT NULL"
_CURRENT = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 - a constant


async def schema_version(connection: Connection) -> SchemaVersion:
    """Return the schema version; changes nothing."""
    is_migrated = await connection.fetchval(_HAS_TABLE, VERSION_TABLE)
    return SchemaVersion(await connection.fetchval(_CURRENT) if is_migrated else None, newest_revision())


def newest_revision() -> str:
    """Return the newest revision; revisions are files named by their numbers."""
    files = resources.files(migrations).joinpath("versions").iterdir()
    return max(file.name[:4] for file in files if file.name[:4].isdecimal())
