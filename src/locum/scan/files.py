"""Which files are scanned, and their text."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from locum.scan.languages import language_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "Skipped",
    "is_file",
    "is_test",
    "nested_too_deep",
    "read_source",
    "walk",
    "why_left_out",
]

_MOST_BYTES = 2_000_000
_LONGEST_LINE = 20_000
_MINIFIED_BYTES = 5_000
_MINIFIED_MEAN = 500
_DEEPEST = 400
_LEFT_OUT = frozenset(
    {
        *(".git", ".hg", ".svn", ".tox", ".nox", ".venv", "venv", "virtualenv"),
        *("__pycache__", "node_modules", "bower_components", "vendor", "site-packages"),
        *("dist-packages", "dist", ".next", ".nuxt", ".output"),
        *(".mypy_cache", ".ruff_cache", ".pytest_cache", ".gradle", ".idea"),
        *("Pods", ".terraform", ".yarn", ".pnpm-store", "third_party"),
    }
)
_DOTNET = re.compile(r"\.(cs|fs|vb)proj$|\.sln$")
_BUILDING = re.compile(
    r"^(package\.json|setup\.(py|cfg)|pyproject\.toml|pom\.xml|build\.gradle(\.kts)?|"
    r"CMakeLists\.txt)$"
)
# Folders that tools make and people too, and what stands beside one that a tool made.
_MADE_BESIDE = {
    "bin": _DOTNET,
    "obj": _DOTNET,
    "target": re.compile(r"^(Cargo\.toml|pom\.xml|build\.sbt)$"),
    "build": _BUILDING,
    "out": _BUILDING,
    "coverage": re.compile(r"^package\.json$"),
}
_GENERATED = re.compile(
    r"\.min\.[cm]?js$|[-.]bundle\.js$|_pb2(_grpc)?\.py$|\.pb\.go$|\.d\.ts$|\.designer\.cs$|"
    r"\.g\.cs$|_generated\.\w+$|\.generated\.\w+$",
    re.IGNORECASE,
)
_TEST_FOLDERS = frozenset({"test", "tests", "__tests__", "spec", "specs", "testing", "__mocks__"})
_TEST_FILE = re.compile(
    r"^test_.*\.py$|_test\.(py|go|rb)$|_spec\.rb$|\.(spec|test)\.[cm]?[jt]sx?$|"
    r"(?-i:Tests?\.(php|java|cs)$)|^conftest\.py$|(?-i:IT\.java$)",
    re.IGNORECASE,
)


class Skipped(NamedTuple):
    """A file that is not read, and why."""

    reason: str


def is_test(path: Path, root: Path) -> bool:
    """Return whether a file holds tests, by its name and by the folders below the root."""
    folders = path.relative_to(root).parts[:-1] if root in path.parents else ()
    return bool(_TEST_FILE.search(path.name)) or any(part in _TEST_FOLDERS for part in folders)


def why_left_out(path: Path, root: Path, *, tests: bool) -> Skipped | None:
    """Return why a file that a user names is not scanned; ``None`` where it is.

    Args:
        path: Of the file.
        root: The folder of the project, below which folders say what a file is.
        tests: Whether files of tests are scanned.
    """
    folders = [one for one in path.parents if root in one.parents]
    if path.exists() and language_of(path.name) is None:
        return Skipped("of no known language")
    if _GENERATED.search(path.name) or any(
        _is_left_out(one, _names_in(one.parent)) for one in folders
    ):
        return Skipped("vendored or generated")
    return None if tests or not is_test(path, root) else Skipped("of tests")


def walk(root: Path) -> Iterator[tuple[Path, Skipped | None]]:
    """Yield files of known languages below a folder, in order, without following links.

    Folders of vendored and generated code are left out. What cannot be read comes with the reason.
    """
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            yield folder, Skipped("not readable")
            continue
        folders: list[Path] = []
        names = [entry.name for entry in entries]
        for entry in entries:
            yield from _entry(entry, names, folders)
        waiting += reversed(folders)


def _entry(
    entry: os.DirEntry[str], names: Sequence[str], folders: list[Path]
) -> Iterator[tuple[Path, Skipped | None]]:
    path = Path(entry.path)
    if entry.is_symlink():
        if language_of(entry.name) is not None or _is_folder(path):
            yield path, Skipped("symbolic link")
    elif entry.is_dir(follow_symlinks=False):
        if not _is_left_out(path, names):
            folders.append(path)
    elif language_of(entry.name) is not None and not _GENERATED.search(entry.name):
        yield path, None


def _is_left_out(folder: Path, beside: Iterable[str]) -> bool:
    """Return whether a folder's code is vendored or generated, by its name and what is around."""
    if folder.name == "env":
        return is_file(folder / "pyvenv.cfg")
    made = _MADE_BESIDE.get(folder.name)
    return folder.name in _LEFT_OUT or (made is not None and any(map(made.search, beside)))


def _names_in(folder: Path) -> Iterator[str]:
    """Yield the names in a folder, which is not read before one is asked for."""
    try:
        for entry in folder.iterdir():
            yield entry.name
    except OSError:
        return


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - also no where it may not be looked at


def is_file(path: Path) -> bool:
    """Return whether there is a file; no where it may not be looked at, or its name is too long."""
    return os.path.isfile(path)  # noqa: PTH113 - which says so itself


def read_source(path: Path) -> str | Skipped:
    """Return the text of a file, or why it is not read."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return Skipped("not readable")
        if found.st_size > _MOST_BYTES:
            return Skipped("too large")
        data = path.read_bytes()
    except OSError:
        return Skipped("not readable")
    return _text_of(data)


def _text_of(data: bytes) -> str | Skipped:
    """Return bytes as text, or why they are not to be read as source code."""
    if b"\0" in data:
        return Skipped("not UTF-8")
    lines = data.count(b"\n") + 1
    mean = len(data) / lines
    if len(data) > _MINIFIED_BYTES and mean > _MINIFIED_MEAN:
        return Skipped("minified")
    if len(data) > _LONGEST_LINE and max(map(len, data.split(b"\n"))) > _LONGEST_LINE:
        return Skipped("minified")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Skipped("not UTF-8")


def nested_too_deep(source: str) -> bool:
    """Return whether brackets are nested so deep that walking them could overflow the stack."""
    depth = 0
    for bracket in re.findall(r"[(\[{)\]}]", source):
        depth = depth + 1 if bracket in "([{" else max(depth - 1, 0)
        if depth > _DEEPEST:
            return True
    return False
