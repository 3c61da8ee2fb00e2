"""Comments that say to ignore a finding."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locum.scan.findings import Finding
    from locum.scan.tree import Comment, Module

__all__ = ["is_suppressed"]

_IGNORE = re.compile(r"locum:\s*ignore\b(?:\s*\[([^\]]*)\]|(?!\s*\[))")


def is_suppressed(module: Module, finding: Finding) -> bool:
    """Return whether a comment by a finding's call says to ignore it.

    The comment is ``locum: ignore``, or ``locum: ignore[rule, rule]``, on the first line of the
    call or on its last, or right above the call on lines of its own.

    Args:
        module: The file.
        finding: A finding in it.
    """
    return any(
        _ignores(comment.text, finding.rule)
        for comment in module.comments
        if _is_by(comment, finding)
    )


def _is_by(comment: Comment, finding: Finding) -> bool:
    if comment.is_alone and comment.end_line == finding.line - 1:
        return True
    return bool({comment.line, comment.end_line} & {finding.line, finding.end_line})


def _ignores(comment: str, rule: str) -> bool:
    match = _IGNORE.search(comment)
    if match is None:
        return False
    return match[1] is None or rule in {one.strip() for one in match[1].split(",")}
