"""The settings of a running program, whose secrets may be given anew while it runs."""

from collections.abc import Callable

from consumer.settings import Settings, load
from consumer.settings.base import SettingsError
from consumer.settings.secret_files import secret_names
from repository.database_url import database_of


class CurrentSettings:
    """The settings as they are now: `reread` takes over secrets that have changed, and nothing else."""

    def __init__(self, settings: Settings) -> None:
        self.now = settings
        self._takers: list[Callable[[Settings], None]] = []

    def database_url(self) -> str:
        """Return the URL that a new connection is made with."""
        return self.now.database_url.get_secret_value()

    def on_change(self, take: Callable[[Settings], None]) -> None:
        """Have the settings handed on whenever a secret has changed."""
        self._takers.append(take)

    def reread(self) -> list[str]:
        """Read the secrets again and hand on those that have changed; returns the names of their variables.

        Raises:
            SettingsError: one cannot be used; all stays as it was.
        """
        fresh = load(Settings)
        if database_of(fresh.database_url.get_secret_value()) != database_of(self.database_url()):
            raise SettingsError("DATABASE_URL names another server or database than at the start: restart for that")
        changed = {
            name: value
            for name in secret_names(Settings)
            if (value := getattr(fresh, name)) is not None and value != getattr(self.now, name)
        }
        if changed:
            self.now = self.now.model_copy(update=changed)
            for take in self._takers:
                take(self.now)
        return sorted(name.upper() for name in changed)
