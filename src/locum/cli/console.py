"""The one way in which commands print what others wrote, such as texts of calls, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console

from locum.printing import printable

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["PlainConsole"]


class PlainConsole(Console):
    """Prints strings, also those in tables, as they stand.

    They are no markup, and what in them would steer the terminal is escaped.

    Args:
        width_in_files: How wide lines are where no terminal reads them.
        options: Of the console that it is otherwise.
    """

    def __init__(self, *, width_in_files: int | None = None, **options: Any) -> None:  # noqa: ANN401
        super().__init__(markup=False, emoji=False, highlight=False, **options)
        if width_in_files is not None and not self.is_terminal:
            self.width = width_in_files

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401
        """Return a string as text; Rich asks for each that it is to print."""
        return super().render_str(printable(text, keep="\n\t"), **options)
