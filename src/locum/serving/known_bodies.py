"""Bodies that differ in one string alone: that string is found without reading the rest again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["KnownBodies"]

Meaning = TypeVar("Meaning")

_MOST_FOR_A_KEY = 8
_MOST_KEYS = 256
_MOST_IN_VAIN = 32
_LARGEST = 64 * 1024
# What might be taken off an input's ends, or be escaped in it, is in there.
_MARKER = '\n "locum\\" \u00fc\u2028\U0001f600 \t'


class _Slot(NamedTuple, Generic[Meaning]):
    """A body around a string: up to its opening quote, and from its closing quote on."""

    before: bytes
    after: bytes
    meaning: Meaning

    def find(self, body: bytes) -> str | None:
        """Return what a body says in the string's place, where all else is the same."""
        start, end = len(self.before), len(body) - len(self.after)
        if start > end or not (body.startswith(self.before) and body.endswith(self.after)):
            return None
        try:
            # As a whole it is one string, so that no quote in it ends what the body said there.
            found: str = orjson.loads(b'"%b"' % body[start:end])
        except orjson.JSONDecodeError:
            return None
        return found


class KnownBodies(Generic[Meaning]):
    """Remembers what bodies meant in which one string, the input, changes from call to call.

    A body means the same as another of which each byte but those of the input is the same, if both
    are read by the same rules: bodies are looked up by a key that stands for these.
    """

    def __init__(self) -> None:
        self._slots: dict[Hashable, list[_Slot[Meaning]]] = {}
        self._in_vain: dict[Hashable, int] = {}

    def forget(self) -> None:
        """Forget all."""
        self._slots.clear()
        self._in_vain.clear()

    def find(self, key: Hashable, body: bytes) -> tuple[str, Meaning] | None:
        """Return input and meaning of a body that is known."""
        for slot in self._slots.get(key, ()):
            text = slot.find(body)
            if text is not None:
                self._in_vain[key] = 0
                return text, slot.meaning
        return None

    def learn(
        self,
        key: Hashable,
        body: bytes,
        meaning: Meaning,
        read: Callable[[bytes], tuple[str, object] | None],
    ) -> None:
        """Remember a body, if its input is one string of it.

        After 32 bodies of a key by which no other was known, no more of them are remembered.

        Args:
            key: Bodies of the same key are read by the same rules.
            body: The body.
            meaning: What it means, its input aside.
            read: Returns the input of a body, and all that its meaning depends on besides.
        """
        tried = self._in_vain.get(key, 0)
        if tried >= _MOST_IN_VAIN or len(body) > _LARGEST or len(self._in_vain) > _MOST_KEYS:
            return
        self._in_vain[key] = tried + 1
        around = _cut(body, read)
        if around is not None:
            slot = _Slot(*around, meaning)
            self._slots[key] = [slot, *self._slots.get(key, [])][:_MOST_FOR_A_KEY]


def _cut(
    body: bytes, read: Callable[[bytes], tuple[str, object] | None]
) -> tuple[bytes, bytes] | None:
    """What stands before and after the string that is the input, quotes included."""
    found = read(body)
    if found is None:
        return None
    text, others = found
    for written in (orjson.dumps(text), json.dumps(text).encode()):
        before, held, after = body.partition(written)
        # Whatever stands there has to be the input, and to change nothing else.
        marked = b"".join((before, orjson.dumps(_MARKER), after))
        if held and written not in after and read(marked) == (_MARKER, others):
            return before + b'"', b'"' + after
    return None
