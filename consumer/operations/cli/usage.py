"""Errors in the arguments of a command, in one line and without the library's jargon."""

import re
from typing import Any, Final

import typer
from pydantic import ValidationError

_WORDS: Final = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "float_parsing": "must be a number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "has too many digits",
    "uuid_parsing": "must be a UUID",
}
_NEGATIVE: Final = re.compile(r"-\d")


def usage_line(error: typer.TyperException) -> str:
    """Return what is wrong, and where the correct usage is described."""
    context = getattr(error, "ctx", None)
    said = _negative_argument(error) or (
        _wrong_value(error) if isinstance(error.__cause__, ValidationError) else _message(error)
    )
    return f"{said}; see `{context.command_path} --help`" if context else said


def _wrong_value(error: Any) -> str:  # noqa: ANN401 - Typer's class for it is private
    problem = error.__cause__.errors(include_url=False, include_input=False)[0]
    name = error.param.get_error_hint().split("'")[1]  # further spellings and the variable come behind it
    if problem["type"] == "value_error":
        return f"{name}: {problem['ctx']['error']}".rstrip(".")
    if problem["type"].startswith("datetime"):
        return f"{name} must be a time such as 2026-11-25T09:00"
    return f"{name} {_WORDS.get(problem['type'], 'has an invalid value').format(**problem.get('ctx', {}))}"


def _negative_argument(error: Any) -> str | None:  # noqa: ANN401 - see above
    """Return what arguments are wanted where a number below 0, which is none of them, was taken for an option."""
    given = getattr(error.__context__ or error, "option_name", "")  # the option "-0" is all that is left of -0.8
    arguments = (
        [param for param in error.ctx.command.params if param.param_type_name == "argument"] if error.ctx else []
    )
    if not (_NEGATIVE.match(given) and arguments):
        return None
    wants = (f"{one.metavar or one.name} {f'({one.help})' if one.help else ''}".strip() for one in arguments)
    return f"{given} begins with -, which no argument does; it wants: {' '.join(wants)}"


def _message(error: Any) -> str:  # noqa: ANN401 - see above
    said: str = (
        error.format_message()
        .rstrip(".")
        .removeprefix("Invalid value for ")
        .removeprefix("Invalid value: ")
        .replace("(Possible", "(possible")
    )
    return said[:1].lower() + said[1:]
