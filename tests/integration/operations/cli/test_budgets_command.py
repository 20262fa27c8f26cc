"""`instagram-feed budgets` as a process."""

from tests.integration.operations.cli.conftest import Commands

TENANT = "dasoni-tea"


async def test_limits_are_set_shown_and_taken_away(commands: Commands) -> None:
    change = ("budgets", "set", TENANT, "--daily-usd", "5.00", "--monthly-tokens", "1000000", "--json")
    tried = await commands.run(*change, "--dry-run")
    assert (await commands.run("budgets", "list", "--json")).document == []
    done = await commands.run(*change)
    assert tried.document == {**done.document, "dry_run": True}
    assert done.document["limits"] == {"daily_usd": "5.00", "monthly_tokens": 1_000_000}

    daily, monthly = (await commands.run("budgets", "show", TENANT, "--json")).document
    assert (daily["period"], float(daily["limit_usd"]), daily["timezone"]) == ("day", 5, "Asia/Seoul")
    assert daily["ends_at"].endswith("T15:00:00Z")
    assert (monthly["limit_tokens"], float(monthly["spent"]), monthly["held_requests"]) == (1_000_000, 0, 0)
    assert "5.00 USD a day" in (await commands.run("budgets", "list")).output
    assert (await commands.run("tenants", "show", TENANT, "--json")).document["budgets"] == [
        "5.00 USD a day",
        "1000000 tokens a month",
    ]
    assert (await commands.run("report", "budgets")).output == "No budget came to 80 percent.\n"

    await commands.run("budgets", "set", TENANT, "--daily-usd", "none")
    assert len((await commands.run("budgets", "show", TENANT, "--json")).document) == 1
    await commands.run("budgets", "set", TENANT, "--remove")
    assert (await commands.run("budgets", "show", TENANT)).output == f"{TENANT}: no budget\n"


async def test_a_budget_of_all_is_the_only_one_without_a_tenant(commands: Commands) -> None:
    await commands.run("budgets", "set", "--all", "--daily-usd", "50")
    [row] = (await commands.run("budgets", "show", "--json")).document
    assert row["tenant_id"] is None
    await commands.run("budgets", "set", "--all", "--remove")


async def test_what_is_wrong_is_told_in_one_line_and_changes_nothing(commands: Commands) -> None:
    wrong = {
        "give either TENANT or --all": ("set", "--daily-usd", "5"),
        "say what to set: --daily-usd, --monthly-usd": ("set", TENANT),
        "--daily-usd is invalid; expected: USD, such as 5.00": ("set", TENANT, "--daily-usd", "five"),
        "--monthly-tokens is invalid; expected: a whole number": ("set", TENANT, "--monthly-tokens", "1.5"),
        "--remove takes all limits away": ("set", TENANT, "--remove", "--daily-usd", "5"),
    }
    for said, arguments in wrong.items():
        done = await commands.run("budgets", *arguments)
        assert (done.exit_code, done.errors.count("\n")) == (2, 1), done.errors
        assert said in done.errors
    assert (await commands.run("budgets", "list", "--json")).document == []


async def test_without_a_price_no_budget_in_usd_is_set(commands: Commands) -> None:
    await commands.run("models", "add", "openai/unpriced")
    without: dict[str, str] = {}
    for variable in ("LLM_FALLBACK_MODEL", "LLM_MODEL"):
        without = {variable: "openai/unpriced"}
        refused = await commands.run("budgets", "set", TENANT, "--daily-usd", "5", env=without)
        assert (refused.exit_code, refused.errors.count("\n")) == (1, 1)
        assert "openai/unpriced has no price" in refused.errors
    assert (await commands.run("budgets", "set", TENANT, "--daily-tokens", "5", env=without)).exit_code == 0
    await commands.run("budgets", "set", TENANT, "--remove")
