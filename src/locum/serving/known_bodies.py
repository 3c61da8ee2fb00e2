"""Bodies that differ in one string alone: that string is found without reading the rest again."""

from __future__ import annotations

import random
import re
from collections import OrderedDict
from itertools import islice
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    Read = Callable[[bytes], tuple[str, object] | None]

__all__ = ["KnownBodies"]

Meaning = TypeVar("Meaning")

_MOST_FOR_A_KEY = 16
_MOST_KEYS = 256
_MOST_BYTES = 32 * 1024 * 1024
_LARGEST = 64 * 1024
_TRIED_IN_VAIN = 32
_TRIED_LATER = 1 / 16
# Each of a body's strings that are equal to its input takes as long to try as to read the body.
_MOST_EQUAL = 4
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_chance = random.Random()  # noqa: S311 - a sample
# What might be taken off an input's ends, or be escaped in it, is in there.
_MARKER = '\n "locum\\" \u00fc\u2028\U0001f600 \t'


class _Slot(NamedTuple, Generic[Meaning]):
    """A body around a string: up to its opening quote, and from its closing quote on."""

    before: bytes
    after: bytes
    meaning: Meaning

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return len(self.before) + len(self.after)

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


class _Shelf(Generic[Meaning]):
    """What is known of one key.

    Args:
        slots: Bodies, those found last at the front.
        in_vain: How many bodies were tried to be remembered, less how many were found.
    """

    def __init__(self) -> None:
        self.slots: list[_Slot[Meaning]] = []
        self.in_vain = 0

    def find(self, body: bytes) -> tuple[str, Meaning] | None:
        """Return input and meaning of a body that is known."""
        for place, slot in enumerate(self.slots):
            text = slot.find(body)
            if text is not None:
                self.in_vain = max(self.in_vain - 1, 0)
                if place:
                    self.slots.insert(0, self.slots.pop(place))
                return text, slot.meaning
        return None

    def may_try(self) -> bool:
        """Tell whether it is worth a try to remember one more, which takes as long as to read it.

        Where 32 were tried in vain, one of 16 still is, drawn at random: calls may come in turns.
        """
        return self.in_vain < _TRIED_IN_VAIN or _chance.random() < _TRIED_LATER

    def keep(self, slot: _Slot[Meaning]) -> int:
        """Put a body at the front; return how many bytes more are held now."""
        self.slots.insert(0, slot)
        let_go = self.slots[_MOST_FOR_A_KEY:]
        del self.slots[_MOST_FOR_A_KEY:]
        return slot.size - sum(one.size for one in let_go)


class KnownBodies(Generic[Meaning]):
    """Remembers what bodies meant in which one string, the input, changes from call to call.

    A body means the same as another of which each byte but those of the input is the same, if both
    are read by the same rules: bodies are looked up by a key that stands for these. 16 bodies of a
    key are remembered, of 256 keys, 32 MB at most in all; those that were not needed for longest
    are forgotten.
    """

    def __init__(self) -> None:
        self._shelves: OrderedDict[Hashable, _Shelf[Meaning]] = OrderedDict()
        self._bytes = 0

    def forget(self) -> None:
        """Forget all."""
        self._shelves.clear()
        self._bytes = 0

    def find(self, key: Hashable, body: bytes) -> tuple[str, Meaning] | None:
        """Return input and meaning of a body that is known."""
        shelf = self._shelves.get(key)
        if shelf is None:
            return None
        self._shelves.move_to_end(key)
        return shelf.find(body)

    def learn(self, key: Hashable, body: bytes, meaning: Meaning, read: Read) -> None:
        """Remember a body that is not known yet, if its input is one string of it.

        Args:
            key: Bodies of the same key are read by the same rules.
            body: The body.
            meaning: What it means, its input aside.
            read: Returns the input of a body, and all that its meaning depends on besides.
        """
        if len(body) > _LARGEST or self.find(key, body) is not None:
            return
        shelf = self._shelves.setdefault(key, _Shelf())
        if not shelf.may_try():
            return
        shelf.in_vain += 1
        around = _cut(body, read)
        if around is not None:
            self._bytes += shelf.keep(_Slot(*around, meaning))
        while len(self._shelves) > _MOST_KEYS or self._bytes > _MOST_BYTES:
            _, oldest = self._shelves.popitem(last=False)
            self._bytes -= sum(slot.size for slot in oldest.slots)


def _cut(body: bytes, read: Read) -> tuple[bytes, bytes] | None:
    """What stands before and after the string that is the input, quotes included."""
    found = read(body)
    if found is None:
        return None
    text, others = found
    equal = (string for string in reversed([*_STRING.finditer(body)]) if _says(string[0], text))
    for string in islice(equal, _MOST_EQUAL):
        before, after = body[: string.start()], body[string.end() :]
        # Whatever stands there has to be the input, and to change nothing else.
        if read(b"".join((before, orjson.dumps(_MARKER), after))) == (_MARKER, others):
            return before + b'"', b'"' + after
    return None


def _says(written: bytes, text: str) -> bool:
    try:
        return bool(orjson.loads(written) == text)
    except orjson.JSONDecodeError:
        return False
