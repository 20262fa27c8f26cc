"""A stranger's path: each command of docs/getting-started.md, as written there, in a fresh clone."""

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from devstack import kafka_artifacts

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/getting-started.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
REAL_KEY = "export OPENAI_API_KEY=sk-… OPENAI_BASE_URL=https://api.openai.com/v1\n"
POSTS = "until instagram-feed feeds list --csv | grep -q tenant-; do sleep 0.2; done\n"
"""What a reader does who was faster than the consumer."""

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(not kafka_artifacts.can_serve(), reason="needs Java for the broker"),
    pytest.mark.skipif(shutil.which("make") is None, reason="needs make"),
]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose `make setup` finds everything done: the packages are those of this session."""
    folder = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", str(folder)], check=True)  # noqa: S607
    venv.create(folder / ".venv", symlinks=True)
    python = folder / ".venv/bin/python"
    [site_packages] = (folder / ".venv/lib").glob("python*/site-packages")
    shared = [path for path in sys.path if path.endswith("site-packages")]
    (site_packages / "shared.pth").write_text("\n".join(shared))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python)]
    install = [*pip, "install", "--no-deps", "--no-index", "--no-build-isolation", "--editable", str(folder)]
    subprocess.run(install, check=True, capture_output=True)
    (folder / ".venv/.set-up").touch()
    return folder


def as_run(block: str) -> str:
    """A block of the page; the real key's one line is left out, and a reader waits for the first posts."""
    with_posts = block.replace("instagram-feed status\n", f"instagram-feed status\n{POSTS}")
    return with_posts.replace(REAL_KEY, "")


def test_every_command_of_the_page_works_as_written(clone: Path) -> None:
    assert PAGE.count(REAL_KEY) == 1
    script = "set -euo pipefail\n" + "".join(map(as_run, BLOCKS))
    env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", str(clone)), "OPS_PORT": "0"}
    try:
        run = subprocess.run(
            ["/bin/bash", "-c", script], cwd=clone, env=env, check=False, capture_output=True, text=True, timeout=300
        )
    finally:
        down = [str(clone / ".venv/bin/instagram-feed"), "stack", "down", "--env-file", ".env.stack"]
        subprocess.run(down, cwd=clone, env=env, check=False, capture_output=True)

    assert run.returncode == 0, f"{run.stdout[-3000:]}\n{run.stderr[-3000:]}"
    assert "tenant-bomnal-bakery" in run.stdout
    assert (clone / "report.html").exists()
