"""From an answer as a teacher wrote it to the label it means."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from locum.schema import MARKS, label_key
from locum.teachers.json_strings import JsonString, speaking_string

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locum.schema import Marks

__all__ = ["LabelParser"]

_LONGEST_ANSWER = 10_000
_FENCE = "```"


class _Body(NamedTuple):
    """An answer without the code fence and the spaces around it, and where in it that begins."""

    text: str
    start: int


class LabelParser:
    """Finds the label that an answer means, or none.

    An answer means a label if it is that label, but for case and spaces, for punctuation, quotes
    and Markdown around it, or inside a code fence; or if it is JSON, and the string in it that
    gives the answer is (see `speaking_string`). A label that is only mentioned in a sentence does
    not count. Of labels that differ in what stands around them, such as ``<5`` and ``>5``, no more
    is taken off than still tells them apart: quotes, then asterisks, then a full stop.

    Args:
        labels: The task's labels, distinct also when case is ignored.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._tables = _tables(labels)

    @property
    def tables(self) -> Sequence[tuple[Marks, Mapping[str, int]]]:
        """What labels are without such marks, with their indices, in the order of trying."""
        return self._tables

    def __call__(self, answer: str) -> int | None:
        """Return the index of the label that ``answer`` means."""
        if len(answer) > _LONGEST_ANSWER:
            return None
        index = self._find_plain(answer)
        if index is not None:
            return index
        spoken = self._find_json(answer)
        return self.find(spoken.text) if spoken else None

    def find(self, value: str) -> int | None:
        """Return the index of the label that a text is, fences and JSON aside."""
        key = label_key(value)
        found = (table.get(marks.off(key)) for marks, table in self._tables)
        return next((index for index in found if index is not None), None)

    def locate(self, answer: str) -> JsonString | None:
        """Return the string inside JSON that a call of the parser reads, label or not.

        Returns:
            ``None`` where the answer is read as it stands, or where no string in it speaks for it.
        """
        if len(answer) > _LONGEST_ANSWER or self._find_plain(answer) is not None:
            return None
        return self._find_json(answer)

    def _find_plain(self, answer: str) -> int | None:
        index = self.find(answer)
        return index if index is not None else self.find(_body_of(answer).text)

    def _find_json(self, answer: str) -> JsonString | None:
        body = _body_of(answer)
        spoken = speaking_string(body.text, lambda value: self.find(value) is not None)
        if spoken is None:
            return None
        return JsonString(spoken.text, body.start + spoken.start, body.start + spoken.end)


def _tables(labels: Sequence[str]) -> list[tuple[Marks, Mapping[str, int]]]:
    """Return what tells labels apart, by the marks that are taken off them: the fewest first."""
    index = {label_key(label): place for place, label in enumerate(labels)}
    bare = _told_apart(index, MARKS[-1])
    # The others are found by all marks or none.
    alike = {key: place for key, place in index.items() if MARKS[-1].off(key) not in bare}
    between = [(marks, _without(alike, marks)) for marks in MARKS[1:-1]]
    tables = [(MARKS[0], index), *between, (MARKS[-1], bare)]
    return [(marks, table) for marks, table in tables if table]


def _without(index: Mapping[str, int], marks: Marks) -> dict[str, int]:
    """Indices of the labels that no other looks like without marks, and that have none of these.

    Of one that has some, an answer may be what is left by chance.
    """
    apart = _told_apart(index, marks)
    return {key: place for key, place in apart.items() if index.get(key) == place}


def _told_apart(index: Mapping[str, int], marks: Marks) -> dict[str, int]:
    """Indices of the labels that no other looks like without marks."""
    alike = Counter(map(marks.off, index))
    return {marks.off(key): place for key, place in index.items() if alike[marks.off(key)] == 1}


def _body_of(answer: str) -> _Body:
    """Return what stands inside a code fence, or the whole answer, without spaces around it."""
    text, start = _stripped(answer, 0)
    if not (text.startswith(_FENCE) and text.endswith(_FENCE) and len(text) > 2 * len(_FENCE)):
        return _Body(text, start)
    inside, start = text[len(_FENCE) : -len(_FENCE)], start + len(_FENCE)
    first, newline, rest = inside.partition("\n")
    return _stripped(rest, start + len(first) + 1) if newline else _stripped(first, start)


def _stripped(text: str, start: int) -> _Body:
    return _Body(text.strip(), start + len(text) - len(text.lstrip()))
