"""Write the help of every command into docs/cli.md; ``--print`` prints it instead."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ |= {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1", "TYPER_USE_RICH": "0"}

from typer.main import get_command
from typer.testing import CliRunner

from locum.cli import app

TARGET = Path(__file__).parent.parent / "docs" / "cli.md"
HEAD = """# The command line

Data goes to standard output, progress and notes to standard error. Exit codes: 0 done, 1 error,
2 usage, 3 no student keeps the promise or a scan has findings that `--fail-on` forbids, 130
interrupted. Made by `scripts/document_cli.py`; a test compares.
"""


def render() -> str:
    """Return the page."""
    runner = CliRunner()
    names = [[], *([name] for name in sorted(get_command(app).commands))]  # type: ignore[attr-defined]
    parts = [HEAD]
    for name in names:
        output = runner.invoke(app, [*name, "--help"], prog_name="locum").output
        lines = "\n".join(line.rstrip() for line in output.strip("\n").splitlines())
        parts.append(f"## {' '.join(['locum', *name])}\n\n```text\n{lines}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    if "--print" in sys.argv[1:]:
        sys.stdout.write(render())
    else:
        TARGET.write_text(render(), "utf-8")
