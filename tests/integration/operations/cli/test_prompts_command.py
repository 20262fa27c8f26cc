"""`instagram-feed prompts` as a process."""

from pathlib import Path

from consumer.post.prompt import BUILT_IN_WORDING
from tests.integration.operations.cli.conftest import Commands, Database
from tests.support.kafka_records import encoded, overlay_event

HOOK = BUILT_IN_WORDING.template.replace("Begin with a hook:", "Begin with a question, which is the hook:")


def events_file(folder: Path, *, count: int = 2) -> Path:
    file = folder / "events.jsonl"
    file.write_bytes(b"\n".join(encoded(overlay_event()) for _ in range(count)) + b"\n")
    return file


async def add_hook(commands: Commands) -> None:
    added = await commands.run("prompts", "add", "hook_first", "-", "--by", "Ana", "--json", stdin=HOOK.encode())
    assert (added.exit_code, added.document["version"], added.document["is_new"]) == (0, 1, True), added.errors


async def test_a_wording_is_added_once_and_shown_as_it_was_given(commands: Commands, tmp_path: Path) -> None:
    await add_hook(commands)
    wording = tmp_path / "wording.txt"
    wording.write_text(HOOK, encoding="utf-8")
    again = await commands.run("prompts", "add", "hook_first", str(wording))
    assert again.output == "hook_first:1 has this wording already: nothing was added.\n"

    wording.write_text(HOOK + "\nBe brief.", encoding="utf-8")
    second = await commands.run("prompts", "add", "hook_first", str(wording))
    assert second.output == "hook_first:2 is added.\n"
    listed = (await commands.run("prompts", "list", "--json")).document
    assert [(prompt["prompt_name"], prompt["version"]) for prompt in listed] == [
        ("feed-post", 1),
        ("hook_first", 1),
        ("hook_first", 2),
    ]
    assert (await commands.run("prompts", "show", "hook_first")).output == HOOK + "\nBe brief.\n"
    assert (await commands.run("prompts", "show", "hook_first:1", "--json")).document["created_by"] == "Ana"
    assert "hook_first:2" in (await commands.run("prompts", "list")).output


async def test_a_wording_that_drops_a_rule_is_refused_in_one_line(commands: Commands) -> None:
    wrong = {
        "it does not ask for the answer's JSON form": HOOK.partition("Answer with one JSON")[0].partition("Two ans")[0],
        "it does not say that the fields stand between tags": HOOK.replace("tags", "lines").replace(" tag", " line"),
        "unknown placeholders {shop}": HOOK + " {shop}",
    }
    for complaint, wording in wrong.items():
        done = await commands.run("prompts", "add", "hook", "-", stdin=wording.encode())
        assert (done.exit_code, done.output, done.errors.count("\n")) == (2, "", 1)
        assert complaint in done.errors
    named = await commands.run("prompts", "add", "no name", "-", stdin=HOOK.encode())
    assert "a prompt's name consists of letters, digits and ._-" in named.errors
    assert len((await commands.run("prompts", "list", "--json")).document) == 1


async def test_the_preview_shows_the_exact_messages_without_a_call(commands: Commands, tmp_path: Path) -> None:
    await add_hook(commands)
    file = events_file(tmp_path)
    shown = await commands.run(
        "prompts", "preview", str(file), "--prompt", "hook_first:1", "--prompt", "feed-post", "--limit", "2", "--json"
    )
    assert [message["prompt"] for message in shown.document] == ["hook_first:1", "feed-post:1"] * 2
    system, user = shown.document[0]["messages"]
    assert system["content"] == HOOK.replace("{language}", "Korean (ko)").replace("{max_hashtags}", "5")
    assert user["content"].startswith("<refined_ad_copy_eng>\n")
    assert shown.document[0]["prompt_version"].startswith("hook_first-1-")

    file.write_text("{}\n", encoding="utf-8")
    wrong = await commands.run("prompts", "preview", str(file))
    assert (wrong.exit_code, wrong.errors.count("\n")) == (1, 1)
    assert "line 1: " in wrong.errors


async def test_prompts_are_tried_side_by_side_and_nothing_is_stored(
    commands: Commands, database: Database, tmp_path: Path
) -> None:
    await add_hook(commands)
    file = events_file(tmp_path)
    asked = ("prompts", "try", str(file), "--prompt", "feed-post", "--prompt", "hook_first", "--limit", "2")
    estimate = (await commands.run(*asked, "--dry-run", "--json")).document
    assert (estimate["calls"], estimate["model"]) == (4, "openai/gpt-4o-mini@2024-07-18")
    assert float(estimate["estimated_usd"]) > 0

    done = await commands.run(*asked, "--json")
    assert done.exit_code == 0, done.errors
    assert [post["prompt"] for post in done.document] == ["feed-post:1", "hook_first:1"] * 2
    assert all(post["post"]["instagram_ad_copy"] and float(post["cost_usd"]) > 0 for post in done.document)
    assert await database.connection.fetchval("SELECT count(*) FROM instagram_feeds") == 0
    shown = await commands.run(*asked)
    assert "hook_first:1: 2 calls, USD 0.000" in shown.output

    refused = await commands.run(*asked, "--max-cost-usd", "0")
    assert (refused.exit_code, refused.errors.count("\n")) == (1, 1)
    assert "4 calls would be made for about USD" in refused.errors


async def test_a_prompt_that_is_not_there_ends_the_program_in_one_line(commands: Commands) -> None:
    missing = {"LLM_PROMPT": "hook:3"}
    done = await commands.run("run", env=missing)
    assert (done.exit_code, done.errors.count("LLM_PROMPT: there is no prompt 'hook:3'")) == (2, 1), done.errors
    findings = (await commands.run("doctor", "--json", env=missing)).document["checks"]
    [prompt] = [finding for finding in findings if finding["check"] == "prompt"]
    assert prompt["status"] == "failed"
    malformed = await commands.run("run", env={"LLM_PROMPT": "hook:"})
    assert (malformed.exit_code, "LLM_PROMPT is invalid; expected: NAME" in malformed.errors) == (2, True)
