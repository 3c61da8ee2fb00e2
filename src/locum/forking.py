"""A lock that is open in every process that is forked.

A fork takes along what all threads hold, and none of them but the one that forks: a lock that
another one holds at that moment would stay closed for ever. So a fork waits until this one is open.
It belongs to no object, which lets those that use it be pickled and copied.
"""

from __future__ import annotations

import os
import threading

__all__ = ["REMEMBERING"]

REMEMBERING = threading.Lock()
"""Held while a student remembers something, for less than a millisecond."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=REMEMBERING.acquire,
        after_in_parent=REMEMBERING.release,
        after_in_child=REMEMBERING.release,
    )
