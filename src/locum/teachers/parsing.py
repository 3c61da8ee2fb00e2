"""From an answer as a teacher wrote it to the label it means."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.schema import bare_key, label_key
from locum.teachers.json_strings import JsonString, speaking_string

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    not count.

    Args:
        labels: The task's labels, distinct also when case is ignored.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._keys = {label_key(label): index for index, label in enumerate(labels)}
        self._bare_keys = {bare_key(key): index for key, index in reversed(self._keys.items())}

    @property
    def keys(self) -> Mapping[str, int]:
        """Index of each label by its `label_key`."""
        return self._keys

    @property
    def bare_keys(self) -> Mapping[str, int]:
        """Index of each label by its `bare_key`; the first one where several share it."""
        return self._bare_keys

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
        exact = self._keys.get(key)
        return exact if exact is not None else self._bare_keys.get(bare_key(key))

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
