"""Fail if a run-time dependency has a known vulnerability; say so where the data is out of reach.

A closed network may serve packages without vulnerability data: pip-audit then skips them one by one and
succeeds, so the count of what was audited is what tells.
"""

import json
import subprocess
import sys
from pathlib import Path

COMMAND = [
    str(Path(sys.executable).parent / "pip-audit"),
    *("--format", "json", "--progress-spinner", "off", "--timeout", "15"),
    *("--disable-pip", "--require-hashes", "--requirement", "requirements-extras.txt"),
]


def main() -> int:
    """Give the exit code: 1 for a vulnerability, 0 for none or no data."""
    run = subprocess.run(COMMAND, capture_output=True, text=True, check=False)  # noqa: S603
    try:
        dependencies = json.loads(run.stdout)["dependencies"]
    except ValueError:
        print(f"NOT AUDITED: {run.stderr.strip().splitlines()[-1:]}")
        return 0
    audited = [dependency for dependency in dependencies if "skip_reason" not in dependency]
    print(
        f"{len(audited)} of {len(dependencies)} packages audited" if audited else "NOT AUDITED: no data for any package"
    )
    found = [(package, flaw) for package in audited for flaw in package["vulns"]]
    for package, flaw in found:
        print(f"{package['name']} {package['version']}: {flaw['id']}, fixed in {flaw['fix_versions']}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
