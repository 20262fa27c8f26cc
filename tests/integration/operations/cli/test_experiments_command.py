"""`instagram-feed experiments` as a process."""

import asyncio

import pytest

from tests.integration.operations.cli.conftest import Commands, Finished

CREATE = ("experiments", "create")


def is_one_line(done: Finished, complaint: str) -> bool:
    return done.exit_code in {1, 2} and not done.output and done.errors.count("\n") == 1 and complaint in done.errors


async def create(commands: Commands, name: str, *options: str) -> Finished:
    done = await commands.run(*CREATE, name, "--control", "now:70", "--variant", "cool:30,temperature=0.2", *options)
    assert done.exit_code == 0, done.errors
    return done


async def test_an_experiment_from_its_draft_to_its_end(commands: Commands) -> None:
    created = (await create(commands, "tone", "--share", "0.5", "--minimal-effect", "0.05", "--json")).document
    assert [created[name] for name in ("state", "hashVersion", "seed", "unit")] == ["draft", 2, "tone", "overlay"]
    assert [(each["variant"], each["is_control"], each["range"]) for each in created["variants"]] == [
        ("now", True, [0.0, 0.35]),
        ("cool", False, [0.7, 0.85]),
    ]

    started = (await commands.run("experiments", "start", "tone", "--json")).document
    assert (started["state"], started["started_at"] is None) == ("running", False)
    widened = (await commands.run("experiments", "widen", "tone", "0.8", "--json")).document
    assert widened["share"] == 0.8
    shown = await commands.run("experiments", "show", "tone")
    assert "hashVersion: 2, seed: tone" in shown.output
    assert "temperature=0.2" in shown.output
    assert (await commands.run("experiments", "stop", "tone")).output == "tone is stopped.\n"
    listed = (await commands.run("experiments", "list", "--json")).document
    assert [(each["name"], each["state"]) for each in listed] == [("tone", "stopped")]
    assert "tone" in (await commands.run("experiments", "list")).output
    assert is_one_line(await commands.run("experiments", "start", "tone"), "was stopped and does not run again")


@pytest.mark.parametrize(
    ("complaint", "options"),
    [
        ("--control is missing", ("--variant", "b")),
        ("--variant is missing", ("--control", "a")),
        ("weight of 'b:0' is invalid; expected: a number above 0", ("--control", "a:0.7", "--variant", "b:0")),
        ("b: llm_models has no model 'gpt-9'", ("--control", "a", "--variant", "b,model=gpt-9")),
        ("b: there is no prompt 'hook:1'; there are: feed-post:1", ("--control", "a", "--variant", "b,prompt=hook:1")),
        ("the variant a is there twice", ("--control", "a", "--variant", "a,temperature=0.1")),
        ("--share: 0 is invalid", ("--control", "a", "--variant", "b", "--share", "0")),
        ("--share: 1.01 is invalid", ("--control", "a", "--variant", "b", "--share", "1.01")),
        ("--minimal-effect: -1 is invalid", ("--control", "a", "--variant", "b", "--minimal-effect", "-1")),
        ("--tenant: '' is invalid; expected: a tenant_id", ("--control", "a", "--variant", "b", "--tenant", "")),
        ("--tenant: 'a\u241bb' is invalid", ("--control", "a", "--variant", "b", "--tenant", "a\x1bb")),
        ("--tenant: '\\udcff' is invalid", ("--control", "a", "--variant", "b", "--tenant", "\udcff")),
    ],
)
async def test_what_is_wrong_is_told_in_one_line(commands: Commands, complaint: str, options: tuple[str, ...]) -> None:
    done = await commands.run(*CREATE, "tone", *options)
    assert is_one_line(done, complaint), done.errors
    assert (await commands.run("experiments", "list", "--json")).document == []


async def test_a_name_is_taken_once_and_an_unknown_one_is_told(commands: Commands) -> None:
    await create(commands, "tone")
    again = await commands.run(*CREATE, "tone", "--control", "a", "--variant", "b")
    assert is_one_line(again, "experiment tone exists already")
    dry = await commands.run(*CREATE, "tone", "--control", "a", "--variant", "b", "--dry-run")
    assert is_one_line(dry, "experiment tone exists already")
    assert dry.exit_code == again.exit_code == 1
    for command in ("show", "start", "stop"):
        assert is_one_line(await commands.run("experiments", command, "ton"), "there is no experiment 'ton'")
    assert is_one_line(await commands.run("experiments", "stop", "tone"), "it is a draft")


@pytest.mark.parametrize("name", ["\udcff", "톤", ""])
async def test_a_name_that_no_experiment_can_have_is_told_in_one_line(commands: Commands, name: str) -> None:
    variants = ("--control", "a", "--variant", "b")
    for command, *options in (("show",), ("start",), ("stop",), ("report",), ("widen", "0.5"), ("create", *variants)):
        done = await commands.run("experiments", command, name, *options)
        assert done.exit_code == 2
        assert is_one_line(done, "is not a valid name of an experiment; expected: letters, digits and ._-"), done.errors


async def test_a_prompt_without_a_version_is_its_newest_from_then_on(commands: Commands) -> None:
    done = await commands.run(
        *CREATE, "wording", "--control", "a", "--variant", "b,prompt=feed-post,model=gpt-4o-mini", "--json"
    )
    assert (done.document["variants"][1]["prompt"], done.document["variants"][1]["model"]) == (
        "feed-post:1",
        "openai/gpt-4o-mini@2024-07-18",
    )


async def test_two_experiments_run_beside_each_other_only_for_different_tenants(commands: Commands) -> None:
    await create(commands, "one", "--tenant", "가게-1", "--tenant", "shop-2")
    await create(commands, "two", "--tenant", "shop-2", "--tenant", "shop-3")
    await create(commands, "three", "--tenant", "shop-3")
    await create(commands, "all")
    begun = await commands.run("experiments", "start", "one")
    assert begun.output == "one is running for 2 tenants, with 100% of their overlays in it.\n"
    refused = await commands.run("experiments", "start", "two")
    assert is_one_line(refused, "two cannot start: one is running for tenant shop-2"), refused.errors
    assert (await commands.run("experiments", "start", "three")).exit_code == 0
    assert is_one_line(await commands.run("experiments", "start", "all"), "is running for tenants of it")


async def test_of_two_starts_at_once_one_is_told_why_not(commands: Commands) -> None:
    await create(commands, "one")
    await create(commands, "two", "--tenant", "shop-1")
    ends = await asyncio.gather(*(commands.run("experiments", "start", name) for name in ("one", "two")))
    [refused] = [end for end in ends if end.exit_code]
    assert is_one_line(refused, "cannot start: "), refused.errors
