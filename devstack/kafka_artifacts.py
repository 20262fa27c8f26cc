"""The jars of the embedded broker: fetched once per user by Maven from the committed pom.xml."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from devstack.cache import cache_folder, locked
from devstack.errors import StackError
from devstack.report import Report

RESOURCES = Path(__file__).parent / "kafka_resources"
DOWNLOADED_JAR = re.compile(r"Downloaded from \S+: \S*/(?P<jar>\S+\.jar)")
LAST_LINES = 15


def java() -> str:
    """Return the path of the Java launcher.

    Raises:
        StackError: there is none.
    """
    if found := shutil.which("java"):
        return found
    raise StackError("java is missing: install a Java runtime, version 17 or newer, or start Docker.")


def jars_folder() -> Path:
    """Return where the jars of this very pom.xml are, or will be."""
    version = hashlib.sha256((RESOURCES / "pom.xml").read_bytes()).hexdigest()[:12]
    return cache_folder() / f"kafka-{version}"


def class_archive(jars: Path) -> Path:
    """Return where the classes recorded for these jars and this Java are, or will be.

    Raises:
        StackError: Java is missing.
    """
    version = hashlib.sha256(os.path.realpath(java()).encode()).hexdigest()[:12]
    return jars / f"classes-{version}.jsa"


def can_serve() -> bool:
    """Return whether the embedded broker can run here: Java, and the jars or the means to fetch them."""
    return bool(shutil.which("java") and (jars_folder().is_dir() or shutil.which("mvn")))


def ensure_jars(report: Report) -> Path:
    """Return the folder with the jars, downloading them first (about 45 MB) if they are not there.

    Two callers at once download once. An interrupted download leaves nothing that looks complete.

    Raises:
        StackError: Maven is missing or failed; carries the end of its output.
    """
    folder = jars_folder()
    with locked(cache_folder() / "kafka.lock", while_waiting="Waiting for another download of Apache Kafka"):
        if not folder.is_dir():
            report("Apache Kafka: fetching the broker's jars with Maven, about 45 MB, once per user")
            _download(folder, report)
    return folder


def _download(folder: Path, report: Report) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        jars = Path(scratch) / "jars"
        _copy_dependencies(jars, report)
        jars.rename(folder)


def _copy_dependencies(target: Path, report: Report) -> None:
    mvn = shutil.which("mvn")
    if mvn is None:
        raise StackError("mvn is missing: install Apache Maven 3.6 or newer, or start Docker.")
    # The pom is copied so that Maven writes nothing into the source tree.
    pom = shutil.copy(RESOURCES / "pom.xml", target.parent)
    command = [mvn, "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={target}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as maven:
        lines = list(_reporting_downloads(maven.stdout or [], report))
    if maven.returncode != 0:
        said = "".join(f"  {line}" for line in lines[-LAST_LINES:])
        raise StackError(
            f"Maven could not fetch Apache Kafka (exit code {maven.returncode}). Check that Maven reaches a "
            f"repository (its settings.xml names mirrors and proxies), then try again. It said:\n{said}"
        )


def _reporting_downloads(lines: Iterable[str], report: Report) -> Iterator[str]:
    done = 0
    for line in lines:
        if jar := DOWNLOADED_JAR.search(line):
            done += 1
            report(f"Apache Kafka: {done:>3} jars  {jar['jar']}")
        yield line
