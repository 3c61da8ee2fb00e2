"""A redacted text, and how what was taken out of it is put back into an answer about it."""

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
        originals: What each placeholder stands for.
        placeholder: Pattern of placeholders.
    """

    text: str
    original: str
    originals: dict[str, str]
    placeholder: re.Pattern[str]

    def restore(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        """Return a JSON value that was read in the text, with the originals in their places.

        Raises:
            ValueError: It holds a placeholder, or the name of one, that the text itself does not.
        """
        if isinstance(value, dict):
            return {name: self.restore(held) for name, held in value.items()}
        if isinstance(value, list):
            return [self.restore(held) for held in value]
        return self._restored(value) if isinstance(value, str) else value

    def _restored(self, said: str) -> str:
        for placeholder, original in reversed(self.originals.items()):
            said = said.replace(placeholder, original)
        found = [match[0] for match in self.placeholder.finditer(said)]
        names = [name for one in self.originals if (name := one[1:-1]) in said]
        left = [one for one in (*found, *names) if one not in self.original]
        if left:
            raise ValueError(f"{left[0]} stands for nothing in this text")
        return said
