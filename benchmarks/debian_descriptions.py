"""Descriptions of Debian's packages: a long text by people, and its synopsis in a line.

Read from the package index of the machine, which `apt-get update` fetches where
``Acquire::Languages`` is ``en``. Descriptions of packages of one source are much
alike, so the first of each text is taken alone.
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Description", "read_descriptions", "read_index"]

_FILES = (
    *("apt-get", "-o", "Acquire::Languages=en", "indextargets"),
    *("--format", "$(FILENAME)", "Created-By: Translations"),
)
_SHORT = 200
_STANZA = re.compile(r"Package: (.+)\n(?:.+\n)*?Description-en: (.*)\n((?: .*\n)*)")
_WITHIN_A_PARAGRAPH = re.compile(r"(?<=[^\n])\n(?=[^\n \-*])")


class Description(NamedTuple):
    """A package's.

    Args:
        package: Its name.
        synopsis: A line.
        text: The long description.
    """

    package: str
    synopsis: str
    text: str


def read_descriptions(shortest: int = _SHORT) -> list[Description]:
    """Return descriptions of ``shortest`` characters or more, in the order of the index.

    Each paragraph is one line.

    Raises:
        SystemExit: There is no index.
    """
    files = subprocess.run(_FILES, capture_output=True, text=True, check=True).stdout.split()
    if not files:
        raise SystemExit("no descriptions: apt-get -o Acquire::Languages=en update")
    index = subprocess.run(
        ["/usr/lib/apt/apt-helper", "cat-file", *files], capture_output=True, text=True, check=True
    ).stdout
    found: dict[str, Description] = {}
    for one in read_index(index):
        text = _WITHIN_A_PARAGRAPH.sub(" ", one.text).strip()
        if len(text) >= shortest:
            found.setdefault(text, one._replace(text=text))
    return list(found.values())


def read_index(index: str) -> Iterator[Description]:
    """Yield all descriptions of a translation index as apt has it, with its ends of lines.

    Its form is undone: a space before each line, and a full stop for an empty one.
    """
    for stanza in index.split("\n\n"):
        match = _STANZA.match(stanza + "\n")
        if match:
            lines = ("" if line == " ." else line[1:] for line in match[3].splitlines())
            yield Description(match[1], match[2], "\n".join(lines))
