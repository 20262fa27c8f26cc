"""Contract files: writing them, and comparing them with existing ones and the baseline."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from schemas.contracts.asyncapi import FILE_NAME, asyncapi_document
from schemas.contracts.compatibility import incompatibilities
from schemas.contracts.json_schemas import Contract, contracts

BASELINE = "baseline"
"""The folder with the schemas of the last release, with which changes must be compatible."""

FileState = Literal["written", "unchanged", "stale"]


class UnreadableBaseline(Exception):
    """A file of the baseline is not JSON; the message names it."""


@dataclass(frozen=True, slots=True)
class ContractFile:
    """One contract file and its status."""

    path: Path
    state: FileState


def rendered() -> dict[str, str]:
    """Return the text of every file by name."""
    all_contracts = contracts()
    documents: Mapping[str, Any] = {contract.file_name: contract.schema for contract in all_contracts}
    return {name: _text(document) for name, document in documents.items()} | {
        FILE_NAME: _text(asyncapi_document(all_contracts))
    }


def write_files(folder: Path) -> list[ContractFile]:
    """Write missing and stale files.

    Raises:
        OSError: the folder cannot be created, or a file not written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in rendered().items():
        path = folder / name
        changed = _read(path) != text
        if changed:
            path.write_text(text, encoding="utf-8")
        written.append(ContractFile(path, "written" if changed else "unchanged"))
    return written


def compare_files(folder: Path) -> list[ContractFile]:
    """Compare each file with the current models."""
    return [
        ContractFile(folder / name, "unchanged" if _read(folder / name) == text else "stale")
        for name, text in rendered().items()
    ]


def breaking_changes(folder: Path) -> list[str]:
    """Return breaking changes since the baseline of this folder, one line per field.

    Raises:
        UnreadableBaseline: names the file.
    """
    return [
        f"{contract.name}: {problem}"
        for contract in contracts()
        if (old := _baseline_of(contract, folder)) is not None
        for problem in incompatibilities(old, contract.schema, contract.direction)
    ] + _gone(folder)


def _baseline_of(contract: Contract, folder: Path) -> dict[str, Any] | None:
    path = folder / BASELINE / contract.file_name
    text = _read(path)
    if text is None:
        return None
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise UnreadableBaseline(f"{path} is no JSON Schema")
    return document


def _gone(folder: Path) -> list[str]:
    known = {contract.file_name for contract in contracts()}
    before = sorted(path.name for path in (folder / BASELINE).glob("*.schema.json"))
    return [f"{name.removesuffix('.schema.json')}: the whole schema is gone" for name in before if name not in known]


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
