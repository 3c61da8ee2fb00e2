"""Processes of the gateway's own, each at the other end of a socket pair."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

__all__ = ["start_child", "why_failed"]


def start_child(module: str, theirs: socket.socket, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a module of Locum's as a process that is told the number of its end of a socket.

    Args:
        module: Its name.
        theirs: The end that it gets.
        arguments: What follows the number on its command line.

    Raises:
        OSError: It cannot be started.
    """
    # -P: no file of the current folder may stand in for a module.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, str(theirs.fileno()), *arguments],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        process_group=0,
    )


def why_failed(error: OSError) -> str:
    """Return what the system says of a process that cannot be started."""
    return error.strerror or str(error)
