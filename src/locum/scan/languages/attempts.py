"""Loops that make attempts at one thing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ast_grep_py import SgNode

__all__ = ["retries"]

_ATTEMPTS = re.compile(
    r"attempt|retr(?:y|ies)|\btries\b|backoff|iteration|\brounds?\b|max_?(?:steps|turns)",
    re.IGNORECASE,
)
_ASKS = re.compile(r"\binput\(|rompt\.ask|\.prompt\(|readline|inquirer|questionary|\bgets\b")
# A loop whose variable is not used does one thing several times.
_UNUSED = re.compile(r"\bfor\s+_\w*\s+in\s+range\(")
_COUNTS = re.compile(
    r"\brange\(|[<>]=?\s*\w+\s*;|\.times\b|while\s*\(?\s*(?:true|1)\b|\bloop\b|\.\.", re.IGNORECASE
)
_CATCHES = re.compile(r"\b(?:except|catch|rescue)\b|err\s*!=\s*nil")
_LEAVES = re.compile(r"\b(?:return|break)\b")


def retries(loop: SgNode) -> bool:
    """Return whether a loop makes attempts at one thing, or asks a person in each turn."""
    text = loop.text()
    header = text.split("\n", 1)[0]
    if _ATTEMPTS.search(header) or _ASKS.search(text):
        return True
    leaves = _LEAVES.search(text) is not None
    counts = _COUNTS.search(header) is not None and _CATCHES.search(text) is not None
    return leaves and (counts or _UNUSED.search(header) is not None)
