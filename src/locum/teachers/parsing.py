"""From an answer as a teacher wrote it to the label it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from locum.schema import bare_key, label_key

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LabelParser"]

_LONGEST_ANSWER = 10_000


class LabelParser:
    """Finds the label that an answer means, or none.

    An answer means a label if it is that label, but for case and spaces, for punctuation, quotes
    and Markdown around it, or inside a code fence, or if it is JSON whose only value, or whose
    ``label``, does. A label that is only mentioned in a sentence does not count.

    Args:
        labels: The task's labels, distinct also when case is ignored.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._index = {label_key(label): index for index, label in enumerate(labels)}
        self._bare_index = {bare_key(key): index for key, index in reversed(self._index.items())}

    def __call__(self, answer: str) -> int | None:
        """Return the index of the label that ``answer`` means."""
        if len(answer) > _LONGEST_ANSWER:
            return None
        unfenced = _without_fence(answer)
        for value in (answer, unfenced, _json_value(unfenced)):
            index = self._find(value) if value is not None else None
            if index is not None:
                return index
        return None

    def _find(self, value: str) -> int | None:
        key = label_key(value)
        exact = self._index.get(key)
        return exact if exact is not None else self._bare_index.get(bare_key(key))


def _without_fence(answer: str) -> str:
    stripped = answer.strip()
    if not (stripped.startswith("```") and stripped.endswith("```") and len(stripped) > 6):
        return stripped
    first, newline, rest = stripped[3:-3].partition("\n")
    return rest.strip() if newline else first.strip()


def _json_value(answer: str) -> str | None:
    if answer[:1] not in {"{", '"'}:
        return None
    try:
        value = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return None
    if isinstance(value, dict):
        value = value.get("label", next(iter(value.values())) if len(value) == 1 else None)
    return value if isinstance(value, str) else None
