"""What the operating system says of processes and the machine: read from /proc (Linux), cheaply and often."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

KB_PER_MB = 1_024
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_FIRST_TIME = 11  # utime, stime, cutime, cstime: fields 14 to 17 of stat, counted behind the name
_PEAK_RSS = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


def cpu_s(pid: int) -> float:
    """Return user and system time of a process and all below it, also of ended children; what vanished counts 0."""
    return sum(map(_own_and_ended_children_s, _with_descendants(pid)))


def peak_rss_mb(pid: int) -> float:
    """Return the most memory a process has had resident so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = _PEAK_RSS.search(status)
    return int(found[1]) / KB_PER_MB if found else 0.0


def machine_busy_s() -> float:
    """Time that all cores together have worked since the machine started."""
    times = psutil.cpu_times()
    return times.user + times.system + times.nice + times.irq + times.softirq + times.steal


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def _with_descendants(pid: int) -> Iterator[int]:
    yield pid
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _with_descendants(int(child))


def _own_and_ended_children_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[_FIRST_TIME : _FIRST_TIME + 4])) / _TICKS_PER_S
