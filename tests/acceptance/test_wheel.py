"""The wheel, installed outside the checkout, is the whole program: commands, migrations, types."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("consumer", "schemas", "repository", "migrations", "devstack")
GIT_FILES = ("git", "ls-files", "-z")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the files that git knows, built without a network."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheels")
    for name in files_of(*PACKAGES, "pyproject.toml", "README.md"):
        copy = source / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    build = (
        *pip(sys.executable),
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--wheel-dir",
        str(target),
    )
    subprocess.run([*build, str(source)], check=True, capture_output=True)
    [built] = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment that has the wheel, and sees the packages that are installed here."""
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder, symlinks=True)
    python = folder / "bin/python"
    subprocess.run(
        [*pip(sys.executable), "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)],
        check=True,
        capture_output=True,
    )
    [site_packages] = (folder / "lib").glob("python*/site-packages")
    shared = [path for path in sys.path if path.endswith("site-packages")]
    (site_packages / "shared.pth").write_text("\n".join(shared))
    return folder / "bin"


def files_of(*paths: str) -> set[str]:
    """What git knows there."""
    listed = subprocess.run([*GIT_FILES, *paths], cwd=ROOT, check=True, capture_output=True, text=True)
    return set(filter(None, listed.stdout.split("\0")))


def pip(python: str) -> tuple[str, ...]:
    return (python, "-m", "pip", "--quiet", "--disable-pip-version-check")


def instagram_feed(installed: Path, *arguments: str) -> str:
    run = subprocess.run(
        [installed / "instagram-feed", *arguments],
        cwd=installed,
        env={"PATH": os.environ["PATH"], "HOME": str(installed)},
        check=True,
        capture_output=True,
        text=True,
    )
    return run.stdout


def test_it_holds_all_modules_migrations_and_data(wheel: Path) -> None:
    assert files_of(*PACKAGES) - set(zipfile.ZipFile(wheel).namelist()) == set()


def test_it_works_outside_the_checkout(installed: Path) -> None:
    assert instagram_feed(installed, "--version").startswith("instagram-feed 0.")
    assert "migrate" in instagram_feed(installed, "--help")
    assert "REVISION" in instagram_feed(installed, "migrate", "--help")


def test_its_code_is_its_own_and_its_migrations_render(installed: Path) -> None:
    program = "import consumer, repository.migrations as m; print(consumer.__file__); print(m.render_sql())"
    run = subprocess.run(
        [installed / "python", "-c", program], cwd=installed, check=True, capture_output=True, text=True
    )
    origin, _, sql = run.stdout.partition("\n")

    assert str(installed.parent) in origin
    assert "CREATE TABLE feed_requests" in sql
