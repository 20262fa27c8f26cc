"""Asking for revisions while no consumer runs: what is told, what is entered, what is refused."""

import signal

from tests.integration.operations.cli.conftest import Commands, Database, finished
from tests.support.waiting import eventually

EVERY_REQUEST = "SELECT origin, state, revision, source_value FROM feed_requests"
TAKE_TOKENS = """
    UPDATE instagram_feeds
    SET prompt_tokens = 500, completion_tokens = 200,
        llm_model_id = (SELECT llm_model_id FROM llm_models WHERE model_name = 'gpt-4o-mini')
"""


async def test_what_is_asked_for_without_a_consumer_waits_for_one_and_is_not_asked_for_twice(
    commands: Commands, database: Database
) -> None:
    overlay_id, _, _ = await database.store("tea", "봄 차", "가을 차")

    tried = await commands.run("feeds", "regenerate", str(overlay_id), "--dry-run")
    assert "1 new revisions would be asked for: about USD" in tried.output
    assert await database.connection.fetch(EVERY_REQUEST) == []

    asked = await commands.run("feeds", "regenerate", str(overlay_id), "--timeout", "0.1")
    assert asked.exit_code == 1
    assert asked.errors.endswith("no consumer has taken them: they are written as soon as `instagram-feed run` runs\n")
    [request] = await database.connection.fetch(EVERY_REQUEST)
    assert (request["origin"], request["state"], request["revision"]) == ("regenerate", "waiting", 3)

    for command in ("regenerate", "restore"):
        refused = await commands.run("feeds", command, f"{overlay_id}:1")
        assert refused.exit_code == 1
        assert f"overlay {overlay_id} has revision 3 in progress" in refused.errors
    assert len(await database.connection.fetch(EVERY_REQUEST)) == 1


async def test_posts_are_asked_for_by_tenant_and_those_that_cannot_be_do_not_stop_the_others(
    commands: Commands, database: Database
) -> None:
    _, _, (_, good) = await database.store("tea", "봄 차", "가을 차")
    _, _, (bad,) = await database.store("tea", "겨울 차")
    await database.connection.execute("UPDATE instagram_feeds SET tone_style = '' WHERE instagram_feed_id = $1", bad)
    await database.store("bread", "소금빵")

    asked = await commands.run("feeds", "regenerate", "--tenant", "tea", "--no-wait", "--json")
    nobody = await commands.run("feeds", "regenerate", "--tenant", "nobody")

    assert asked.exit_code == 1
    assert [request["revision"] for request in asked.document["requests"]] == [3]
    [problem] = asked.document["problems"]
    assert str(bad) in problem
    assert "tone_style" in problem
    assert str(good) not in problem
    assert (nobody.exit_code, nobody.errors) == (1, "instagram-feed: no current post fits\n")


async def test_posts_of_a_tenant_that_has_batches_are_asked_for_by_batch_at_its_price_and_not_waited_for(
    commands: Commands, database: Database
) -> None:
    await database.connection.execute("INSERT INTO tenants (tenant_id, delivery) VALUES ('tea', 'batch')")
    patient, _, _ = await database.store("tea", "봄 차")
    await database.connection.execute(TAKE_TOKENS)
    live = await commands.run("feeds", "regenerate", str(patient), "--delivery", "live", "--dry-run", "--json")
    asked = await commands.run("feeds", "regenerate", str(patient), "--json")
    assert asked.exit_code == 0
    assert float(asked.document["estimated_usd"]) == float(live.document["estimated_usd"]) / 2 > 0
    [request] = await database.connection.fetch(EVERY_REQUEST)
    assert request["state"] == "batched"


async def test_who_stops_waiting_is_told_that_the_request_stays(commands: Commands, database: Database) -> None:
    overlay_id, _, _ = await database.store("tea", "봄 차")
    process = await commands.start("feeds", "regenerate", str(overlay_id))
    await eventually(lambda: database.connection.fetch(EVERY_REQUEST))
    process.send_signal(signal.SIGTERM)

    done = await finished(process)

    assert done.exit_code == 130
    assert "a running consumer writes it" in done.errors


async def test_a_post_that_is_current_is_not_restored_and_one_whose_answer_is_no_completion_not_reparsed(
    commands: Commands, database: Database
) -> None:
    overlay_id, _, (old, new) = await database.store("tea", "봄 차", "가을 차")

    restored = await commands.run("feeds", "restore", str(overlay_id))
    reparsed = await commands.run("feeds", "reparse", str(old), str(new), "--json")

    assert (restored.exit_code, f"post {new} is the current one" in restored.errors) == (1, True)
    assert reparsed.exit_code == 1
    assert [post["result"] for post in reparsed.document["posts"]] == ["unusable", "unusable"]
    assert "not a chat completion" in reparsed.errors
    assert await database.connection.fetchval("SELECT count(*) FROM instagram_feeds") == 2


async def test_an_age_that_is_none_is_a_usage_error(commands: Commands) -> None:
    done = await commands.run("feeds", "purge", "--older-than", "90 days")
    assert (done.exit_code, "'90 days' is not an age" in done.errors) == (2, True)
