"""Settings that are valid but hardly meant: names that nothing reads, times that do not go together."""

import os
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path

from dotenv import dotenv_values

from consumer.operations.doctor.finding import Finding
from consumer.settings import Settings, SettingsError, load

SIMILAR = 0.85
ENV_FILE = Path(".env")


def doubtful_settings() -> Iterator[Finding]:
    """Return a warning for each; none where all is well."""
    known = {name.upper() for name in Settings.model_fields}
    yield from misspelt(os.environ, known)
    if ENV_FILE.is_file():
        yield from misspelt(dotenv_values(ENV_FILE), known)
    try:
        settings = load(Settings)
    except SettingsError:
        return
    if settings.lease_s < settings.llm_timeout_s:
        yield Finding(
            "settings",
            "warning",
            f"LEASE_S ({settings.lease_s:g}) is below LLM_TIMEOUT_S ({settings.llm_timeout_s:g}): after a crash or a "
            "pause others may pay for a call that still runs",
            "set LEASE_S above LLM_TIMEOUT_S",
        )


def misspelt(given: Iterable[str], known: set[str]) -> Iterator[Finding]:
    """Return a warning for each variable that no setting reads but whose name nearly is one's."""
    for name in sorted(set(given) - known):
        if meant := get_close_matches(name.upper(), known, n=1, cutoff=SIMILAR):
            if meant[0] == name.upper() or meant[0] in given:  # settings are read without regard to case
                continue
            yield Finding("settings", "warning", f"{name} is no setting", f"did you mean {meant[0]}?")
