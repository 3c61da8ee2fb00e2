"""``locum scan``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from locum.cli.progress import stderr_console
from locum.errors import InputError, QualityGateError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from locum.scan import Finding, ScanReport

__all__ = ["check_paths", "scan_command"]

_WIDTH_IN_FILES = 80
Format = Literal["table", "json", "sarif", "github"]
Severity = Literal["note", "warning", "error"]


def scan_command(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files and folders; else the current folder.")
    ] = None,
    *,
    format: Annotated[  # noqa: A002 - as users call it
        Format,
        typer.Option(
            "--format",
            help="A table for people, one JSON object, SARIF for code scanning, or annotations of "
            "GitHub Actions.",
        ),
    ] = "table",
    output: Annotated[
        Path | None, typer.Option("--output", help="File to write; else standard output.")
    ] = None,
    fail_on: Annotated[
        Severity | None,
        typer.Option("--fail-on", help="End with code 3 where a finding is at least so grave."),
    ] = None,
    rules: Annotated[
        list[str] | None, typer.Option("--rule", help="Only findings of this rule; repeatable.")
    ] = None,
    tests: Annotated[
        bool, typer.Option("--tests", help="Scan the files of tests as well.")
    ] = False,
    baseline: Annotated[
        Path | None,
        typer.Option("--baseline", help="File of known findings, which are counted and not told."),
    ] = None,
    write_baseline: Annotated[
        Path | None,
        typer.Option("--write-baseline", help="Write all that is found as known to this file."),
    ] = None,
    hide_suppressed: Annotated[
        bool,
        typer.Option(
            "--hide-suppressed",
            help="Leave what is ignored or in the baseline out of SARIF: GitHub would show it as "
            "open.",
        ),
    ] = False,
) -> None:
    """Find calls of language models in code that a small model or a cache could answer.

    Reads Python, TypeScript and JavaScript, PHP, Go, Java, Ruby and C#, and runs nothing. A comment
    with locum: ignore[RULE] beside a call keeps a finding from being told.
    """
    from locum.scan.baseline import divide, read_baseline
    from locum.scan.baseline import write_baseline as write
    from locum.scan.workspace import scan_workspace

    if baseline and write_baseline:
        raise UsageError(
            "--baseline says what is known, --write-baseline writes all that is found anew: give "
            "one of them"
        )
    chosen = _check_rules(rules or [])
    known = read_baseline(baseline) if baseline else frozenset()
    found = scan_workspace(Path(), check_paths(paths or [Path()]), tests=tests)
    found = found._replace(
        findings=[one for one in found.findings if one.rule in chosen],
        suppressed=[one for one in found.suppressed if one.rule in chosen],
    )
    new: list[Finding] = []
    held = found.findings
    if write_baseline:
        write(write_baseline, found.findings)
    else:
        new, held = divide(found.findings, known)
    report = found._replace(findings=new)
    _tell(report, held, format, output, with_suppressed=not hide_suppressed)
    if fail_on:
        _judge(new, fail_on)


def _check_rules(given: Sequence[str]) -> frozenset[str]:
    from locum.scan import RULES

    for rule in given:
        if rule not in RULES:
            raise UsageError(f"--rule {rule!r}: expected {', '.join(RULES)}")
    return frozenset(given or RULES)


def check_paths(paths: Sequence[Path]) -> Sequence[Path]:
    """Refuse what is not there."""
    for path in paths:
        if not os.path.exists(path):  # noqa: PTH110 - also not where it may not be looked at
            raise InputError(
                f"there is nothing to scan at {str(path)!r}: expected a file or a folder that "
                f"exists, and the current folder is {Path.cwd()}"
            )
    return paths


def _tell(
    report: ScanReport,
    held: Sequence[Finding],
    form: Format,
    output: Path | None,
    *,
    with_suppressed: bool,
) -> None:
    """Print a scan, or write it to a file; what is no table has its totals on standard error."""
    from locum.scan.output import describe_totals, to_table
    from locum.scan.writing import write_whole

    if form == "table" and output is None:
        _print(to_table(report, held))
        return
    told = _render(report, held, form, with_suppressed=with_suppressed)
    if output is None:
        # Read by programs, which expect UTF-8 whatever the encoding of standard output.
        typer.echo(told.encode("utf-8", "replace"), nl=False)
    else:
        write_whole(output, told)
    totals = "; ".join(f"{name} {value}" for name, value in describe_totals(report, held))
    stderr_console().print(totals)


def _render(
    report: ScanReport, held: Sequence[Finding], form: Format, *, with_suppressed: bool
) -> str:
    import orjson

    from locum.scan.output import to_annotations, to_object, to_sarif, to_table

    if form == "github":
        return to_annotations(report.findings)
    if form == "table":
        return _draw(to_table(report, held), _WIDTH_IN_FILES)
    if form == "json":
        return f"{orjson.dumps(to_object(report, held)).decode()}\n"
    log = to_sarif(report, held, with_suppressed=with_suppressed)
    return f"{orjson.dumps(log, option=orjson.OPT_INDENT_2).decode()}\n"


def _print(table: RenderableType) -> None:
    from locum.cli.console import PlainConsole

    console = PlainConsole()
    if console.is_terminal:
        console.print(table)
    else:
        typer.echo(_draw(table, console.width), nl=False)


def _draw(table: RenderableType, width: int) -> str:
    """Draw a table for files and pipes: without colours, and without blanks at ends of lines."""
    from io import StringIO

    from locum.cli.console import PlainConsole

    drawn = StringIO()
    PlainConsole(file=drawn, width=width, color_system=None).print(table)
    return "".join(f"{line.rstrip()}\n" for line in drawn.getvalue().splitlines())


def _judge(findings: Sequence[Finding], fail_on: Severity) -> None:
    """Refuse findings that are as grave as the user named.

    Raises:
        QualityGateError: There are some.
    """
    from locum.scan import SEVERITIES
    from locum.scan.output import count

    grave = SEVERITIES[SEVERITIES.index(fail_on) :]
    found = [one for one in findings if one.severity in grave]
    if found:
        raise QualityGateError(
            f"{count(len(found), 'finding')} of severity {' or '.join(grave)}, and --fail-on "
            f"{fail_on} allows none: cure what is found, ignore it with a comment such as "
            f"locum: ignore[{found[0].rule}], or keep what is known in a file with "
            "--write-baseline FILE and give it with --baseline FILE"
        )
