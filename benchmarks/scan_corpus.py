r"""Precision and recall of ``locum scan`` on the labelled corpus, and of other linters beside it.

    python -m benchmarks.scan_corpus
    python -m benchmarks.scan_corpus --peers PATH/TO/venv/bin --peers PATH/TO/other/bin
    python -m benchmarks.scan_corpus --show             # what is missing and what is too much

Locum is measured by rule. A finding is right where the corpus expects its rule on its line, and on
no other line; see ``tests/scan_corpus/README.md``.

The peers have other rules, so that all are measured by two questions that each of them answers,
and Locum again by the same two:

``sites``
    Does it flag the places where a small model or no model would do? A place is a line with
    expectations, whichever rule they name. It is found where any flag stands within its call, or at
    most three lines above or below. A flag, which is a line with one message or more, is right
    where it stands by such a place.
``files``
    Likewise by file: a file is found where it has any flag; a flagged file is right where it has
    any expectation. This forgives flags on the construction of a client or of a chain.

``read`` is the recall over the places in languages that the tool reads; ``recall`` is over all.

How the peers are run, all in their own virtual environments, on a copy of the corpus outside of any
folder named ``tests``, which some leave out:

* tokentoll (0.8.3; Python, JavaScript, TypeScript) prices every call of a model: ``tokentoll scan .
  --format json``. It has no rule on what a call is for, so that all that it lists counts as a flag.
  Its default list of folders to leave out stays in force; that omits a test of the corpus, which is
  in its favour. Its dependencies have all parsers.
* llmdoctor (0.2.5; Python) reports missing and high bounds on tokens, missing prompt caching, large
  models for short prompts (TS020) and unbounded agents: ``llmdoctor doctor . --json``. It has no
  settings that find more. ``llmdoctor TS020`` counts the rule alone that is nearest to Locum's.
* overllm (0.7.0; Python; JavaScript and TypeScript with the extra ``js``, which must be installed)
  reports calls in loops, constant prompts and mechanical tasks, besides retired models, wrong
  parameters and injected prompts: ``overllm --all --format json .``, where ``--all`` adds the rule
  on constant prompts, which is silent by default. ``overllm needless`` counts the four rules alone
  that say that a call is not needed: static-prompt, llm-in-loop, llm-mechanical, llm-extraction.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ast_grep_py import SgRoot

from locum.scan import RULES, scan_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from ast_grep_py import SgNode

CORPUS = Path(__file__).parents[1] / "tests" / "scan_corpus"
NEAR = 3
NEEDLESS = frozenset({"static-prompt", "llm-in-loop", "llm-mechanical", "llm-extraction"})
SECONDS = 300
_EXPECTATION = re.compile(r"(?:#|//) expect: ([a-z, -]+)$")
_PARSERS = {
    ".cs": "csharp",
    ".go": "go",
    ".java": "java",
    ".js": "javascript",
    ".mjs": "javascript",
    ".php": "php",
    ".py": "python",
    ".rb": "ruby",
    ".ts": "typescript",
    ".tsx": "tsx",
}


class Site(NamedTuple):
    """A line of the corpus with expectations.

    Args:
        path: Of the file, relative to the corpus, with ``/``.
        line: Where the call begins, from 1.
        last: Where it ends.
        rules: That it breaks.
    """

    path: str
    line: int
    last: int
    rules: frozenset[str]

    def is_near(self, flag: Flag) -> bool:
        """Tell whether a flag stands within the call or beside it."""
        within = self.line - NEAR <= flag.line <= self.last + NEAR
        return flag.path == self.path and within


class Flag(NamedTuple):
    """What a tool reports.

    Args:
        path: Of the file, relative to the corpus, with ``/``.
        line: From 1.
        rule: The tool's name for it.
    """

    path: str
    line: int
    rule: str


class Row(NamedTuple):
    """Figures of a tool.

    Args:
        tool: Its name.
        measure: A rule, ``sites`` or ``files``.
        expected: How many there are to find.
        flagged: How many were reported.
        right: How many of those are right.
        found: How many of the expected ones were found.
        read: Share that was found of those in languages which the tool reads.
    """

    tool: str
    measure: str
    expected: int
    flagged: int
    right: int
    found: int
    read: float

    def cells(self) -> tuple[str, ...]:
        """Return the words of a line of the table."""
        precision = _share(self.right, self.flagged)
        recall = _share(self.found, self.expected)
        counts = (self.expected, self.flagged, self.right, self.found)
        return (
            self.tool,
            self.measure,
            *map(str, counts),
            *(f"{value:.3f}" for value in (precision, recall, self.read)),
        )


class Peer(NamedTuple):
    """Another linter.

    Args:
        name: As the table has it.
        command: What is run in the corpus, the executable first.
        folders: Of the languages that it reads.
        read: Turns what it prints into flags.
    """

    name: str
    command: tuple[str, ...]
    folders: frozenset[str]
    read: Callable[[Any], list[Flag]]


def sites_of(corpus: Path) -> list[Site]:
    """Return the lines of a corpus that have expectations, in order."""
    files = sorted(path for path in corpus.rglob("*") if path.suffix in _PARSERS)
    return [site for path in files for site in _sites_of_file(corpus, path)]


def _sites_of_file(corpus: Path, path: Path) -> Iterable[Site]:
    text = path.read_text(encoding="utf-8")
    expected = {
        number: frozenset(re.split(", *", match[1]))
        for number, line in enumerate(text.split("\n"), 1)
        if (match := _EXPECTATION.search(line))
    }
    ends = _ends(SgRoot(text, _PARSERS[path.suffix]).root(), expected)
    relative = path.relative_to(corpus).as_posix()
    for line, rules in expected.items():
        yield Site(relative, line, ends.get(line, line), rules)


def _ends(root: SgNode, lines: Collection[int]) -> dict[int, int]:
    """Return where the longest call ends of those that begin on each of the lines."""
    ends: dict[int, int] = {}
    nodes = [root]
    while nodes:
        node = nodes.pop()
        nodes.extend(node.children())
        span = node.range()
        first, last = span.start.line + 1, span.end.line + 1
        if first in lines and _is_call(node):
            ends[first] = max(last, ends.get(first, 0))
    return ends


def _is_call(node: SgNode) -> bool:
    return "call" in node.kind() or "invocation" in node.kind()


def by_rule(sites: Sequence[Site], flags: Sequence[Flag]) -> list[Row]:
    """Return Locum's figures by rule and in all: rule and line must be those of the corpus."""
    expected = {Flag(site.path, site.line, rule) for site in sites for rule in site.rules}
    reported = set(flags)
    rows = []
    for rule in (*RULES, None):
        wanted = {flag for flag in expected if rule in (flag.rule, None)}
        given = {flag for flag in reported if rule in (flag.rule, None)}
        right = len(wanted & given)
        share = _share(right, len(wanted))
        name = "all rules" if rule is None else str(rule)
        rows.append(Row("locum", name, len(wanted), len(given), right, right, share))
    return rows


