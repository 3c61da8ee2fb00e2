"""How many findings of ``locum scan`` in real applications are right, as a reader judged them.

    python -m benchmarks.scan_applications                  # what the reader said
    python -m benchmarks.scan_applications FOLDER           # scan what is unpacked there

The applications are packages of PyPI and npm, wheels where there are any, unpacked into a folder
each, ``NAME-VERSION``; ``dist`` folders of npm packages that are no bundles are renamed ``dist_``,
as the scan leaves ``dist`` out. A line of ``results/scan_applications.jsonl`` is a finding: the
set, the application with its version, the place, the rule, whether a reader of its source found it
right by the letter of the rules, and why not; and why a right one is no longer found. A rule that
the scan no longer has is told as dropped. A scan of a folder is held against these lines: what it
finds besides is new and has to be read. ``results/scanned_applications.jsonl`` names the
applications; of the sets before ``held-out 6`` those in which something was found, as the others
were not written down.

``known``
    The 37 applications that the scan was mended by; findings after that.
``held-out 1`` to ``held-out 6``
    Applications that were scanned for the first time with the scan as it was then, and read before
    anything was mended. What was wrong in one was mended before the next was scanned. Those of the
    sixth were drawn at random from packages whose summaries speak of a model and a task, and kept
    where the summary sounds like a caller; one that an earlier set had, without a finding, may be
    among them.
``again``
    What a later scan found anew in the applications of the sets before ``held-out 6``.
``again, mended``
    What was found besides, once what was wrong in these was mended.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from locum.scan import RULES

RESULTS = Path(__file__).parent / "results"
VERDICTS = RESULTS / "scan_applications.jsonl"
APPLICATIONS = RESULTS / "scanned_applications.jsonl"
SECONDS = 300
ROW = "{:<34}{:>12}{:>12}{:>10}"


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON lines."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def print_verdicts() -> None:
    """Print how many findings of each set, and of each rule, are right."""
    told = read_lines(VERDICTS)
    held_out = [one for one in told if one["set"].startswith("held-out")]
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
    """Scan the applications in a folder one by one, and hold what is found against the verdicts."""
    print(ROW.format("application", "lines", "call sites", "findings"))
    total: Counter[str] = Counter()
    found: set[tuple[str, str, int, str]] = set()
    scanned = sorted(path for path in folder.iterdir() if path.is_dir())
    for application in scanned:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "locum", "scan", "--format", "json", "."],
            cwd=application,
            capture_output=True,
            check=True,
            timeout=SECONDS,
        )
        report = json.loads(done.stdout)
        counts = {name: report["summary"][name] for name in ("lines", "sites", "findings")}
        total.update(counts, applications=1)
        print(ROW.format(application.name, *(f"{count:,}" for count in counts.values())))
        for one in report["findings"]:
            path = one["path"].replace("dist_/", "dist/")
            found.add((application.name, path, one["line"], one["rule"]))
    counts = {name: total[name] for name in ("lines", "sites", "findings")}
    name = f"{total['applications']} applications"
    print(ROW.format(name, *(f"{count:,}" for count in counts.values())))
    print_changes({path.name for path in scanned}, found)


def print_changes(scanned: set[str], found: set[tuple[str, str, int, str]]) -> None:
    """Print which findings are new, and which that a reader judged are gone."""
    told = {
        (folder_of(one["application"]), one["path"], one["line"], one["rule"]): one
        for one in read_lines(VERDICTS)
    }
    gone = sorted(key for key in told.keys() - found if key[0] in scanned)
    wrong = [key for key in gone if not told[key]["right"]]
    right = [key for key in gone if told[key]["right"]]
    print(f"\n{len(found & told.keys())} were found before; {len(wrong)} that were wrong are gone")
    for title, keys in (("new", sorted(found - told.keys())), ("gone though right", right)):
        print(f"{len(keys)} {title}")
        for key in keys:
            application, path, line, rule = key
            why = told[key].get("gone", "") if key in told else ""
            print(f"    {application} {path}:{line} {rule}" + (f" ({why})" if why else ""))
    names = {folder_of(one["application"]) for one in read_lines(APPLICATIONS)}
    print(f"{len(names - scanned)} of {len(names)} known applications are not in the folder")


def folder_of(application: str) -> str:
    """Return the name of the folder that an application is unpacked into."""
    return application.removeprefix("@").replace("/", "-").replace(" ", "-")


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
