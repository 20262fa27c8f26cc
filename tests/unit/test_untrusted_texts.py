"""Texts that try to be more than material for a post: in the prompt, in the answer, and in all that is printed."""

import csv
import io
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.table import Table

from consumer.operations.cli.output import people_console, print_csv, print_json, say
from consumer.operations.reports.page import page
from consumer.operations.reports.reading import ReportFigures
from consumer.post.caption import clean_caption
from consumer.post.prompt import FIELDS
from consumer.telemetry.visible_text import one_line
from repository.operations.report_charts import Breakdown
from repository.operations.report_scope import GroupBy, ReportScope
from schemas.overlay_completed import OverlayCompleted
from tests.support.injections import CASES, TEMPLATE, Injection, outcome, table
from tests.support.kafka_records import overlay_event

SECURITY_PAGE = Path(__file__).parents[2] / "docs/security.md"
PASSES = {"placeholders of ours", "the prompt in Korean", "the same in pieces", "a command of a spreadsheet"}
PASSES |= {"a formula by a plus sign", "signs of no width"}
TAGS = [tag for name in FIELDS for tag in (f"<{name}>", f"</{name}>")]
CASE = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def test_there_are_at_least_thirty_cases_each_named_once() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 30


def test_the_page_on_security_has_every_case_with_its_result() -> None:
    assert table() in SECURITY_PAGE.read_text(encoding="utf-8"), "python -m tests.support.injections prints it"


@CASE
def test_in_the_prompt_it_stays_between_its_tags_and_our_part_is_as_ever(case: Injection) -> None:
    texts = dict.fromkeys(FIELDS, f"오늘의 원두. {case.text}")
    system, user = TEMPLATE.messages(OverlayCompleted.model_validate({**overlay_event(), **texts}))
    assert system.content == TEMPLATE.static_texts[0]
    assert (system.role, user.role) == ("system", "user")
    assert re.findall(r"<[^\n]*?>", user.content) == TAGS
    assert not re.search(r"<\||\[/?INST\]|<<SYS>>|<｜", user.content)
    assert not any(unicodedata.category(sign) == "Cf" for sign in user.content)


@CASE
def test_an_answer_that_obeys_is_refused_or_loses_what_it_was_made_for(case: Injection) -> None:
    became = outcome(case)
    assert became.startswith(("refused", "stored with")) or case.name in PASSES


def test_letters_that_nobody_sees_are_taken_from_a_caption_and_flags_stay() -> None:
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "secret")
    england = "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in "gbeng") + "\U000e007f"
    assert clean_caption(f"원두{hidden} 향 {england}") == f"원두 향 {england}"


@CASE
@pytest.mark.parametrize("where", ["text", "caption"])
def test_nothing_that_is_printed_acts(case: Injection, where: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = getattr(case, where)
    listing = Table("tenant")
    listing.add_row(one_line(text))
    people_console().print(listing, text)
    say(text)
    say(text, err=True)
    print_json({"tenant_id": text})
    shown = capsys.readouterr()
    for sign in shown.out + shown.err:
        assert sign == "\n" or unicodedata.category(sign) != "Cc"
        assert sign not in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@CASE
def test_no_cell_of_csv_is_a_formula(case: Injection, capsys: pytest.CaptureFixture[str]) -> None:
    print_csv([{"tenant_id": case.text, "caption": case.caption}], ["tenant_id", "caption"])
    [row] = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())


class Elements(HTMLParser):
    """The elements and the texts that a browser makes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.texts.append(data)


@CASE
def test_on_the_page_of_a_report_it_is_text(case: Injection) -> None:
    written = page(figures(case.text), made_at=FIRST)
    plain = page(figures("shop"), made_at=FIRST)
    assert Elements(written).tags == Elements(plain).tags
    assert "default-src 'none'" in written
    assert "script" not in Elements(written).tags


def figures(tenant_id: str) -> ReportFigures:
    """A report of one post, by one tenant."""
    group = Breakdown(group=tenant_id, posts=1, total_tokens=10, spent_usd=Decimal(1), p50_ms=1, p95_ms=1)
    latency: Any = SimpleNamespace(total_count=1, p50_latency=1.0, p95_latency=1.0)
    return ReportFigures(
        scope=ReportScope(since=FIRST, until=FIRST + timedelta(days=1), timezone="UTC", tenant_id=tenant_id),
        until=FIRST + timedelta(days=1),
        model=tenant_id,
        bucket="day",
        starts=(),
        in_part=frozenset(),
        latency=latency,
        activity={},
        shares=(),
        breakdowns=cast("Any", {GroupBy.TENANT: [group], GroupBy.MODEL: [group], GroupBy.VARIANT: [group]}),
        failures=(),
        without_post=(),
        experiments=(),
    )
