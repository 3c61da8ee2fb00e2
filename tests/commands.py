"""The command line as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from typer.testing import CliRunner

from locum.cli.app import app
from locum.errors import LocumError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["in_json", "locum", "refusal", "run"]


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


def locum(home: Path, *arguments: str, columns: int = 200, code: int = 0) -> str:
    """Run a command in this process, and return what it prints."""
    environment = {"COLUMNS": str(columns)}
    done = CliRunner().invoke(app, [*arguments, "--home", str(home)], env=environment)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output if code else done.stdout


def in_json(home: Path, *arguments: str) -> Any:  # noqa: ANN401 - JSON
    """Run a command in this process, and return the object that it prints."""
    return orjson.loads(locum(home, *arguments, "--json"))


def refusal(home: Path, *arguments: str, code: int = 1) -> str:
    """Run a command that is refused, and return why."""
    with pytest.raises(LocumError) as refused:
        locum(home, *arguments)
    assert refused.value.exit_code == code
    return str(refused.value)
