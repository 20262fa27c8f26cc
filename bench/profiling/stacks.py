"""Call stacks as py-spy samples them from outside: the process runs unchanged code at its usual pace."""

import asyncio
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

# Each sample stops the process for a moment. At this rate its CPU per event stays what it is without.
SAMPLES_PER_S = 50
WAITING = ("epoll_pwait", "epoll_wait")


class NoProfile(Exception):
    """The process could not be sampled; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Stack:
    """One call stack, outermost frame first, and how often it was seen. A frame reads `name (file:line)`."""

    frames: tuple[str, ...]
    samples: int


async def sample_stacks(pid: int, *, seconds: int, raw: Path) -> list[Stack]:
    """Sample the threads of a process that are not asleep, C frames included, by way of the file `raw`.

    Raises:
        NoProfile: py-spy is missing or may not look into the process.
    """
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if program is None:
        raise NoProfile("py-spy is missing: pip install 'instagram-feed-consumer[dev]'")
    options = [f"--rate={SAMPLES_PER_S}", f"--duration={seconds}", "--native", "--format=raw", f"--output={raw}"]
    sampler = await asyncio.create_subprocess_exec(
        program, "record", f"--pid={pid}", *options, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        _, said = await sampler.communicate()
    finally:
        if sampler.returncode is None:
            sampler.kill()
    if sampler.returncode != 0:
        raise NoProfile(f"py-spy cannot sample the consumer (it may need root or ptrace rights): {said.decode()}")
    return read_stacks(await asyncio.to_thread(raw.read_text))


def read_stacks(raw: str) -> list[Stack]:
    """Read py-spy's raw format: frames separated by semicolons, a space, a count."""
    lines = (line.rpartition(" ") for line in raw.splitlines())
    return [Stack(tuple(frames.split(";")), int(samples)) for frames, _, samples in lines]


def busy_stacks(stacks: list[Stack], *, entry: str) -> list[Stack]:
    """The stacks below the frame of that name that were not waiting for the network."""
    return [
        stack
        for stack in stacks
        if any(frame.startswith(f"{entry} (") for frame in stack.frames) and not stack.frames[-1].startswith(WAITING)
    ]
