"""`experiments report` and `experiments outcomes` as processes: for people, for scripts, and what cannot be asked."""

import csv
import io
import random
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from repository.pool import Pool, open_pool
from tests.integration.operations.cli.conftest import Commands
from tests.support.outcomes import run_experiment, store_outcomes_of, store_posts

POSTS = 300
HEADER = "event_id,instagram_feed_id,metric,value,occurred_at\n"
WHEN = "2026-11-20T09:00:00Z"


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """Connections to the test's own database."""
    pool = await open_pool(database_url, size=2, application_name="tests")
    yield pool
    await pool.close()


@pytest.fixture
def commands(database_url: str, tmp_path: Path) -> Commands:
    """Commands in an environment with nothing but the database."""
    return Commands({"DATABASE_URL": database_url}, tmp_path)


async def have_experiment(pool: Pool, *, lift: float) -> None:
    """Have an experiment whose second arm is liked more; one shop is liked far more than the other."""
    draw = random.Random(7)
    experiment_id = await run_experiment(pool, "tone", "plain", "warm")
    for tenant, size in {"small": 20, "large": 400}.items():
        before = (await store_posts(pool, {tenant: 30}, created_at=datetime.now(UTC) - timedelta(days=9)))[tenant]
        await store_outcomes_of(pool, likes_of(draw, before, size), occurred_at=datetime.now(UTC))
        for variant, times in {"plain": 1.0, "warm": lift}.items():
            posts = await store_posts(pool, {tenant: POSTS // 2}, experiment_id=experiment_id, variant=variant)
            await store_outcomes_of(pool, likes_of(draw, posts[tenant], size * times), occurred_at=datetime.now(UTC))


def likes_of(draw: random.Random, posts: list[UUID], size: float) -> dict[UUID, int]:
    return {post: round(size * draw.lognormvariate(0, 0.3)) for post in posts}


async def test_a_report_begins_with_a_verdict_that_the_json_has_too(commands: Commands, pool: Pool) -> None:
    await have_experiment(pool, lift=1.3)

    told = await commands.run("experiments", "report", "tone")
    document = (await commands.run("experiments", "report", "tone", "--json")).document

    assert told.output.startswith(document["verdict"])
    assert document["verdict"].startswith('"warm" has ')
    assert '% more likes than "plain" (between +' in document["verdict"]
    assert (document["unit"], document["control"]) == ("overlay", "plain")
    assert [arm["assigned"] for arm in document["variants"]] == [POSTS, POSTS]
    [headline] = [one for one in document["comparisons"] if one["role"] == "headline"]
    assert headline["scale"] == "log"
    assert headline["adjusted_for_earlier_mean"] > 0.7
    assert headline["relative"]["estimate"] == pytest.approx(0.3, abs=0.1)
    assert headline["is_shown"]
    assert {"failure_rate", "likes", "cost_usd", "latency_ms"} <= {one["metric"] for one in document["comparisons"]}


async def test_the_csv_has_a_row_for_each_comparison(commands: Commands, pool: Pool) -> None:
    await have_experiment(pool, lift=1.0)

    document = (await commands.run("experiments", "report", "tone", "--json")).document
    lines = list(csv.DictReader(io.StringIO((await commands.run("experiments", "report", "tone", "--csv")).output)))

    assert len(lines) == len(document["comparisons"])
    [headline] = [line for line in lines if line["role"] == "headline"]
    [same] = [one for one in document["comparisons"] if one["role"] == "headline"]
    assert float(headline["relative_always_valid_low"]) == pytest.approx(same["relative"]["always_valid"]["low"])
    assert int(headline["units_needed_always_valid"]) == same["needed"]["always_valid"]
    assert document["verdict"].startswith("No difference is shown so far: likes of ")


async def test_at_an_age_that_no_post_has_nothing_is_claimed(commands: Commands, pool: Pool) -> None:
    await have_experiment(pool, lift=1.3)

    document = (await commands.run("experiments", "report", "tone", "--mature", "7d", "--json")).document

    assert document["mature_s"] == 7 * 86_400
    assert document["left_out"]["published_when_unknown"] == 2 * POSTS
    assert document["verdict"].startswith("Nothing can be said yet")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("tune",), "there is no experiment 'tune'"),
        (("tone", "--mature", "soon"), "'soon' is not an age"),
        (("tone", "--tuning", "inf"), "--tuning: inf is invalid; expected: a number of units, 1 or more"),
        (("tone", "--json", "--csv"), "--json and --csv: give one of them"),
    ],
)
async def test_what_cannot_be_reported_is_said(commands: Commands, options: tuple[str, ...], problem: str) -> None:
    done = await commands.run("experiments", "report", *options)
    assert done.exit_code != 0
    assert done.output == ""
    assert problem in done.errors


