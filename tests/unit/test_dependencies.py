"""What `.ci/` says of dependencies: audited or not, licences agreed to, a bill of materials."""

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import cyclonedx.schema
import jsonschema
import pytest
from referencing import Registry, Resource

ROOT = Path(__file__).parents[2]
SCHEMAS = Path(cyclonedx.schema.__file__).parent / "_res"
FLAW = {"id": "PYSEC-2026-1", "fix_versions": ["0.1.3"]}
VULNERABLE = {"name": "mdurl", "version": "0.1.2", "vulns": [FLAW]}
SOUND = {"name": "idna", "version": "3.20", "vulns": []}
SKIPPED = {"name": "idna", "version": "3.20", "skip_reason": "no data"}


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / f".ci/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


audit, dependencies = script("audit"), script("dependencies")


def report(*found: Mapping[str, object]) -> str:
    return json.dumps({"dependencies": found})


@pytest.mark.parametrize(
    ("text", "code", "code_of_strict", "says"),
    [
        (report(SOUND, SOUND), 0, 0, "2 of 2 packages audited"),
        (report(SOUND, VULNERABLE), 1, 1, "mdurl 0.1.2: PYSEC-2026-1, fixed in 0.1.3"),
        (report(SOUND, SKIPPED), 0, 1, "1 of 2 packages audited"),
        (report(SKIPPED), 0, 1, "NOT AUDITED: no data"),
        ("", 0, 1, "NOT AUDITED: no route to host"),
    ],
    ids=["sound", "vulnerable", "in part", "no data", "no report"],
)
def test_what_was_not_audited_is_said_and_fails_a_release(text: str, code: int, code_of_strict: int, says: str) -> None:
    assert audit.verdict(text, "warning\nno route to host\n", strict=False)[0] == code
    strict_code, lines = audit.verdict(text, "warning\nno route to host\n", strict=True)
    assert strict_code == code_of_strict
    assert says in lines


@pytest.mark.parametrize(
    ("licence", "agreed"),
    [
        ("MIT", True),
        ("Apache-2.0 AND MIT", True),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("UNKNOWN", False),
        (None, True),
    ],
)
def test_only_licences_agreed_to_pass(licence: str | None, *, agreed: bool) -> None:
    assert dependencies.Package("one", "1.0", licence).agreed is agreed


def test_the_bill_of_materials_is_cyclonedx_and_has_every_package_of_the_lock() -> None:
    lock = ROOT / "requirements.txt"
    packages = list(dependencies.locked(lock))
    document = json.loads(dependencies.sbom(packages, lock))
    schema = json.loads((SCHEMAS / "bom-1.6.SNAPSHOT.schema.json").read_text())
    others = [json.loads(path.read_text()) for path in SCHEMAS.glob("*.schema.json")]
    registry = Registry().with_resources([(each["$id"], Resource.from_contents(each)) for each in others])

    jsonschema.Draft7Validator(schema, registry=registry).validate(document)

    installed = {package.name for package in packages if package.licence is not None}
    assert {component["name"] for component in document["components"]} == installed
    assert {"aiokafka", "asyncpg", "openai"} <= installed


def test_the_same_lock_gives_the_same_bill_of_materials() -> None:
    lock = ROOT / "requirements.txt"
    packages = list(dependencies.locked(lock))

    assert dependencies.sbom(packages, lock) == dependencies.sbom(packages, lock)
