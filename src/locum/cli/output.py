"""What commands print: rows, JSON and amounts."""

from __future__ import annotations

from typing import Any

import typer

__all__ = ["dollars", "print_json", "print_rows"]


def print_rows(rows: list[list[str]], *, to_stdout: bool) -> None:
    """Print names with their values, one a line."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(highlight=False, stderr=not to_stdout)
    console.print(table)


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object."""
    import orjson

    typer.echo(orjson.dumps(value).decode())


def dollars(amount: float | None) -> str:
    """Return an amount to three digits."""
    from locum.report import format_dollars

    return format_dollars(amount)
