"""Reloading secrets on SIGHUP: keys from the next call on, logins from the next connection on."""

import structlog

from consumer.settings import SettingsError
from consumer.settings.current import CurrentSettings

log = structlog.get_logger()


def reread_secrets(current: CurrentSettings) -> None:
    """Apply changed secrets and log which; if one is unusable, all stay as they were."""
    try:
        changed = current.reread()
    except SettingsError as error:
        log.error("secrets.not_reread", error=str(error))  # noqa: TRY400 - the line says it all
    else:
        log.info("secrets.reread", changed=changed)
