"""Tables at the width there is: nothing that has to be read whole is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from consumer.operations.cli.tables import at_width, print_table

OVERLAY_ID = "9af6c9b0-04d2-5a5e-86f3-cc8cc00350fa"
words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)


def ledger(*rows: tuple[str, str, str]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("overlay", no_wrap=True)
    table.add_column("tenant", no_wrap=True)
    table.add_column("last error")
    for row in rows:
        table.add_row(*row)
    return table


def printed(table: Table, capsys: pytest.CaptureFixture[str], *, wide: bool = False) -> list[str]:
    capsys.readouterr()
    print_table(table, wide=wide)
    return capsys.readouterr().out.splitlines()


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_what_fits_is_one_line_a_record(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(ledger((OVERLAY_ID, "tea", "llm_refused")), capsys)
    assert [line.split() for line in lines] == [
        ["overlay", "tenant", "last", "error"],
        [OVERLAY_ID, "tea", "llm_refused"],
    ]


def test_what_does_not_fit_is_a_block_a_record_with_every_cell_whole(capsys: pytest.CaptureFixture[str]) -> None:
    tenant, error = "t" * 200, "llm_refused: " + "because " * 20
    lines = printed(ledger((OVERLAY_ID, tenant, error), (OVERLAY_ID, "tea", "")), capsys)
    assert max(map(len, lines)) <= 80
    together = "".join("".join(line.split()) for line in lines)
    assert OVERLAY_ID in together
    assert tenant in together
    assert error.replace(" ", "") in together
    assert "" in lines


def test_wide_is_one_line_a_record_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(ledger((OVERLAY_ID, "t" * 200, "e" * 300)), capsys, wide=True)
    assert len(lines) == 2
    assert "e" * 300 in lines[1]


@given(st.lists(st.tuples(words, words, words), min_size=1, max_size=4))
def test_no_cell_that_may_not_wrap_is_cut_at_eighty_columns(rows: list[tuple[str, str, str]]) -> None:
    console = Console(width=80, markup=False, highlight=False, emoji=False)
    with console.capture() as captured:
        console.print(at_width(ledger(*rows), console.width))
    together = "".join(captured.get().split())
    assert all(overlay in together and tenant in together for overlay, tenant, _ in rows)
