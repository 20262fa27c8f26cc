"""How Sphinx makes the site: the pages as they are, found by the links of index.md.

`make docs` builds it, warnings being errors: a link within the docs that leads nowhere is one. Links to files beside
`docs/` lead to DOCS_SOURCE_URL (…/blob/main), where it is set; else only their text stays.
"""

import os
import re
from importlib.metadata import version as installed_version
from itertools import chain
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
SOURCE_URL = os.environ.get("DOCS_SOURCE_URL", "").rstrip("/")
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!https?:|#)([^)\s]+)\)")

project = "instagram-feed"
author = ""
release = installed_version("instagram-feed-consumer")
extensions = ["myst_parser"]
exclude_patterns = ["conf.py"]
html_theme = "furo"
html_title = f"instagram-feed {release}"
html_show_copyright = False
html_show_sphinx = False
myst_heading_anchors = 4
# Some pages are read in a terminal or on a forge first, where these are no mistakes.
suppress_warnings = ["myst.header", "misc.highlighting_failure"]


def lead_outside(text: str, folder: Path) -> str:
    """Return a page's text with its links to files beside `docs/` as they are on the site."""

    def replaced(link: re.Match[str]) -> str:
        label, target = link.groups()
        path = (folder / target.partition("#")[0]).resolve()
        if path.is_relative_to(DOCS) and path.suffix == ".md":
            return link.group()
        return f"[{label}]({SOURCE_URL}/{path.relative_to(DOCS.parent)})" if SOURCE_URL else label

    return LINK.sub(replaced, text)


def contents_of(index: str) -> str:
    """Return the tables of contents that index.md stands for, and one of the pages that it has forgotten."""
    tables = {}
    for section in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        heading, _, body = section.partition("\n")
        tables[heading] = [target.removesuffix(".md") for _, target in LINK.findall(body) if target.endswith(".md")]
    listed = {"index", *chain.from_iterable(tables.values())}
    tables["More"] = sorted(page.stem for page in DOCS.glob("*.md") if page.stem not in listed)
    return "\n\n".join(_table(pages, caption=heading) for heading, pages in tables.items() if pages)


def _table(pages: list[str], *, caption: str = "") -> str:
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}" if caption else "", "", *pages, "```"])


def read(_: Any, name: str, source: list[str]) -> None:  # noqa: ANN401 - Sphinx, which has no types for it
    """Change a page's text before it is parsed."""
    folder = (DOCS / name).parent
    within = lead_outside(source[0], folder)
    if name == "index":
        within += "\n\n" + contents_of(within)
    elif name == "decisions/README":
        within += "\n\n" + _table(sorted(path.stem for path in folder.glob("0*.md")))
    source[0] = within


def setup(app: Any) -> None:  # noqa: ANN401
    """Have Sphinx call `read`."""
    app.connect("source-read", read)
