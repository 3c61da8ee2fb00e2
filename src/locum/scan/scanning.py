"""From paths to findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.processes import processors, work_in_processes
from locum.scan.files import Skipped, is_test, nested_too_deep, read_source, walk, why_left_out
from locum.scan.judging import judge
from locum.scan.languages import language_of, read_module
from locum.scan.project import Project
from locum.scan.reports import LocatedSite, ScanReport
from locum.scan.sdks import may_call
from locum.scan.sites import model_calls
from locum.scan.suppression import is_suppressed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from locum.scan.findings import Finding
    from locum.scan.tree import Module

__all__ = ["FilesFound", "WantedFile", "scan_files", "scan_paths"]

_FEW_FILES = 400
_CHUNK = 100


class WantedFile(NamedTuple):
    """A file that is to be scanned.

    Args:
        path: Absolute.
        project: Folder of which other files are read where it imports them.
        name: As findings have it.
    """

    path: Path
    project: Path
    name: str


class FilesFound(NamedTuple):
    """What one file, or several, gave."""

    findings: list[Finding]
    sites: list[LocatedSite]
    lines: int
    files: int
    skipped: list[tuple[str, str]]
    suppressed: list[Finding]


def scan_paths(
    paths: Sequence[Path],
    *,
    tests: bool = False,
    processes: int | None = None,
    base: Path | None = None,
) -> ScanReport:
    """Return what is found in files and in all files of folders; a file is scanned once.

    Vendored and generated code and, unless they are asked for, tests are left out. Files that
    cannot be read as source code (too large, minified, not UTF-8, nested too deep, links) are
    skipped and counted; so are a file at which the scanner fails (not understood), and files that
    are given themselves and left out.

    Args:
        paths: Files and folders.
        tests: Whether test files are scanned too.
        processes: How many work at once; by default one, or as many as there are cores for this
            process where there are more than 400 files.
        base: Folder of the project, from which paths are told, and whose other files are read where
            one that is scanned imports them; what lies outside is told by its absolute path. By
            default each folder that is given, and the folder of each file that is given.

    Raises:
        InputError: A process that scans ended before its work.
    """
    project = None if base is None else base.resolve()
    wanted: list[WantedFile] = []
    skipped: list[tuple[str, str]] = []
    for path in paths:
        _list(path, project, wanted, skipped, tests=tests)
    unique = list({one.path: one for one in wanted}.values())
    unread = FilesFound([], [], 0, 0, list(dict.fromkeys(skipped)), [])
    parts = [*_scanned(unique, processes), unread]
    return _report(parts)


def _list(
    path: Path,
    project: Path | None,
    wanted: list[WantedFile],
    skipped: list[tuple[str, str]],
    *,
    tests: bool,
) -> None:
    resolved = path.resolve()
    root = resolved if resolved.is_dir() else resolved.parent
    around = project if project is not None and root.is_relative_to(project) else root
    is_told_whole = project not in {None, around}
    is_folder = root == resolved
    left_out = None if is_folder else why_left_out(resolved, around, tests=tests)
    for file, problem in walk(root) if is_folder else [(resolved, left_out)]:
        if is_folder and not tests and is_test(file, root):
            continue
        name = file.as_posix() if is_told_whole else file.relative_to(around).as_posix()
        if problem is not None:
            skipped.append((problem.reason, name))
        else:
            wanted.append(WantedFile(file, around, name))


def _scanned(wanted: list[WantedFile], processes: int | None) -> Iterable[FilesFound]:
    if processes is None:
        processes = processors() if len(wanted) > _FEW_FILES else 1
    chunks = [wanted[start : start + _CHUNK] for start in range(0, len(wanted), _CHUNK)]
    if processes <= 1 or len(chunks) <= 1:
        return [scan_files(chunk) for chunk in chunks]
    return work_in_processes(scan_files, chunks, processes, lost=_lost)


def _lost(chunk: Sequence[WantedFile], how: str) -> str:
    return (
        f"the process that scanned {chunk[0].name!r} to {chunk[-1].name!r} was ended {how}, as "
        "happens where memory is short: free some, or scan fewer files at once"
    )


def _report(parts: Iterable[FilesFound]) -> ScanReport:
    findings: list[Finding] = []
    sites: list[LocatedSite] = []
    suppressed: list[Finding] = []
    skipped: dict[str, list[str]] = {}
    lines = files = 0
    for part in parts:
        findings += part.findings
        sites += part.sites
        suppressed += part.suppressed
        lines, files = lines + part.lines, files + part.files
        for reason, name in part.skipped:
            skipped.setdefault(reason, []).append(name)
    findings.sort(key=lambda one: (one.path, one.line, one.column))
    sites.sort(key=lambda one: (one.path, one.line, one.column))
    suppressed.sort(key=lambda one: (one.path, one.line, one.column))
    return ScanReport(findings, sites, files, lines, skipped, suppressed)


def scan_files(wanted: Sequence[WantedFile]) -> FilesFound:
    """Return what is found in some files, one after the other."""
    found = FilesFound([], [], 0, 0, [], [])
    projects: dict[Path, Project] = {}
    lines = files = 0
    for one in wanted:
        source = read_source(one.path)
        if isinstance(source, Skipped):
            found.skipped.append((source.reason, one.name))
            continue
        files += 1
        lines += source.count("\n") + (not source.endswith("\n"))
        if may_call(source):
            project = projects.setdefault(one.project, Project(one.project))
            _scan_source(one, source, project, found)
    return found._replace(lines=lines, files=files)


def _scan_source(wanted: WantedFile, source: str, project: Project, found: FilesFound) -> None:
    language = language_of(wanted.path.name)
    if language is None:
        return
    if nested_too_deep(source):
        found.skipped.append(("nested too deep", wanted.name))
        return
    try:
        module = read_module(language, source, wanted.name)
        _scan_module(module, wanted, project, found)
    except RecursionError:
        found.skipped.append(("nested too deep", wanted.name))
    except Exception:  # noqa: BLE001 - no file may end the scan of all others
        found.skipped.append(("not understood", wanted.name))


def _scan_module(module: Module, wanted: WantedFile, project: Project, found: FilesFound) -> None:
    ev = project.add(module, wanted.path)
    for call in model_calls(ev):
        site, findings = judge(call, wanted.name)
        span = call.call.span
        found.sites.append(LocatedSite(wanted.name, span.line, span.column, site))
        for finding in findings:
            ignored = is_suppressed(module, finding)
            (found.suppressed if ignored else found.findings).append(finding)
