"""Runs a program for as long as whoever started this holds its standard input open.

So a server that Locum started ends with it, however that ends. It imports nothing of Locum's: it is
run as a file, and is there at once.

    python keeper.py FOLDER PROGRAM ARGUMENT...

At the end it removes the folder, and prints the last lines that the program wrote as its errors.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress

_LAST_LINES = 5
_NOT_STARTED = 127
# To which shells add the number of a signal.
_BY_SIGNAL = 128


def main() -> int:
    """Run what the command line names, and return its exit status."""
    folder, *command = sys.argv[1:]
    try:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        _say(str(error).encode())
        return _NOT_STARTED
    threading.Thread(target=_end_with_input, args=(server,), daemon=True).start()
    last = deque(server.stderr or (), maxlen=_LAST_LINES)
    status = server.wait()
    shutil.rmtree(folder, ignore_errors=True)
    _say(b"".join(last))
    return status if status >= 0 else _BY_SIGNAL - status


def _say(text: bytes) -> None:
    with suppress(OSError):  # where nobody reads it any more
        os.write(1, text)


def _end_with_input(server: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1):
        pass
    server.kill()


if __name__ == "__main__":
    sys.exit(main())
