"""What the program runs on, of the lock and the installed packages: licences as a page, all of it as a CycloneDX SBOM.

`--licences FILE` writes the page (`--check` only says whether it is stale), `--sbom FILE` the SBOM. Ends with 1 for a
licence that nobody has agreed to. Needs nothing but Python, so that it runs in the image's build, too.
"""

import json
import re
import sys
import uuid
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

PROGRAM = "instagram-feed-consumer"
AGREED = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "PSF-2.0"}
# What packages of before SPDX expressions call them.
SPELLINGS = {
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
}
ELSEWHERE = "not installed here"

PAGE_INTRODUCTION = """\
# Licences of dependencies

What `requirements.txt` installs, which is what the image holds beside Python and Debian's packages. Written by
`make docs`; a licence that is not among those agreed to in `.ci/dependencies.py` fails the checks.

| package | version | licence |
|---|---|---|"""


@dataclass(frozen=True, slots=True)
class Package:
    """A line of the lock. `licence` is an SPDX expression, or None where the package is for other platforms only."""

    name: str
    version: str
    licence: str | None

    @property
    def agreed(self) -> bool:
        """Whether each licence of the expression is agreed to, or one of alternatives."""
        if self.licence is None:
            return True
        return any(set(choice.split(" AND ")) <= AGREED for choice in self.licence.split(" OR "))


def locked(lock: Path) -> Iterator[Package]:
    """Yield the packages of a lock, in its order."""
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", lock.read_text(), re.MULTILINE):
        yield Package(name, version, _licence(name))


def _licence(name: str) -> str | None:
    try:
        fields = metadata.metadata(name).json
    except metadata.PackageNotFoundError:
        return None
    classifiers = [text for text in fields.get("classifier", ()) if text.startswith("License ::")]
    said = (
        fields.get("license_expression")
        or fields.get("license")
        or " OR ".join(text.rpartition(" :: ")[2] for text in classifiers)
    )
    return SPELLINGS.get(str(said), str(said))


def page(packages: list[Package]) -> str:
    """Render docs/licences.md."""
    rows = [f"| {one.name} | {one.version} | {one.licence or ELSEWHERE} |" for one in packages]
    return "\n".join([PAGE_INTRODUCTION, *rows]) + "\n"


def sbom(packages: list[Package], lock: Path) -> str:
    """Render a CycloneDX document; the same lock gives the same one."""
    version = metadata.version(PROGRAM)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, version + lock.read_text())}",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": PROGRAM, "name": PROGRAM, "version": version}},
        "components": [_component(one) for one in packages if one.licence is not None],
    }
    return json.dumps(document, indent=2) + "\n"


def _component(package: Package) -> dict[str, object]:
    purl = f"pkg:pypi/{package.name}@{package.version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
        "licenses": [{"expression": package.licence}],
    }


def main() -> int:
    """Write what is asked for; the exit code is 1 for a stale page or a licence not agreed to."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--lock", type=Path, default=Path("requirements.txt"))
    parser.add_argument("--licences", type=Path, metavar="FILE")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--sbom", type=Path, metavar="FILE")
    options = parser.parse_args()
    packages = list(locked(options.lock))
    problems = [f"{one.name}: nobody has agreed to {one.licence}" for one in packages if not one.agreed]
    if options.sbom:
        options.sbom.write_text(sbom(packages, options.lock))
    if options.licences and not options.check:
        options.licences.write_text(page(packages))
    elif options.licences and options.licences.read_text() != page(packages):
        problems.append(f"{options.licences} is not what the lock says: run `make docs` and commit it")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
