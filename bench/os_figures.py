"""What the operating system says of processes and the machine. Peak memory is read from /proc (Linux)."""

import os
import re
from pathlib import Path

import psutil

KB_PER_MB = 1_024
_PEAK_RSS = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


def cpu_s(pid: int) -> float:
    """User and system time of a process and all its children, ended ones included; what has vanished counts 0."""
    try:
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    return _ended_children_s(root) + sum(map(_own_cpu_s, processes))


def peak_rss_mb(pid: int) -> float:
    """The most memory a process has had resident so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = _PEAK_RSS.search(status)
    return int(found[1]) / KB_PER_MB if found else 0.0


def machine_busy_s() -> float:
    """Time that all cores together have worked since the machine started."""
    times = psutil.cpu_times()
    return times.user + times.system + times.nice + times.irq + times.softirq + times.steal


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def _own_cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


def _ended_children_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.children_user + times.children_system
