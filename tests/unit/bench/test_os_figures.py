import os
import subprocess
import sys
import time

from bench.os_figures import cpu_s, machine_busy_s, peak_rss_mb

SPIN_S = 0.2
TICKS_S = 0.05
SPIN = f"import time\nwhile time.process_time() < {SPIN_S}: pass"


def test_cpu_time_counts_children_that_run_and_that_have_ended() -> None:
    before_s = cpu_s(os.getpid())
    subprocess.run([sys.executable, "-c", SPIN], check=True)
    with subprocess.Popen([sys.executable, "-c", SPIN + "\nprint()\ninput()"], stdin=-1, stdout=-1) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert cpu_s(os.getpid()) - before_s >= 2 * SPIN_S - TICKS_S
        child.communicate(b"\n")


def test_peak_memory_remembers_what_has_been_given_back() -> None:
    before_mb = peak_rss_mb(os.getpid())
    spacious = bytes(1) * (50 + int(before_mb)) * 2**20
    del spacious
    assert peak_rss_mb(os.getpid()) >= 50


def test_a_process_that_has_ended_counts_nothing() -> None:
    child = subprocess.Popen([sys.executable, "--version"])
    child.wait()
    assert cpu_s(child.pid) == 0


def test_the_machine_has_been_busy_for_at_least_as_long_as_this_process() -> None:
    assert machine_busy_s() > time.process_time()
