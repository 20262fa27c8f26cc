"""What the documents point to exists: files, folders, headings, tests, decisions, rooms."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(chain(ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md"), (ROOT / ".github").rglob("*.md")))
LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
NAMED_PATH = re.compile(
    r"`((?:consumer|schemas|repository|migrations|devstack|bench|tests|docs|\.ci|\.github)/[\w./-]*\w/?)(?:::(\w+))?`"
)


def names_of(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


def anchors_of(page: Path) -> Iterator[str]:
    """The anchors that GitHub makes of a page's headings."""
    for heading in re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=names_of(PAGES))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text()):
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), f"{target} is linked and does not exist"
        assert not anchor or anchor in anchors_of(file), f"{target or page.name} has no heading #{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=names_of(PAGES))
def test_every_path_that_is_named_exists_and_so_does_the_test_in_it(page: Path) -> None:
    for path, test in NAMED_PATH.findall(page.read_text()):
        assert (ROOT / path).exists(), f"{path} is named and does not exist"
        assert not test or f"def {test}(" in (ROOT / path).read_text(), f"{path} has no {test}"


def test_the_index_lists_every_decision_under_a_number_of_its_own() -> None:
    records = sorted(path.name for path in (ROOT / "docs/decisions").glob("0*.md"))

    index = (ROOT / "docs/decisions/README.md").read_text()

    assert re.findall(r"\((\d{4}-[\w-]+\.md)\)", index) == records, "list the decision in docs/decisions/README.md"
    assert len({name[:4] for name in records}) == len(records)


def test_the_architecture_page_has_every_room() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    rooms = [path for path in (ROOT / "consumer").iterdir() if path.is_dir() or path.suffix == ".py"]

    missing = [room.name for room in rooms if f"../consumer/{room.name})" not in page]

    assert set(missing) <= {"__init__.py", "__pycache__"}


def test_the_architecture_page_has_every_step_of_the_pipeline() -> None:
    page = (ROOT / "docs/architecture.md").read_text()

    missing = {step.name for step in (ROOT / "consumer/pipeline").glob("*.py") if f"/{step.name})" not in page}

    assert missing <= {"__init__.py"}, "say in docs/architecture.md what it decides"
