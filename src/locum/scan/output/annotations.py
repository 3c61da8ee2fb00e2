"""Findings as workflow commands, which GitHub Actions shows beside the changed lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.printing import printable
from locum.scan.fingerprints import in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from locum.scan.findings import Finding, Severity

__all__ = ["to_annotations"]

_COMMANDS: Mapping[Severity, str] = {"note": "notice", "warning": "warning", "error": "error"}
# The percent sign comes first, or the others' escapes would be escaped again.
_IN_MESSAGES = (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"))
_IN_PROPERTIES = (*_IN_MESSAGES, (":", "%3A"), (",", "%2C"))


def to_annotations(findings: Iterable[Finding]) -> str:
    """Return a workflow command for each finding, one a line."""
    return "".join(f"{_command(found)}\n" for found in in_order(findings))


def _command(found: Finding) -> str:
    properties = {
        "file": found.path,
        "line": found.line,
        "col": found.column,
        "endLine": found.end_line,
        "title": f"locum {found.rule}",
    }
    given = ",".join(
        f"{name}={_escape(str(value), _IN_PROPERTIES)}" for name, value in properties.items()
    )
    message = "\n".join([found.reason, *(f"- {fact}" for fact in found.evidence), found.cure])
    return f"::{_COMMANDS[found.severity]} {given}::{_escape(message, _IN_MESSAGES)}"


def _escape(text: str, escapes: Iterable[tuple[str, str]]) -> str:
    text = printable(text, keep="\r\n")
    for character, escape in escapes:
        text = text.replace(character, escape)
    return text
