"""How many findings of ``locum scan`` in real applications are right, as a reader judged them.

    python -m benchmarks.scan_applications                  # what the reader said
    python -m benchmarks.scan_applications FOLDER           # scan what is unpacked there

The applications are packages of PyPI and npm, unpacked into a folder each; ``dist`` folders of npm
packages that are no bundles were renamed, as the scan leaves ``dist`` out. A line of
``results/scan_applications.jsonl`` is a finding: the set, the application with its version, the
place, the rule, whether a reader of its source found it right by the letter of the rules, and why
not. A rule that the scan no longer has is told as dropped.

``known``
    The 37 applications that the scan was mended by; findings after that.
``held-out 1`` to ``held-out 5``
    Applications that were scanned for the first time with the scan as it was then, and read before
    anything was mended. What was wrong in one was mended before the next was scanned.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from locum.scan import RULES

VERDICTS = Path(__file__).parent / "results" / "scan_applications.jsonl"
SECONDS = 300
ROW = "{:<34}{:>12}{:>12}{:>10}"


def print_verdicts() -> None:
    """Print how many findings of each set, and of each rule, are right."""
    told = [json.loads(line) for line in VERDICTS.read_text("utf-8").splitlines()]
    held_out = [one for one in told if one["set"] != "known"]
    print(ROW.format("set", "findings", "right", "precision"))
    for name in dict.fromkeys(one["set"] for one in told):
        print_share(name, [one["right"] for one in told if one["set"] == name])
    print_share("all held-out", [one["right"] for one in held_out])
    for rule in sorted({one["rule"] for one in held_out}):
        name = f"held-out {rule}" + (" (dropped)" if rule not in RULES else "")
        print_share(name, [one["right"] for one in held_out if one["rule"] == rule])


def print_share(name: str, right: list[bool]) -> None:
    """Print a line of the table."""
    print(ROW.format(name, len(right), sum(right), f"{sum(right) / len(right):.2f}"))


def print_scans(folder: Path) -> None:
    """Scan the applications in a folder one by one, and print what is found in each."""
    print(ROW.format("application", "lines", "call sites", "findings"))
    total: Counter[str] = Counter()
    for application in sorted(path for path in folder.iterdir() if path.is_dir()):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "locum", "scan", "--format", "json", "."],
            cwd=application,
            capture_output=True,
            check=True,
            timeout=SECONDS,
        )
        summary = json.loads(done.stdout)["summary"]
        counts = {name: summary[name] for name in ("lines", "sites", "findings")}
        total.update(counts, applications=1)
        print(ROW.format(application.name, *(f"{count:,}" for count in counts.values())))
    counts = {name: total[name] for name in ("lines", "sites", "findings")}
    name = f"{total['applications']} applications"
    print(ROW.format(name, *(f"{count:,}" for count in counts.values())))


def main() -> None:
    """Print verdicts, or scans."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path)
    folder = parser.parse_args().folder
    if folder is None:
        print_verdicts()
    else:
        print_scans(folder)


if __name__ == "__main__":
    main()
