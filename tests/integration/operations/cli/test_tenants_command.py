"""`instagram-feed tenants` as a process."""

from tests.integration.operations.cli.conftest import Commands

DEFAULTS = {
    "weight": 1.0,
    "max_in_flight": None,
    "delivery": None,
    "timezone": "Asia/Seoul",
    "disclosure": None,
    "sector": "none",
}


async def test_a_tenant_of_which_nothing_is_said_has_the_defaults(commands: Commands) -> None:
    shown = (await commands.run("tenants", "show", "nobody", "--json")).document
    listed = await commands.run("tenants", "list")

    assert shown == {"tenant_id": "nobody", **DEFAULTS, "is_default": True, "budgets": []}
    assert listed.output == "No tenant has settings of its own: the defaults apply to all.\n"
    assert (await commands.run("tenants", "list", "--json")).document == []


async def test_what_is_set_is_listed_and_the_rest_is_left_alone(commands: Commands) -> None:
    first = ("tenants", "set", "dasoni", "--weight", "3", "--disclosure", "#광고", "--json")
    tried = await commands.run(*first, "--dry-run")
    assert (await commands.run("tenants", "list", "--json")).document == []
    done = await commands.run(*first)
    await commands.run("tenants", "set", "dasoni", "--max-in-flight", "20", "--timezone", "Europe/Berlin")
    emptied = await commands.run("tenants", "set", "dasoni", "--disclosure", "none")

    assert tried.document == {**done.document, "dry_run": True}
    assert done.document["changes"] == {
        "weight": {"before": 1.0, "after": 3.0},
        "disclosure": {"before": None, "after": "#광고"},
    }
    assert emptied.output == "dasoni has now:\n  disclosure: #광고 → –\n"
    expected = DEFAULTS | {"tenant_id": "dasoni", "weight": 3.0, "max_in_flight": 20, "timezone": "Europe/Berlin"}
    assert (await commands.run("tenants", "list", "--json")).document == [expected]
    shown = (await commands.run("tenants", "show", "dasoni")).output
    assert "Europe/Berlin" in shown
    assert "dasoni" in (await commands.run("tenants", "list")).output


async def test_what_is_wrong_is_told_in_one_line_and_changes_nothing(commands: Commands) -> None:
    wrong = {
        "--timezone is invalid (unknown time zone); expected: ": ("set", "x", "--timezone", "Asia/Soul"),
        "--weight is invalid; expected: number from 0.01": ("set", "x", "--weight", "0"),
        "say what to change: --weight, --max-in-flight": ("set", "x"),
        "TENANT is invalid; expected: ": ("set", "x" * 256, "--weight", "1"),
    }
    for message, arguments in wrong.items():
        refused = await commands.run("tenants", *arguments)
        assert (refused.exit_code, refused.errors.count("\n")) == (2, 1), refused.errors
        assert message in refused.errors
    assert (await commands.run("tenants", "list", "--json")).document == []
