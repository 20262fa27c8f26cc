"""`instagram-feed models` as a process."""

from tests.integration.operations.cli.conftest import Commands

MINI = "openai/gpt-4o-mini@2024-07-18"


async def test_the_list_has_every_model_with_prices_that_keep_their_digits(commands: Commands) -> None:
    listed = (await commands.run("models", "list", "--json")).document
    shown = (await commands.run("models", "list")).output

    by_name = {model["model_name"]: model for model in listed}
    assert by_name["gpt-4o-mini"]["cached_prompt_token_cost_per_1m"] == "0.075"
    assert by_name["gpt-4o-mini"]["shutdown_date"] == "2027-01-14"
    assert by_name["gpt-6-luna"]["is_active"] is True
    assert MINI in shown
    assert "2027-01-14" in shown


async def test_a_model_is_added_with_what_its_endpoint_cannot_do_and_then_changed(commands: Commands) -> None:
    name = "anthropic/claude-haiku-5-5"
    added = await commands.run("models", "add", name, "default_temperature=0.7", "--json")
    assert {column: added.document[column] for column in ("max_temperature", "supports_json_schema")} == {
        "max_temperature": 1.0,
        "supports_json_schema": False,
    }

    change = ("models", "update", "claude-haiku-5-5", "prompt_token_cost_per_1m=0.10", "default_temperature=", "--json")
    tried = await commands.run(*change, "--dry-run")
    changed = await commands.run(*change)

    assert tried.document == {**changed.document, "dry_run": True}
    assert changed.document["changes"] == {
        "prompt_token_cost_per_1m": {"before": None, "after": "0.10"},
        "default_temperature": {"before": 0.7, "after": None},
    }
    again = await commands.run("models", "add", name)
    assert (again.exit_code, again.errors.count("\n")) == (1, 1)
    assert f"instagram-feed models update {name}" in again.errors


async def test_an_inactive_model_is_refused_until_it_is_activated(commands: Commands) -> None:
    off = await commands.run("models", "deactivate", "gpt-4o-mini", "--json")
    assert (off.document["model_name"], off.document["is_active"]) == ("gpt-4o-mini", False)
    assert "gpt-4o-mini" not in (await commands.run("models", "list", "--active")).output

    refused = await commands.run("run")
    assert refused.exit_code == 1
    assert f"LLM_MODEL: model 'gpt-4o-mini' is inactive: `instagram-feed models activate {MINI}`" in refused.errors

    on = await commands.run("models", "activate", MINI)
    assert on.output == f"{MINI} is active.\n"


async def test_what_is_wrong_is_told_in_one_line_and_changes_nothing(commands: Commands) -> None:
    wrong = {
        "prompt_token_cost_per_1m is invalid": ("update", "gpt-4o-mini", "prompt_token_cost_per_1m=-1"),
        "llm_models has no model 'gpt-9'; it has: ": ("show", "gpt-9"),
        "expected: PROVIDER/NAME[@VERSION], from openai, anthropic, google": ("add", "gpt-9"),
        "say what to change": ("update", "gpt-4o-mini"),
        "is more than the full price": ("update", "gpt-4o-mini", "cached_prompt_token_cost_per_1m=0.2"),
    }
    for complaint, arguments in wrong.items():
        done = await commands.run("models", *arguments)
        assert (done.exit_code in {1, 2}, done.output, done.errors.count("\n")) == (True, "", 1)
        assert complaint in done.errors
    assert (await commands.run("models", "show", "gpt-4o-mini", "--json")).document[
        "prompt_token_cost_per_1m"
    ] == "0.15"


async def test_run_refuses_a_model_that_was_shut_down(commands: Commands) -> None:
    await commands.run("models", "update", "gpt-4o-mini", "shutdown_date=2026-01-01")

    done = await commands.run("run")

    assert done.exit_code == 1
    assert f"LLM_MODEL: {MINI} was shut down on 2026-01-01; choose another" in done.errors


async def test_listed_prices_are_compared_and_stored_only_when_asked(commands: Commands) -> None:
    price = "prompt_token_cost_per_1m"
    await commands.run("models", "update", "gpt-4o-mini", f"{price}=0.2")
    await commands.run("models", "add", "openai/gpt-of-our-own")

    compared = (await commands.run("models", "prices", "--json")).document
    found = {model["model"]: model for model in compared["models"]}
    assert compared["applied"] is False
    assert found[MINI]["differing"] == [price]
    assert (found[MINI]["stored"][price], found[MINI]["listed"][price]) == ("0.2", "0.15")
    assert found["openai/gpt-of-our-own"]["listed"] is None

    applied = await commands.run("models", "prices", "gpt-4o-mini", "--apply")
    assert "0.2 → 0.15" in applied.output
    assert "differs" not in applied.output
    after = (await commands.run("models", "prices", "gpt-4o-mini", "--json")).document
    assert after["models"][0]["differing"] == []
