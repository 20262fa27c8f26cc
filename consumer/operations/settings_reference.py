"""`python -m consumer.operations.settings_reference`: docs/configuration.md and .env.example from the settings."""

import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from consumer.settings import Settings
from consumer.settings.secret_files import SUFFIX, secret_names

PAGE_INTRODUCTION = """\
# Configuration

Settings come from the environment and from a file `.env` in the working directory; the environment wins. A wrong or
missing one ends the program at once with one line that names it and says what it must be (exit 2).
A secret can also be given as a file: `NAME_FILE` is the path of one that holds what `NAME` would, and SIGHUP has a
running consumer read it again ([security](security.md)).
[`.env.example`](../.env.example) has them all, ready to copy. Both files are written by `make docs` from
[`consumer/settings/`](../consumer/settings/): edit that."""

EXAMPLE_INTRODUCTION = """\
# Copy to .env and fill in what has no value. A setting behind a # shows its default, or nothing where it has none.
# Written by `make docs` from consumer/settings/: edit that."""


def rendered() -> dict[Path, str]:
    """Render every file that is made from the settings."""
    return {
        Path("docs/configuration.md"): configuration_page(Settings),
        Path(".env.example"): env_example(Settings),
    }


def stale(root: Path) -> list[Path]:
    """List the files that are not what the settings say today."""
    return [path for path, text in rendered().items() if not _holds(root / path, text)]


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


def configuration_page(settings: type[BaseSettings]) -> str:
    """Render the page: a table for each group of settings, in the order of the groups."""
    return "\n\n".join([PAGE_INTRODUCTION, *(_section(group) for group in groups(settings))]) + "\n"


def env_example(settings: type[BaseSettings]) -> str:
    """Render the example of a .env file: required settings empty, all others commented out with their defaults."""
    return "\n\n".join([EXAMPLE_INTRODUCTION, *(_example_block(group) for group in groups(settings))]) + "\n"


def groups(settings: type[BaseSettings]) -> Iterator[type[BaseSettings]]:
    """Yield the classes that declare fields in the order of the bases, the class itself last."""
    itself, *bases = settings.__mro__
    for group in (*bases, itself):
        if issubclass(group, BaseSettings) and any(_fields(group)):
            yield group


def _fields(group: type[BaseSettings]) -> Iterator[tuple[str, FieldInfo]]:
    """Yield the fields that this class declares itself, by the name of the variable."""
    inherited = {name for base in group.__bases__ for name in getattr(base, "model_fields", {})}
    return ((name.upper(), field) for name, field in group.model_fields.items() if name not in inherited)


def _section(group: type[BaseSettings]) -> str:
    rows = [
        f"| {_name_cell(name, group)} | {_default_cell(field)} | {_table_text(str(field.description))} |"
        for name, field in _fields(group)
    ]
    title = (group.__doc__ or group.__name__).partition("\n")[0].rstrip(".")
    return "\n".join([f"## {title}", "", "| setting | default | what it wants |", "|---|---|---|", *rows])


def _name_cell(name: str, group: type[BaseSettings]) -> str:
    return f"`{name}`, `{name}{SUFFIX}`" if name.lower() in secret_names(group) else f"`{name}`"


def _default_cell(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return f"`{text}`" if (text := _default(field)) else "–"


def _table_text(text: str) -> str:
    return text.replace("|", "\\|")


def _example_block(group: type[BaseSettings]) -> str:
    return "\n".join(
        f"# {field.description}\n{'' if field.is_required() else '# '}{name}={_default(field)}"
        for name, field in _fields(group)
    )


def _default(field: FieldInfo) -> str:
    """Return the default as the environment would say it; nothing where there is none."""
    match field.default:
        case _ if field.is_required():
            return ""
        case bool(flag):
            return str(flag).lower()
        case tuple(words):
            return ",".join(words)
        case None:
            return ""
        case value:
            return str(value)


def main() -> int:
    """Write the files, or with --check say which are stale."""
    root = Path()
    paths = stale(root)
    if "--check" in sys.argv:
        for path in paths:
            sys.stderr.write(f"{path} is not what consumer/settings/ says: run `make docs` and commit it\n")
        return 1 if paths else 0
    for path in paths:
        (root / path).write_text(rendered()[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
