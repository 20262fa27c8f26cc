import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.marked_page import NoSection, put_section
from bench.performance_page import app

PAGE = """# Title
<!-- begin aims -->
old
<!-- end aims -->
kept
<!-- begin programs -->
<!-- end programs -->
"""


def record(path: Path, *, cpu_ms: float, is_met: bool) -> Path:
    figures = {
        "events_per_s": 1_234.5,
        "cpu_ms_per_event": cpu_ms,
        "postgres_cpu_ms_per_event": 0.2,
        "peak_rss_mb": 120.0,
        "machine_busy_percent": 90.0,
    }
    verdict = {"what": "CPU per event, ms", "value": cpu_ms, "at_most": 0.8, "at_least": None, "is_met": is_met}
    saturated = {
        "scenario": "saturated",
        "runs": {"ours": [figures] * 3},
        "medians": {"ours": figures},
        "verdicts": [verdict],
    }
    session = {
        "ended_at": "2026-11-25T04:00:00+00:00",
        "machine": {"cpu": "Some CPU", "cores": 2, "huge_pages_gb": 0, "kernel": "Linux 6"},
        "versions": {"git_commit": "abc", "python": "3.11"},
        "load_average": {"before": [0.1, 0.1, 0.1]},
        "scenarios": [saturated],
    }
    path.write_text(json.dumps(session))
    return path


def test_the_page_tells_what_was_measured_last_and_what_was_missed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    records = [
        record(tmp_path / "first.json", cpu_ms=0.7, is_met=True),
        record(tmp_path / "second.json", cpu_ms=0.9, is_met=False),
    ]
    answer = CliRunner().invoke(app, [*map(str, records), "--page", str(page)])
    assert answer.exit_code == 0, answer.output
    text = page.read_text()
    assert "| saturated | CPU per event, ms | **0.9**, missed | ≤ 0.8 | 3 | `abc` |" in text
    assert "| ours | 1,234 | 0.9 | 0.2 | 120 | 90 |" in text
    assert "old" not in text
    assert "kept" in text


def test_a_page_without_the_section_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("no place")
    with pytest.raises(NoSection, match="no section between <!-- begin profile -->"):
        put_section(page, "profile", "text")
    assert page.read_text() == "no place"
