"""Room for functions that call themselves once for each level of a syntax tree."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["deep_recursion"]

# Calls from Python to Python take no room on the stack of the thread. A level of a tree takes up to
# ten: thousands of ``else if``, or of calls in a chain, may follow each other.
_MOST_CALLS = 20_000
# Two threads that changed the limit at once could each set it back to what the other made of it.
_LIMIT = RLock()


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Let Python functions call each other deep, and set the limit of the process back after it."""
    with _LIMIT:
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(max(before, _MOST_CALLS))
        try:
            yield
        finally:
            sys.setrecursionlimit(before)
