"""Fetching the broker's jars, with programs of the tests' own in the place of Maven."""

import threading
from pathlib import Path

import pytest

from devstack.errors import StackError
from devstack.kafka_artifacts import ensure_jars

FAILING = """#!/bin/sh
echo "[ERROR] Could not transfer artifact kafka_2.13"
exit 1
"""
WORKING = """#!/bin/sh
echo run >> "$0.runs"
for argument; do case $argument in -DoutputDirectory=*) target=${argument#*=};; esac; done
mkdir "$target" && touch "$target/kafka.jar"
echo "Downloaded from central: https://example.org/kafka.jar (1 kB)"
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that alone is on the PATH before the system's tools, and an empty cache."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def _install_maven(folder: Path, script: str) -> None:
    (folder / "mvn").write_text(script.replace("/bin/sh", "/bin/sh\nPATH=/usr/bin:/bin", 1))
    (folder / "mvn").chmod(0o755)


def test_two_callers_at_once_download_once(programs: Path) -> None:
    _install_maven(programs, WORKING)
    folders: list[Path] = []
    callers = [threading.Thread(target=lambda: folders.append(ensure_jars(print))) for _ in range(2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert folders[0] == folders[1]
    assert (folders[0] / "kafka.jar").exists()
    assert (programs / "mvn.runs").read_text() == "run\n"


def test_the_download_tells_how_far_it_is(programs: Path) -> None:
    _install_maven(programs, WORKING)
    told: list[str] = []

    ensure_jars(told.append)

    assert "kafka.jar" in told[-1]


def test_a_failed_download_tells_what_maven_said_and_leaves_nothing_behind(programs: Path) -> None:
    _install_maven(programs, FAILING)
    with pytest.raises(StackError, match="Could not transfer artifact"):
        ensure_jars(print)

    _install_maven(programs, WORKING)
    assert (ensure_jars(print) / "kafka.jar").exists()


@pytest.mark.usefixtures("programs")
def test_without_maven_it_says_what_to_install() -> None:
    with pytest.raises(StackError, match="install Apache Maven"):
        ensure_jars(print)
