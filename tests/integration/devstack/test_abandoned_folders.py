"""A session whose supervisor was killed leaves its data in memory until the next session."""

import os
import subprocess
import sys
from pathlib import Path

from devstack import stack_folder
from tests.support.stack_folder import PREFIX, clear_abandoned


def pid_that_is_gone() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_the_folder_of_a_session_that_is_gone_is_cleared_and_no_other(tmp_path: Path) -> None:
    left, alive, foreign = f"{PREFIX}{pid_that_is_gone()}", f"{PREFIX}{os.getpid()}", "postgres-1"
    for name in (left, alive, foreign):
        stack_folder.claim(tmp_path / name)

    await clear_abandoned(tmp_path)

    assert names_in(tmp_path) == {alive, foreign}
