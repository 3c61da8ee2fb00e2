"""The command line as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["run"]


def run(
    *arguments: str, folder: Path, stdin: bytes = b"", code: int = 0
) -> subprocess.CompletedProcess[bytes]:
    """Run ``locum`` in a folder and check its exit code and that it prints no traceback."""
    environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "120"}
    environment.pop("LOCUM_HOME", None)
    done = subprocess.run(
        [sys.executable, "-m", "locum", *arguments],
        cwd=folder,
        input=stdin,
        capture_output=True,
        env=environment,
        check=False,
    )
    assert done.returncode == code, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    return done
