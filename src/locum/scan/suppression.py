"""Comments that say to ignore a finding."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locum.scan.findings import Finding
    from locum.scan.tree import Module

__all__ = ["is_suppressed"]

_IGNORE = re.compile(r"locum:\s*ignore\b(?:\s*\[([^\]]*)\]|(?!\s*\[))")


def is_suppressed(module: Module, finding: Finding) -> bool:
    """Return whether a comment by a finding's call says to ignore it.

    The comment is ``locum: ignore``, or ``locum: ignore[rule, rule]``, on the line before the call,
    on its first line or on its last.

    Args:
        module: The file.
        finding: A finding in it.
    """
    lines = {finding.line - 1, finding.line, finding.end_line}
    return any(_ignores(text, finding.rule) for line, text in module.comments if line in lines)


def _ignores(comment: str, rule: str) -> bool:
    match = _IGNORE.search(comment)
    if match is None:
        return False
    return match[1] is None or rule in {one.strip() for one in match[1].split(",")}
