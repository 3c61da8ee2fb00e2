"""A redacted text, and how what was taken out of it is put back into what is copied from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import re

__all__ = ["RedactedText"]


class RedactedText(NamedTuple):
    """A text without what is to be kept from the disk.

    Args:
        text: What is left.
        original: The text itself.
        originals: What each placeholder stands for, as the text first spells it.
        placeholder: Pattern of placeholders.
    """

    text: str
    original: str
    originals: dict[str, str]
    placeholder: re.Pattern[str]

    def restore(self, copied: str) -> str | None:
        """Return a part of the text with the originals in their places.

        ``None`` where it holds a part of a placeholder, for which there is no original.
        """
        for placeholder, original in reversed(self.originals.items()):
            copied = copied.replace(placeholder, original)
        return None if self.holds_placeholder(copied) else copied

    def holds_placeholder(self, value: Any) -> bool:  # noqa: ANN401 - JSON
        """Tell whether a JSON value holds a placeholder, or its name, that is not in the text.

        Case does not count.
        """
        if isinstance(value, dict):
            return any(map(self.holds_placeholder, value.values()))
        if isinstance(value, list):
            return any(map(self.holds_placeholder, value))
        return isinstance(value, str) and self._holds(value.upper())

    def _holds(self, said: str) -> bool:
        own = self.original.upper()
        found = [match[0] for match in self.placeholder.finditer(said)]
        names = [name for placeholder in self.originals if (name := placeholder[1:-1]) in said]
        return any(one not in own for one in (*found, *names))
