"""Whose days a report shows."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from consumer.operations.cli.report.scope import viewers_timezone


@pytest.mark.parametrize("name", ["Asia/Seoul", ":Asia/Seoul"])
def test_a_page_has_the_days_of_who_makes_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TZ", name)

    assert viewers_timezone() == "Asia/Seoul"


@pytest.mark.parametrize("name", ["", "/etc/passwd", "nowhere", "KST-9"])
def test_a_name_that_is_none_leaves_the_machines_or_utc(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TZ", name)

    assert ZoneInfo(viewers_timezone()).key in str(Path("/etc/localtime").resolve()) + " UTC"
