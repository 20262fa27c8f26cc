"""Secrets exchanged while the program runs, on SIGHUP: keys for the next call, logins for the next connection."""

import structlog

from consumer.settings import SettingsError
from consumer.settings.current import CurrentSettings

log = structlog.get_logger()


def reread_secrets(current: CurrentSettings) -> None:
    """Take over secrets that have changed, and log which; one that cannot be used leaves all as it is."""
    try:
        changed = current.reread()
    except SettingsError as error:
        log.error("secrets.not_reread", error=str(error))  # noqa: TRY400 - the line says it all
    else:
        log.info("secrets.reread", changed=changed)
