"""Sections of a Markdown page that commands write, between marks; the rest of the page is people's."""

from pathlib import Path


class NoSection(Exception):
    """A page lacks the marks of a section; the message says which."""


def put_section(page: Path, section: str, content: str) -> None:
    """Replace what stands between the marks of a section.

    Raises:
        NoSection: the page has no such section.
    """
    begin, end = f"<!-- begin {section} -->", f"<!-- end {section} -->"
    before, found_begin, rest = page.read_text().partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise NoSection(f"{page} has no section between {begin} and {end}")
    page.write_text(f"{before}{begin}\n\n{content}\n\n{end}{after}")
