"""What commands print: rows, JSON and amounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

__all__ = ["dollars", "print_json", "print_rows", "table"]


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return a table with a word of a heading on each line.

    The first column alone is set to the left, and folded where the terminal is too narrow.
    """
    from rich.table import Table
    from rich.text import Text

    headings = [column.replace(" ", "\n") for column in columns]
    found = Table(*headings, title=Text(title), title_justify="left")
    found.columns[0].overflow = "fold"
    for column in found.columns[1:]:
        column.justify = "right"
    for row in rows:
        found.add_row(*map(Text, row))
    return found


def print_rows(rows: list[list[str]], *, to_stdout: bool) -> None:
    """Print names with their values, one a line."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    plain = Table(box=None, pad_edge=False, show_header=False)
    for row in rows:
        plain.add_row(*map(Text, row))
    console = Console(highlight=False, stderr=not to_stdout)
    console.print(plain)


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object."""
    import orjson

    typer.echo(orjson.dumps(value).decode())


def dollars(amount: float | None) -> str:
    """Return an amount to three digits."""
    from locum.report import format_dollars

    return format_dollars(amount)
