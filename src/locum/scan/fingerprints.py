"""What a finding is known by, wherever in its file it stands."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locum.scan.findings import CallSite, Finding

__all__ = ["fingerprint_all", "in_order", "place"]

_DIGITS = 20


def place(found: Finding) -> tuple[str, int, int, str]:
    """Return what findings are put in order by: path, place and rule."""
    return (found.path, found.line, found.column, found.rule)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings by path, place and rule."""
    return sorted(findings, key=place)


def fingerprint_all(findings: Sequence[Finding]) -> list[str]:
    """Return the fingerprint of each finding, which stays where lines move or are wrapped anew.

    It is made of the rule, the path, the fixed words of the prompt and how many equal ones came
    before, so that it is unique among the findings that are given.

    Args:
        findings: In the order in which equal ones are counted.
    """
    seen: Counter[str] = Counter()
    prints = []
    for found in findings:
        digest = _digest(found)
        seen[digest] += 1
        prints.append(f"{digest}:{seen[digest]}")
    return prints


def _digest(found: Finding) -> str:
    known = orjson.dumps([found.rule, found.path, *_words(found.site)])
    return hashlib.sha256(known).hexdigest()[:_DIGITS]


def _words(site: CallSite) -> list[str]:
    """The fixed words of a call; where there are none, what it asks for."""
    if site.instruction is None:
        return sorted((*site.schema, *site.answers))
    return site.instruction.split()
