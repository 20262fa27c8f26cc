"""The settings of a running program, whose secrets can be reloaded."""

from collections.abc import Callable

from consumer.settings import Settings, load
from consumer.settings.base import SettingsError
from consumer.settings.secret_files import secret_names
from repository.database_url import database_of


class CurrentSettings:
    """The current settings: `reread` applies changed secrets, and nothing else."""

    def __init__(self, settings: Settings) -> None:
        self.now = settings
        self._takers: list[Callable[[Settings], None]] = []

    def database_url(self) -> str:
        """Return the URL for new connections."""
        return self.now.database_url.get_secret_value()

    def on_change(self, take: Callable[[Settings], None]) -> None:
        """Register a callback for changed secrets."""
        self._takers.append(take)

    def reread(self) -> list[str]:
        """Reload secrets and apply those that changed; returns the names of their variables.

        Raises:
            SettingsError: one is unusable; nothing was changed.
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