def by_site(
    tool: str, sites: Sequence[Site], flags: Sequence[Flag], folders: Collection[str] | None
) -> list[Row]:
    """Return a tool's figures by place and by file.

    Args:
        tool: Its name.
        sites: All places of the corpus.
        flags: What the tool reports.
        folders: Of the languages that it reads; ``None`` for all.
    """
    lines = {flag[:2]: flag for flag in flags}.values()
    right = sum(any(site.is_near(flag) for site in sites) for flag in lines)
    found = {site for site in sites if any(site.is_near(flag) for flag in lines)}
    readable = [site for site in sites if folders is None or _folder(site.path) in folders]
    read = _share(len(found.intersection(readable)), len(readable))
    rows = [Row(tool, "sites", len(sites), len(lines), right, len(found), read)]

    files = {site.path for site in sites}
    flagged = {flag.path for flag in flags}
    wanted = {site.path for site in readable}
    both = len(files & flagged)
    read = _share(len(wanted & flagged), len(wanted))
    return [*rows, Row(tool, "files", len(files), len(flagged), both, both, read)]


def _folder(path: str) -> str:
    return path.partition("/")[0]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def scan_with_locum(corpus: Path) -> list[Flag]:
    """Return Locum's findings."""
    report = scan_paths([corpus])
    return [Flag(finding.path, finding.line, finding.rule) for finding in report.findings]


def _read_tokentoll(printed: Any) -> list[Flag]:  # noqa: ANN401 - another program's JSON
    return [
        Flag(_relative(call["file_path"]), call["line_number"], call["call_type"])
        for call in printed["calls"]
    ]


def _read_llmdoctor(printed: Any, rules: Collection[str] | None = None) -> list[Flag]:  # noqa: ANN401
    flags = [Flag(_relative(issue["file"]), issue["line"], issue["code"]) for issue in printed]
    return [flag for flag in flags if rules is None or flag.rule in rules]


def _read_overllm(printed: Any, rules: Collection[str] | None = None) -> list[Flag]:  # noqa: ANN401
    flags = [Flag(_relative(issue["path"]), issue["line"], issue["rule"]) for issue in printed]
    return [flag for flag in flags if rules is None or flag.rule in rules]


