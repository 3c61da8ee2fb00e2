"""The command line: one file a command, no logic of its own."""

from __future__ import annotations

import errno
import io
import logging
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from locum.cli.audit import audit_command
from locum.cli.calls import calls_app
from locum.cli.distill import distill_command
from locum.cli.export_lm import export_lm_command
from locum.cli.gateway import gateway_command
from locum.cli.generate import generate_command
from locum.cli.import_calls import import_command
from locum.cli.label import label_command
from locum.cli.output import say
from locum.cli.predict import predict_command
from locum.cli.promote import demote_command, promote_command
from locum.cli.relabel import relabel_command
from locum.cli.scan import scan_command
from locum.cli.status import status_command
from locum.cli.train_lm import train_lm_command
from locum.errors import LocumError

__all__ = ["app", "main"]

_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE}

app = typer.Typer(
    name="locum",
    help="Train a small model to stand in for an expensive one, and prove where it may.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 error, 2 usage, 3 no student keeps the promise, or a scan "
    "has findings that --fail-on forbids.",
)
app.command("scan")(scan_command)
app.command("gateway")(gateway_command)
app.command("import")(import_command)
app.add_typer(calls_app, name="calls")
app.command("audit")(audit_command)
app.command("generate")(generate_command)
app.command("label")(label_command)
app.command("relabel")(relabel_command)
app.command("distill")(distill_command)
app.command("train-lm")(train_lm_command)
app.command("export-lm")(export_lm_command)
app.command("predict")(predict_command)
app.command("promote")(promote_command)
app.command("demote")(demote_command)
app.command("status")(status_command)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - a callback of typer
    if wanted:
        typer.echo(f"locum {version('locum')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it and end."),
    ] = False,
) -> None:
    """Train a small model to stand in for an expensive one, and prove where it may."""


def main() -> None:
    """Run the command line; an expected error is one sentence and an exit code.

    So is an output that cannot be written, as its disk is full or nobody reads it any more.
    """
    logging.getLogger("stamina").setLevel(logging.ERROR)
    _open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except LocumError as error:
        say(f"locum: {error}", to_stderr=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in _UNWRITABLE or error.filename is not None:
            raise
        # What is left in the buffer would be tried, and fail, once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno != errno.EPIPE:
            typer.echo(f"locum: the output cannot be written: {error.strerror}", err=True)
        sys.exit(1)


def _open_missing_streams() -> None:
    """Read nothing from, and write nowhere to, a standard stream that was closed before."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - it stays
