"""Readable names of the value types of options, in place of a library's."""

from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import typer

WORDS: dict[object, str] = {
    bool: "",
    int: "NUMBER",
    float: "NUMBER",
    str: "TEXT",
    UUID: "ID",
    datetime: "TIME",
    Path: "FILE",
}


def name_types(command: Any) -> None:  # noqa: ANN401 - Typer's command or group
    """Give the values of each option and argument of a command and its subcommands a readable name."""
    help_option = command.get_help_option(typer.Context(command))
    for parameter in (*command.params, *([help_option] if help_option else [])):
        word = WORDS.get(parameter.type_descriptor.annotation) if hasattr(parameter, "type_descriptor") else None
        if isinstance(parameter, typer.core.TyperArgument):
            setattr(parameter, "display_type_rich", lambda ctx: "")  # noqa: ARG005, B010 - its name says it
        elif parameter.metavar is None and word is not None:
            parameter.metavar = word
    for below in getattr(command, "commands", {}).values():
        name_types(below)
