"""The gateway's end of the socket to a student's process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import orjson

if TYPE_CHECKING:
    import asyncio
    import socket

__all__ = ["StudentEnd"]

# Each read makes room for as much: more would be kept by the allocator.
_READ_BYTES = 64 * 1024


class _Link(Protocol):
    def take(self, said: Any) -> None:  # noqa: ANN401 - JSON
        """Take a line of the process."""

    def lost(self, end: StudentEnd) -> None:
        """Take note that the process has closed its end."""


class StudentEnd:
    """Lines of JSON both ways.

    Args:
        link: Takes what comes.
        end: The socket.
        loop: Tells when there is something to read or room to write.
    """

    def __init__(self, link: _Link, end: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self._link = link
        self._end = end
        self._loop = loop
        self._read = b""
        self._unsent = bytearray()
        end.settimeout(0)
        loop.add_reader(end.fileno(), self._on_readable)

    def write(self, data: bytes) -> None:
        """Send data now, or as soon as there is room."""
        self._unsent += data
        if self._push():
            self._loop.add_writer(self._end.fileno(), self._on_writable)

    def _on_writable(self) -> None:
        if not self._push():
            self._loop.remove_writer(self._end.fileno())

    def _push(self) -> bool:
        """Send what there is room for, and tell whether something is left."""
        try:
            sent = self._end.send(self._unsent)
        except BlockingIOError:
            return True
        except OSError:
            # Where the process is dead, the end of its answers tells so.
            self._unsent.clear()
            return False
        del self._unsent[:sent]
        return bool(self._unsent)

    def _on_readable(self) -> None:
        try:
            data = self._end.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._end.fileno())
            self._link.lost(self)
            return
        *lines, self._read = (self._read + data).split(b"\n")
        for line in lines:
            self._link.take(orjson.loads(line))

    def close(self) -> None:
        """Close the socket."""
        self._loop.remove_reader(self._end.fileno())
        self._loop.remove_writer(self._end.fileno())
        self._end.close()
