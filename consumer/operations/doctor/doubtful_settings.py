"""Settings that are valid but doubtful: unknown names, inconsistent times."""

import os
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from dotenv import dotenv_values

from consumer.operations.doctor.finding import Finding
from consumer.pipeline.result_spool import takes_files
from consumer.settings import Settings, SettingsError, load
from consumer.settings.base import is_in_quotation_marks
from consumer.settings.env_file import ENV_FILE, env_file_problem
from consumer.settings.secret_files import SUFFIX, secret_names

SIMILAR = 0.85
_LOCAL = ("localhost", "127.0.0.1", "[::1]")


def doubtful_settings() -> Iterator[Finding]:
    """Return warnings about doubtful settings."""
    known = {name.upper() for name in Settings.model_fields}
    known |= {f"{name.upper()}{SUFFIX}" for name in secret_names(Settings)}
    yield from misspelt(os.environ, known)
    if ENV_FILE.is_file() and env_file_problem() is None:
        yield from misspelt(dotenv_values(ENV_FILE), known)
    try:
        settings = load(Settings)
    except SettingsError:
        return
    yield from _in_quotation_marks(settings)
    yield from _in_the_clear(settings)
    if not takes_files(settings.spool_dir):
        detail = (
            f"SPOOL_DIR ({settings.spool_dir}) cannot be written: paid results that cannot be stored are lost at a stop"
        )
        yield Finding("settings", "warning", detail, "name a directory on a volume that this user may write to")
    if settings.lease_s < settings.llm_timeout_s:
        yield Finding(
            "settings",
            "warning",
            f"LEASE_S ({settings.lease_s:g}) is below LLM_TIMEOUT_S ({settings.llm_timeout_s:g}): after a crash or a "
            "pause others may pay for a call that still runs",
            "set LEASE_S above LLM_TIMEOUT_S",
        )


def _in_quotation_marks(settings: Settings) -> Iterator[Finding]:
    """Return a warning for each password in quotation marks, which `docker run --env-file` does not remove."""
    for name in secret_names(Settings):
        secret = getattr(settings, name)
        if secret is not None and is_in_quotation_marks(secret.get_secret_value()):
            detail = f"{name.upper()} is in quotation marks, which are taken for a part of it"
            yield Finding("settings", "warning", detail, "leave them out, unless they belong to it")


def _in_the_clear(settings: Settings) -> Iterator[Finding]:
    """Return a warning for each password sent unencrypted."""
    brokers = settings.kafka_bootstrap_servers
    if settings.kafka_security_protocol == "SASL_PLAINTEXT" and not all(map(_is_here, brokers.split(","))):
        detail = "KAFKA_SECURITY_PROTOCOL is SASL_PLAINTEXT: the login is sent unencrypted"
        yield Finding("settings", "warning", detail, "enable TLS on the brokers, and set SASL_SSL")
    if (settings.kafka_oauth_token_url or "").startswith("http:") and not _is_here(
        settings.kafka_oauth_token_url or ""
    ):
        detail = "KAFKA_OAUTH_TOKEN_URL is http: the client secret is sent unencrypted"
        yield Finding("settings", "warning", detail, "set its https:// address")


def _is_here(address: str) -> bool:
    return any(f"{host}:" in address or f"//{host}/" in address for host in _LOCAL)


def misspelt(given: Iterable[str], known: set[str]) -> Iterator[Finding]:
    """Return a warning for each unknown variable whose name resembles a setting."""
    for name in sorted(set(given) - known):
        if meant := get_close_matches(name.upper(), known, n=1, cutoff=SIMILAR):
            if meant[0] == name.upper() or meant[0] in given:  # settings are case-insensitive
                continue
            yield Finding("settings", "warning", f"{name} is not a setting", f"did you mean {meant[0]}?")
