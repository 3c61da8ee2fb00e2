"""What commands print: rows, JSON and amounts."""

from __future__ import annotations

import shlex
import shutil
import sys
from typing import TYPE_CHECKING, Any

import typer

from locum.printing import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table

    from locum.labelling import GenerationPlan
    from locum.teachers import LabellingPlan
    from locum.teachers.planning import PlannedTeacher

__all__ = [
    "about_dollars",
    "command_to_type",
    "count_of_calls",
    "dollars",
    "print_json",
    "print_notes",
    "print_rows",
    "say",
    "table",
]


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return a table with a word of a heading on each line.

    The first column alone is set to the left, and folded where the terminal is too narrow.
    """
    from rich.table import Table

    headings = [column.replace(" ", "\n") for column in columns]
    found = Table(*headings, title=title, title_justify="left")
    found.columns[0].overflow = "fold"
    for column in found.columns[1:]:
        column.justify = "right"
    for row in rows:
        found.add_row(*row)
    return found


def print_rows(rows: list[list[str]], *, to_stdout: bool) -> None:
    """Print names with their values, one a line."""
    from rich.table import Table

    from locum.cli.console import PlainConsole

    plain = Table(box=None, pad_edge=False, show_header=False)
    for row in rows:
        plain.add_row(*row)
    PlainConsole(stderr=not to_stdout).print(plain)


def print_notes(notes: Iterable[str]) -> None:
    """Print what should be known besides, a sentence each, where it is in no result's way."""
    from locum.cli.progress import stderr_console

    console = stderr_console()
    for note in notes:
        console.print(f"note: {note}")


def command_to_type(*arguments: str, **options: object) -> str:
    """Return a command of Locum as it can be typed here.

    Args:
        arguments: What follows the program's name.
        options: By name, those that are ``None`` or ``False`` left out; a list's option is
            repeated, and ``True`` stands for an option alone.
    """
    program = "locum" if shutil.which("locum") else f"{shlex.quote(sys.executable)} -m locum"
    given = [*arguments]
    for name, value in options.items():
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if one is not None and one is not False:
                given += [f"--{name.replace('_', '-')}", *([] if one is True else [str(one)])]
    return f"{program} {shlex.join(given)}"


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object, in UTF-8 whatever the encoding of standard output."""
    import orjson

    typer.echo(printable(orjson.dumps(value).decode()).encode())


def say(text: str, *, to_stderr: bool = False) -> None:
    """Print a sentence or a line, which may name what others wrote."""
    typer.echo(printable(text, keep="\n\t"), err=to_stderr)


def count_of_calls(count: int) -> str:
    """Return how many calls, in words."""
    return f"{count:,} call{'s' * (count != 1)}"


def dollars(amount: float | None) -> str:
    """Return an amount to three digits."""
    from locum.prices import format_dollars

    return format_dollars(amount)


def about_dollars(plan: GenerationPlan | LabellingPlan | PlannedTeacher) -> str:
    """Return what a plan is likely to cost, as two amounts where it depends on the answers."""
    from locum import prices

    return prices.about_dollars(plan.likely_usd, plan.likely_usd_at_most)
