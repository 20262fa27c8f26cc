from uuid import uuid4

from tests.integration.operations.cli.conftest import Commands, Database

INSERT_FAILED_REQUEST = """
    INSERT INTO feed_requests (
        overlay_id, revision, state, tenant_id, event_id, attempts, last_error_reason,
        last_error_detail, source_topic, source_partition, source_offset, source_timestamp_ms)
    VALUES ($1, $2, 'failed', 'tea', 'event-1', 3, 'llm_truncated', 'cut off at 2000 tokens',
        'overlay.completed', 0, 0, 0)
"""


async def test_posts_are_listed_newest_first_and_by_tenant_job_or_overlay(
    commands: Commands, database: Database
) -> None:
    tea_overlay, tea_job, tea = await database.store("tea", "봄 차", "가을 차")
    _, _, bread = await database.store("bread", "소금빵")

    async def listed(*options: str) -> set[str]:
        done = await commands.run("feeds", "list", "--json", *options)
        return {feed["instagram_feed_id"] for feed in done.document}

    assert await listed("--tenant", "bread") == {str(bread[0])}
    assert await listed("--job", str(tea_job)) == {str(feed_id) for feed_id in tea}
    assert await listed("--overlay", str(tea_overlay), "--limit", "1") == {str(tea[-1])}
    assert await listed("--tenant", "nobody") == set()
    assert await listed("--current") == {str(tea[-1]), str(bread[0])}


async def test_a_listing_for_people_shows_ids_that_can_be_copied_and_texts_as_they_are(
    commands: Commands, database: Database
) -> None:
    _, _, (feed_id,) = await database.store("[bold]tea[/x]", "[red]차[/] 한 잔\n둘째 줄")

    done = await commands.run("feeds", "list")

    (line,) = done.output.splitlines()[1:]
    assert str(feed_id) in line
    assert "[bold]tea[/x]" in line
    assert line.rstrip().endswith("[red]차[/] 한 잔")


async def test_an_overlay_shows_its_newest_revision_and_a_post_id_that_very_post(
    commands: Commands, database: Database
) -> None:
    overlay_id, _, (old, new) = await database.store("tea", "봄 차", "가을 차")

    by_overlay = await commands.run("feeds", "show", str(overlay_id), "--json")
    by_post = await commands.run("feeds", "show", str(old), "--json")

    assert by_overlay.document["instagram_feed_id"] == str(new)
    assert by_post.document["instagram_ad_copy"] == "봄 차"


async def test_prompt_and_raw_answer_are_shown_only_in_full(commands: Commands, database: Database) -> None:
    overlay_id, _, _ = await database.store("tea", "봄 차")

    short = await commands.run("feeds", "show", str(overlay_id))
    full = await commands.run("feeds", "show", str(overlay_id), "--full")
    document = (await commands.run("feeds", "show", str(overlay_id), "--full", "--json")).document

    assert "봄 차" in short.output
    assert "the whole prompt" not in short.output
    assert "the whole prompt" in full.output
    assert document["gpt_response_raw"] == {"id": "chatcmpl-1"}


async def test_an_unknown_id_is_told_in_one_line(commands: Commands) -> None:
    unknown = uuid4()

    done = await commands.run("feeds", "show", str(unknown), "--json")

    assert (done.exit_code, done.output) == (1, "")
    assert done.errors == f"instagram-feed: neither a post nor an overlay has the id {unknown}\n"


async def test_an_overlay_that_failed_says_why_it_has_no_post(commands: Commands, database: Database) -> None:
    overlay_id = uuid4()
    await database.connection.execute(INSERT_FAILED_REQUEST, overlay_id, 1)

    done = await commands.run("feeds", "show", str(overlay_id))

    assert done.exit_code == 1
    assert "failed after 3 attempts: llm_truncated, cut off at 2000 tokens" in done.errors


async def test_what_is_no_uuid_is_a_usage_error(commands: Commands) -> None:
    assert (await commands.run("feeds", "show", "overlay-17")).exit_code == 2