def _relative(path: str) -> str:
    return path.replace("\\", "/").removeprefix("./")


_SCRIPTS = frozenset({"python", "typescript"})
_DOCTOR = ("llmdoctor", "doctor", ".", "--json")
_OVERLLM = ("overllm", "--all", "--exit-zero", "--format", "json", ".")
PEERS = (
    Peer("tokentoll", ("tokentoll", "scan", ".", "--format", "json"), _SCRIPTS, _read_tokentoll),
    Peer("llmdoctor", _DOCTOR, frozenset({"python"}), _read_llmdoctor),
    Peer(
        "llmdoctor TS020",
        _DOCTOR,
        frozenset({"python"}),
        partial(_read_llmdoctor, rules=("TS020",)),
    ),
    Peer("overllm", _OVERLLM, _SCRIPTS, _read_overllm),
    Peer("overllm needless", _OVERLLM, _SCRIPTS, partial(_read_overllm, rules=NEEDLESS)),
)


def run_peer(peer: Peer, corpus: Path, search: str) -> list[Flag] | None:
    """Return what a peer reports, or ``None`` where it is not installed.

    Args:
        peer: What to run.
        corpus: The folder that it runs in.
        search: Folders in which its executable may lie, as in ``PATH``.

    Raises:
        RuntimeError: It fails.
    """
    program = shutil.which(peer.command[0], path=search)
    if program is None:
        return None
    done = subprocess.run(
        [program, *peer.command[1:]],
        cwd=corpus,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    try:
        return peer.read(json.loads(done.stdout))
    except ValueError as error:
        raise RuntimeError(f"{peer.name} failed ({done.returncode}): {done.stderr}") from error


def differences(sites: Sequence[Site], flags: Sequence[Flag]) -> list[str]:
    """Return a line for each finding of Locum that is missing or too much."""
    expected = {Flag(site.path, site.line, rule) for site in sites for rule in site.rules}
    reported = set(flags)
    missing = [("missing", flag) for flag in expected - reported]
    extra = [("too much", flag) for flag in reported - expected]
    ordered = sorted(missing + extra, key=lambda pair: pair[1])
    return [f"{flag.path}:{flag.line}: {flag.rule}: {word}" for word, flag in ordered]


def print_table(rows: Iterable[Sequence[str]]) -> None:
    """Print rows in columns, the first of them as heads: words to the left, figures right."""
    lines = [*rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for cells in lines:
        padded = [
            cell.ljust(width) if number < 2 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        print("  ".join(padded).rstrip())


HEADS = (
    "tool",
    "measure",
    "expected",
    "flagged",
    "right",
    "found",
    "precision",
    "recall",
    "read",
)


def by_language(sites: Sequence[Site], flags: Sequence[Flag]) -> list[Row]:
    """Return Locum's figures over all rules by language."""
    rows = []
    for folder in sorted({_folder(site.path) for site in sites}):
        here = [site for site in sites if _folder(site.path) == folder]
        given = [flag for flag in flags if _folder(flag.path) == folder]
        rows.append(by_rule(here, given)[-1]._replace(measure=folder))
    return rows


def measure(folder: Path, peers: Sequence[str]) -> tuple[list[Row], list[str], list[str]]:
    """Return all rows, names of peers that are not installed, and Locum's differences.

    Args:
        folder: A copy of the corpus.
        peers: Folders with the peers' executables, besides those of ``PATH``.
    """
    sites = sites_of(folder)
    flags = scan_with_locum(folder)
    rows = [*by_rule(sites, flags), *by_language(sites, flags)]
    rows += by_site("locum", sites, flags, None)
    absent = []
    search = os.pathsep.join([*peers, os.environ.get("PATH", "")])
    for peer in PEERS:
        reported = run_peer(peer, folder, search)
        if reported is None:
            absent.append(peer.name)
        else:
            rows += by_site(peer.name, sites, reported, peer.folders)
    return rows, absent, differences(sites, flags)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--peers", action="append", default=[], metavar="FOLDER")
    parser.add_argument("--show", action="store_true", help="list what Locum misses and adds")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "corpus"
        shutil.copytree(chosen.corpus, copy, ignore=shutil.ignore_patterns("README.md"))
        rows, absent, different = measure(copy, [str(Path(p).absolute()) for p in chosen.peers])
    print_table([HEADS, *(row.cells() for row in rows)])
    for name in absent:
        print(f"{name}: not installed")
    if chosen.show:
        print(*different, sep="\n")


if __name__ == "__main__":
    main()
