"""Fail if a run-time dependency has a known vulnerability; say so where the data is out of reach.

A closed network may serve packages without vulnerability data: pip-audit then skips them one by one and
succeeds, so the count of what was audited is what tells. `--strict`, for releases, fails unless all were.
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


def verdict(report: str, complaint: str, *, strict: bool) -> tuple[int, list[str]]:
    """Return the exit code and what there is to say, of what pip-audit wrote and what it complained of."""
    try:
        dependencies = json.loads(report)["dependencies"]
    except ValueError:
        return int(strict), [f"NOT AUDITED: {' '.join(complaint.strip().splitlines()[-1:]) or 'no report'}"]
    audited = [dependency for dependency in dependencies if "skip_reason" not in dependency]
    flaws = [
        f"{package['name']} {package['version']}: {flaw['id']}, fixed in {', '.join(flaw['fix_versions']) or 'none'}"
        for package in audited
        for flaw in package["vulns"]
    ]
    is_whole = bool(audited) and len(audited) == len(dependencies)
    summary = f"{len(audited)} of {len(dependencies)} packages audited" if audited else "NOT AUDITED: no data"
    return int(bool(flaws) or (strict and not is_whole)), [summary, *flaws]


def main() -> int:
    """Give the exit code: 1 for a vulnerability or, with --strict, for missing data."""
    run = subprocess.run(COMMAND, capture_output=True, text=True, check=False)  # noqa: S603 - a command of ours
    code, lines = verdict(run.stdout, run.stderr, strict="--strict" in sys.argv[1:])
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
