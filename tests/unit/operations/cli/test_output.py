"""What commands print of others' texts: harmless in a terminal, in a spreadsheet and in JSON."""

import csv
import io
import json
import unicodedata
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from consumer.operations.cli.output import people_console, print_csv, print_json
from consumer.telemetry.visible_text import one_line, visible

ESCAPES = "\x1b]52;c;ZXZpbA==\x07\x1b[1A\x1b[2K\x9b31m\u202egnp"


@given(st.text())
def test_nothing_visible_acts_in_a_terminal_and_its_lines_stay(text: str) -> None:
    shown = visible(text)
    assert all(unicodedata.category(one) != "Cc" for one in shown if one not in "\n\t")
    assert len(shown) == len(text)
    assert shown.count("\n") == text.count("\n")
    assert len(one_line(text).split("\n")) == 1


@given(st.text(st.characters(exclude_categories=["C", "Z"])))
def test_ordinary_text_is_shown_as_it_is(text: str) -> None:
    assert visible(text) == text == one_line(text)


def test_a_console_for_people_passes_no_control_sequence_of_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("tenant")
    table.add_row(ESCAPES)
    people_console().print(table, ESCAPES)
    shown = capsys.readouterr().out
    assert set("\x1b\x07\x9b\u202e").isdisjoint(shown)
    assert "␛]52" in shown


def test_a_text_between_colons_is_no_emoji(capsys: pytest.CaptureFixture[str]) -> None:
    people_console().print("tenant :v: of :shop:")

    assert capsys.readouterr().out == "tenant :v: of :shop:\n"


def test_json_holds_every_text_whole_and_no_character_that_acts(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"tenant_id": ESCAPES})
    shown = capsys.readouterr().out
    assert json.loads(shown) == {"tenant_id": ESCAPES}
    assert set("\x1b\x07\x9b\u202e").isdisjoint(shown)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "=cmd|' /C calc'!A0"])
def test_a_cell_of_csv_is_no_formula(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_csv([{"tenant_id": text, "cost_usd": Decimal("-1.50"), "count": -3}], ["tenant_id", "cost_usd", "count"])
    [row] = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["tenant_id"].startswith("'")
    assert (row["cost_usd"], row["count"]) == ("-1.50", "-3")


@pytest.mark.parametrize(
    ("amount", "spelled"),
    [("0.00013590000000000000", "0.0001359"), ("1E+2", "100"), ("0.10", "0.10"), ("0E-20", "0"), ("12", "12")],
)
def test_an_amount_has_not_the_zeros_of_a_division(
    amount: str, spelled: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_json(Decimal(amount))
    assert capsys.readouterr().out == f'"{spelled}"\n'
