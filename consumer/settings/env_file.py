"""The file `.env`: what cannot be read of it is told by its line, before any of its values counts."""

from pathlib import Path
from typing import Final

from dotenv.parser import parse_stream

ENV_FILE: Final = Path(".env")


def env_file_problem(path: Path = ENV_FILE) -> str | None:
    """Return what is wrong with the file, None if nothing is or there is none; never what stands in it.

    The library logs a line it cannot read and goes on with what it takes for the rest: a quotation mark that is never
    closed would have a setting at its default.
    """
    if not path.is_file():
        return None
    try:
        with path.open(encoding="utf-8-sig") as file:
            unreadable = [binding.original for binding in parse_stream(file) if binding.error]
    except UnicodeDecodeError:
        return f"{path} is not UTF-8 text: save it as UTF-8"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    if not unreadable:
        return None
    text = unreadable[0].string  # blank lines before it belong to it
    line = unreadable[0].line + text[: len(text) - len(text.lstrip())].count("\n")
    return f"{path}, line {line}, is not NAME=value, or has a quotation mark that is never closed"
