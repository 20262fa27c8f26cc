"""The page as a user gets it: whole, self-contained, with everything that should be on it."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from tests.integration.operations.cli.conftest import Commands

HOSTILE = "<script>alert('x')</script> & 오션앤코"
HEADINGS = [
    "Posts and failed requests per day",
    "USD spent on posts per day",
    "Tokens per day",
    "Latency of the LLM call by day",
    "Failures by reason",
    "By model",
    "By variant",
    "By tenant",
]


class Page(HTMLParser):
    """What a browser would make of a page: its elements, its headings and the cells of its tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.headings: list[str] = []
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element and what it would load."""
        self.tags.append(tag)
        self.references += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "xlink:href"}]

    def handle_data(self, data: str) -> None:
        """Note a text by the element that it is in."""
        {"h2": self.headings, "td": self.cells}.get(self.tags[-1] if self.tags else "", []).append(data)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hostile_database_url(filled_database_url: str) -> AsyncIterator[str]:
    """The URL of the database, with a tenant whose name is markup and has the most posts."""
    session = await asyncpg.connect(filled_database_url)
    await session.execute("UPDATE instagram_feeds SET tenant_id = $1 WHERE tenant_id LIKE 'store-1%'", HOSTILE)
    await session.close()
    yield filled_database_url


@pytest.fixture
def commands(hostile_database_url: str, tmp_path: Path) -> Commands:
    """Commands in an environment with nothing but the database."""
    return Commands({"DATABASE_URL": hostile_database_url}, tmp_path)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_the_page_has_all_sections_loads_nothing_and_shows_texts_as_they_are(
    commands: Commands, tmp_path: Path
) -> None:
    done = await commands.run("report", "html", "report.html", "--json")

    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.headings == HEADINGS
    assert page.tags.count("svg") == 4
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert page.references == []
    assert not re.search(r"https?:|url\(|@import", text)
    assert HOSTILE in page.cells
    assert {"llm_refused", "llm_truncated", "openai/gpt-4o-mini@2024-07-18", "20 others"} <= set(page.cells)
    assert done.document["posts"] > 0
    assert f"{done.document['posts']:,}" in text


async def test_an_older_report_is_replaced_and_any_other_file_only_when_forced(
    commands: Commands, tmp_path: Path
) -> None:
    report, notes = tmp_path / "report.html", tmp_path / "notes.md"
    notes.write_text("mine")

    first = await commands.run("report", "html", "report.html", "--model", "gpt-4o-mini")
    again = await commands.run("report", "html", "report.html", "--tenant", "test_tenant")
    refused = await commands.run("report", "html", "notes.md")
    kept = notes.read_text()
    forced = await commands.run("report", "html", "notes.md", "--force")

    assert (first.exit_code, again.exit_code, forced.exit_code) == (0, 0, 0)
    assert "tenant test_tenant" in report.read_text(encoding="utf-8")
    assert (refused.exit_code, kept) == (1, "mine")
    assert "--force" in refused.errors
    assert names_in(tmp_path) == ["notes.md", "report.html"]


async def test_a_range_without_posts_is_a_page_that_says_so(commands: Commands, tmp_path: Path) -> None:
    done = await commands.run("report", "html", "report.html", "--since", "2020-01-01", "--until", "2020-02-01")

    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert done.exit_code == 0
    assert page.headings == HEADINGS
    assert page.tags.count("svg") == 0


async def test_a_folder_that_is_not_there_is_one_clear_line(commands: Commands) -> None:
    done = await commands.run("report", "html", "nowhere/report.html")

    assert done.exit_code == 1
    assert done.errors == "instagram-feed: nowhere/report.html cannot be written: No such file or directory\n"