async def test_without_scipy_the_report_says_how_to_install_it(commands: Commands, pool: Pool, tmp_path: Path) -> None:
    await run_experiment(pool, "tone", "plain", "warm")
    (tmp_path / "scipy.py").write_text("raise ModuleNotFoundError('gone', name='scipy')\n")
    env = {"PYTHONPATH": str(tmp_path)}

    report = await commands.run("experiments", "report", "tone", env=env)
    others = await commands.run("experiments", "list", env=env)

    assert (report.exit_code, report.errors.count("\n")) == (1, 1)
    assert "scipy is not installed; it comes with: pip install 'instagram-feed-consumer[experiments]'" in report.errors
    assert others.exit_code == 0


async def test_the_page_has_a_section_about_the_experiment(commands: Commands, pool: Pool, tmp_path: Path) -> None:
    await have_experiment(pool, lift=1.3)

    await commands.run("report", "html", "page.html")

    page = (tmp_path / "page.html").read_text()
    assert "Experiment tone (running)" in page
    assert "&quot;warm&quot; has " in page
    assert 'class="interval shown"' in page


async def stored_rows(pool: Pool) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await pool.fetch("SELECT event_id, value::int FROM feed_outcomes ORDER BY event_id")]


async def test_a_file_of_outcomes_is_stored_once_however_often_it_is_read(
    commands: Commands, pool: Pool, tmp_path: Path
) -> None:
    [first, second] = (await store_posts(pool, {"t": 2}))["t"]
    rows = [f"e{place},{post},likes,{place},{WHEN}\n" for place, post in enumerate((first, second, first), 1)]
    (tmp_path / "likes.csv").write_text("\ufeff" + HEADER + "".join(rows))

    tried = await commands.run("experiments", "outcomes", "likes.csv", "--dry-run", "--json")
    assert (tried.document["would_store"], tried.document["stored"], await stored_rows(pool)) == (3, 0, [])
    done = await commands.run("experiments", "outcomes", "likes.csv")
    assert done.output == "3 of 3 outcomes stored\n"
    again = await commands.run("experiments", "outcomes", "-", stdin=(HEADER + "".join(rows)).encode())
    assert again.output == "0 of 3 outcomes stored; 3 were known\n"
    assert await stored_rows(pool) == [("e1", 1), ("e2", 2), ("e3", 3)]


async def test_a_wrong_row_is_named_by_its_line_and_nothing_is_stored(
    commands: Commands, pool: Pool, tmp_path: Path
) -> None:
    [post] = (await store_posts(pool, {"t": 1}))["t"]
    (tmp_path / "likes.csv").write_text(f"{HEADER}e1,{post},likes,1,{WHEN}\ne2,{post},likes,many,{WHEN}\n")

    done = await commands.run("experiments", "outcomes", "likes.csv")

    assert (done.exit_code, done.output, await stored_rows(pool)) == (2, "", [])
    assert done.errors.splitlines() == [
        "line 3: value Input should be a valid number",
        "instagram-feed: likes.csv: 1 of 2 rows are invalid; nothing was stored",
    ]


async def test_rows_about_posts_that_are_not_stored_are_named_and_the_others_stored(
    commands: Commands, pool: Pool, tmp_path: Path
) -> None:
    [post] = (await store_posts(pool, {"t": 1}))["t"]
    (tmp_path / "likes.csv").write_text(f"{HEADER}e1,{uuid4()},likes,1,{WHEN}\ne2,{post},likes,2,{WHEN}\n")

    done = await commands.run("experiments", "outcomes", "likes.csv")

    assert (done.exit_code, await stored_rows(pool)) == (1, [("e2", 2)])
    assert done.errors.splitlines()[0] == "line 2: no such post is stored"


FILES: Mapping[bytes, str] = {
    b"": "line 1: column event_id is missing",
    HEADER.replace("value", "likes").encode(): "line 1: unknown column 'likes'",
    HEADER.encode() + b'"': "is not a CSV file in UTF-8",
    b"\xff\xfe\x00": "is not a CSV file in UTF-8",
}


@pytest.mark.parametrize("content", FILES)
async def test_a_file_that_is_none_is_one_line(commands: Commands, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "likes.csv").write_bytes(content)
    done = await commands.run("experiments", "outcomes", "likes.csv")
    assert (done.exit_code, done.output, done.errors.count("\n")) == (2, "", 1)
    assert FILES[content] in done.errors


async def test_outcomes_of_a_report_are_told_for_each_metric(commands: Commands, pool: Pool) -> None:
    posts = (await store_posts(pool, {"t": 3}))["t"]
    await store_outcomes_of(pool, dict(zip(posts, (1, 2, 9), strict=True)), occurred_at=datetime.now(UTC))

    told = await commands.run("report", "outcomes", "--by", "tenant")
    [row] = (await commands.run("report", "outcomes", "--json")).document["rows"]

    assert told.output.splitlines()[1].split()[:4] == ["t", "likes", "3", "12.000000"]
    assert (row["metric"], row["posts"], row["total"], row["median"]) == ("likes", 3, "12", 2)
