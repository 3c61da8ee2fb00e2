"""Other scripts' ways to write digits, Latin letters and spaces, as patterns know them."""

from __future__ import annotations

import re

__all__ = ["OTHER", "folded"]

# Arabic, Persian, Devanagari and Bengali.
_ZEROS = (0x660, 0x6F0, 0x966, 0x9E6)
# Full-width, as Chinese, Japanese and Korean keyboards type them, from the exclamation mark on.
_WIDE, _NARROW, _WIDE_COUNT = 0xFF01, 0x21, 94
# Of the widths of digits and half a letter, and of a whole one.
_SPACES = "\u2002\u2003\u2007\u2008\u200a\u3000"

_TABLE: dict[int, int | str] = {
    **{zero + digit: 0x30 + digit for zero in _ZEROS for digit in range(10)},
    **{_WIDE + place: _NARROW + place for place in range(_WIDE_COUNT)},
    **dict.fromkeys(map(ord, _SPACES), 0x20),
}
OTHER = re.compile(f"[{''.join(map(chr, _TABLE))}]")
"""What is folded."""


def folded(text: str) -> str:
    """Return a text of the same length in which such characters are ASCII; else the text itself."""
    if text.isascii() or OTHER.search(text) is None:
        return text
    return text.translate(_TABLE)
