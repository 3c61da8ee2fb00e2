"""Frames: how a record goes through the socket between the gateway and the recorder."""

from __future__ import annotations

import struct

__all__ = ["pack", "take_frames"]

_LENGTHS = struct.Struct("!III")


def pack(facts: bytes, request: bytes, response: bytes) -> bytes:
    """Return the three parts of a record as one frame: their lengths, then they."""
    lengths = _LENGTHS.pack(len(facts), len(request), len(response))
    return b"".join((lengths, facts, request, response))


def take_frames(received: bytearray) -> list[tuple[bytes, ...]]:
    """Remove the whole frames at the beginning of what was received, and return their parts.

    Args:
        received: What has arrived; what is left of it begins with a frame that is not whole.
    """
    frames = []
    position = 0
    with memoryview(received) as view:
        while position + _LENGTHS.size <= len(view):
            lengths = _LENGTHS.unpack_from(view, position)
            start = position + _LENGTHS.size
            if start + sum(lengths) > len(view):
                break
            parts = []
            for length in lengths:
                parts.append(bytes(view[start : start + length]))
                start += length
            frames.append(tuple(parts))
            position = start
    del received[:position]
    return frames
