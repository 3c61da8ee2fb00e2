r"""Packages of Debian as a generation task: from the long description to the synopsis.

Takes the index of ``apt-get update -o Acquire::Languages=en`` and writes pairs::

    /usr/lib/apt/apt-helper cat-file /var/lib/apt/lists/*_bookworm_main_i18n_Translation-en.lz4 \
        | python -m benchmarks.synopses --pairs 1500 > synopses.csv
"""

from __future__ import annotations

import argparse
import csv
import random
import re
import sys
from typing import TYPE_CHECKING

from benchmarks.debian_descriptions import read_index

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["first_sentence", "read_pairs"]

_SENTENCE_ENDS = re.compile(r"(?<=[.!?]) (?=[A-Z])")
_TEXT, _SYNOPSIS = range(100, 301), range(15, 81)
_SEED = 1


def read_pairs(index: str) -> Iterator[tuple[str, str]]:
    """Yield the long description and the synopsis of packages, of usual lengths alone.

    Args:
        index: A translation index as apt has it.
    """
    for _, synopsis, given in read_index(index):
        # Some full stops that stand for empty lines have a space after them.
        lines = (line.strip() for line in given.splitlines())
        text = "\n".join("" if line == "." else line for line in lines).strip()
        if len(text) in _TEXT and len(synopsis) in _SYNOPSIS:
            yield text, synopsis


def first_sentence(text: str) -> str:
    """Return the first sentence of a text on one line; a rule in a teacher's place."""
    return _SENTENCE_ENDS.split(" ".join(text.split()), maxsplit=1)[0]


def main() -> None:
    """Write pairs as CSV, each description once, in a random order that is always the same."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--first-sentence", action="store_true", help="as answers, on one line")
    parser.add_argument("--pairs", type=int, default=1500)
    asked = parser.parse_args()
    pairs: dict[str, str] = {}
    for text, synopsis in read_pairs(sys.stdin.read()):
        pairs.setdefault(text, first_sentence(text) if asked.first_sentence else synopsis)
    rows = sorted(pairs.items())
    random.Random(_SEED).shuffle(rows)  # noqa: S311 - no secret
    writer = csv.writer(sys.stdout)
    writer.writerow(["text", "answer"])
    writer.writerows(rows[: asked.pairs])


if __name__ == "__main__":
    main()
