"""Lines a second that `locum scan` reads: 1,000,000 lines of ordinary code and of the corpus."""

from __future__ import annotations

import argparse
import shutil
import sysconfig
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from locum.scan import scan_paths
from locum.scan.files import Skipped, read_source, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

CORPUS = Path(__file__).parent.parent / "tests" / "scan_corpus"
# One file in twenty calls a model, which is more than most applications have.
ORDINARY_BETWEEN = 19


def main() -> None:
    """Make a tree of files, scan it, and print what that takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = fill(Path(folder), arguments.lines)
        began = time.perf_counter()
        report = scan_paths([Path(folder)], processes=arguments.processes)
        seconds = time.perf_counter() - began
    print(
        f"{report.lines:,} lines of {report.files:,} files ({lines:,} written), "
        f"{len(report.sites):,} call sites, {len(report.findings):,} findings, "
        f"{arguments.processes} processes: {seconds:.1f} s, {report.lines / seconds:,.0f} lines/s"
    )


def fill(folder: Path, lines: int) -> int:
    """Copy files into a folder until they have so many lines, and return how many they have."""
    calling = cycle(corpus_files())
    written = 0
    for number, path in enumerate(ordinary_files(), 1):
        written += copy(path, folder, number)
        if number % (ORDINARY_BETWEEN + 1) == 0:
            written += copy(next(calling), folder, -number)
        if written >= lines:
            break
    return written


def copy(path: Path, folder: Path, number: int) -> int:
    """Copy a file under a new name, 200 to a folder; return how many lines it has."""
    source = read_source(path)
    if isinstance(source, Skipped):
        return 0
    target = folder / f"part{abs(number) // 200}" / f"f{number}_{path.name.removeprefix('test_')}"
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(path, target)
    return source.count("\n")


def ordinary_files() -> Iterator[Path]:
    """Installed packages of the running Python."""
    packages = Path(sysconfig.get_paths()["purelib"])
    folders = sorted(path for path in packages.iterdir() if path.is_dir())
    found = [path for folder in folders for path, problem in walk(folder) if problem is None]
    return cycle(found)


def corpus_files() -> list[Path]:
    """Files of the labelled corpus."""
    return [path for path, problem in walk(CORPUS) if problem is None]


if __name__ == "__main__":
    main()