async def test_a_database_that_was_never_migrated_says_so(commands: Commands, empty_database_url: str) -> None:
    done = await commands.run("feeds", "list", env={"DATABASE_URL": empty_database_url})

    assert done.exit_code == 1
    assert "instagram-feed migrate" in done.errors


async def test_the_history_of_an_overlay_has_every_revision_and_the_request_for_the_next(
    commands: Commands, database: Database
) -> None:
    overlay_id, _, (old, new) = await database.store("tea", "봄 차", "가을 차")
    await database.connection.execute(INSERT_FAILED_REQUEST, overlay_id, 3)

    listed = (await commands.run("feeds", "history", str(overlay_id), "--json")).document
    shown = await commands.run("feeds", "history", str(old))
    unknown = await commands.run("feeds", "history", str(uuid4()))

    assert [(one["revision"], one["instagram_feed_id"], one["is_current"]) for one in listed] == [
        (3, None, False),
        (2, str(new), True),
        (1, str(old), False),
    ]
    assert (listed[0]["state"], listed[0]["last_error_reason"]) == ("failed", "llm_truncated")
    assert "failed: llm_truncated" in shown.output
    assert "current    2" in shown.output
    assert (unknown.exit_code, unknown.errors.count("\n")) == (1, 1)


async def test_two_posts_differ_in_lines_and_figures(commands: Commands, database: Database) -> None:
    overlay_id, _, (old, new) = await database.store("tea", "첫 줄\n봄 차", "첫 줄\n가을 차")

    told = (await commands.run("feeds", "diff", f"{overlay_id}:1", str(new), "--json")).document
    shown = await commands.run("feeds", "diff", str(old), str(overlay_id))
    wrong = await commands.run("feeds", "diff", f"{overlay_id}:9", str(new))

    assert (told["first"], told["second"]) == (str(old), str(new))
    assert told["instagram_ad_copy"] == ["@@ -1,2 +1,2 @@", " 첫 줄", "-봄 차", "+가을 차"]
    assert told["hashtags"] == told["gpt_prompt_used"] == []
    assert told["figures"]["revision"] == {"first": 1, "second": 2}
    assert "-봄 차" in shown.output
    assert "hashtags: the same" in shown.output
    assert (wrong.exit_code, wrong.errors) == (1, f"instagram-feed: there is no post {overlay_id}:9\n")


async def test_a_check_says_of_each_stored_post_what_the_gate_would_do(commands: Commands, database: Database) -> None:
    _, _, (good,) = await database.store("tea", "다선당에서 천천히 우린 차 한 잔, 오늘 저녁에 만나 보세요.")
    _, _, (bold,) = await database.store("tea", "**오늘의 차**를 만나 보세요.")
    _, _, (phone,) = await database.store("tea", "예약은 02-1234-5678, 저녁에 만나 보세요.")
    _, _, (claim,) = await database.store("bread", "감기에 좋은 빵을 구웠습니다.")

    done = await commands.run("feeds", "check", "--json")
    of_tea = await commands.run("feeds", "check", "--tenant", "tea")

    found = {
        post["instagram_feed_id"]: [(finding["rule"], finding["action"]) for finding in post["findings"]]
        for post in done.document["posts"]
    }
    assert (done.exit_code, done.document["checked"]) == (0, 4)
    assert found == {
        str(bold): [("markup", "repair")],
        str(phone): [("phone", "refuse")],
        str(claim): [("claims", "warn")],
    }
    assert str(good) not in of_tea.output
    assert str(claim) not in of_tea.output
    assert "02-1234-5678" in of_tea.output
    assert of_tea.output.splitlines()[-1] == "3 posts checked, 2 with findings."


async def test_a_rule_that_is_off_finds_nothing_and_an_unknown_one_is_named(
    commands: Commands, database: Database
) -> None:
    await database.store("tea", "예약은 02-1234-5678, 저녁에 만나 보세요.")
    off = await commands.run("feeds", "check", "--json", env={"QUALITY_OFF": "phone, price"})
    unknown = await commands.run("feeds", "check", env={"QUALITY_OFF": "fone"})
    assert off.document == {"checked": 1, "posts": []}
    assert unknown.exit_code == 2
    assert "QUALITY_OFF" in unknown.errors
