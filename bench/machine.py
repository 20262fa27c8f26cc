"""Where a measurement was made: without this its figures mean nothing."""

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from bench.os_figures import cores

LIBRARIES = (
    "aiohttp", "aiokafka", "asyncpg", "faststream", "httpx2", "openai", "pydantic", "structlog", "uvloop",
)  # fmt: skip


def describe_machine() -> dict[str, object]:
    """Return processor, cores, memory and kernel."""
    return {
        "cpu": _cpu_model(),
        "cores": cores(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "huge_pages_gb": round(_huge_pages_kb() / 2**20, 1),
        "kernel": f"{platform.system()} {platform.release()}",
    }


def describe_versions() -> dict[str, object]:
    """Return Python, the libraries that the programs under test use, and the commit of this project."""
    return {
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "git_commit": _git_commit(),
    }


def load_average() -> tuple[float, float, float]:
    """Return the load over 1, 5 and 15 minutes: on a machine with other work the figures are too high."""
    return os.getloadavg()


def _huge_pages_kb() -> int:
    """Return what is set aside for huge pages, which PostgreSQL takes for its buffers when there are enough."""
    info = Path("/proc/meminfo")
    found = re.search(r"^Hugetlb:\s*(\d+) kB$", info.read_text(), re.MULTILINE) if info.exists() else None
    return int(found[1]) if found else 0


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE) if info.exists() else None
    return found[1] if found else platform.processor()


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """Return the commit, with `-dirty` when files differ from it; None outside a checkout."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        answer = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()
