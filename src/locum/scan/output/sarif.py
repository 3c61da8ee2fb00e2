"""A scan in SARIF 2.1.0, the format of code scanning.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from locum.scan.fingerprints import fingerprint_all, place
from locum.scan.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locum.scan.findings import Finding
    from locum.scan.reports import ScanReport
    from locum.scan.rules import Rule
    from locum.schema import JsonObject

__all__ = ["to_sarif"]

_SCHEMA = (
    "https://raw.githubusercontent.com/oasis-tcs/sarif-spec/master/Schemata/sarif-schema-2.1.0.json"
)
_FINGERPRINT = "locumCall/v1"
_ROOT = "%SRCROOT%"
Suppression = Literal["inSource", "external"]


def to_sarif(
    report: ScanReport, in_baseline: Sequence[Finding], *, with_suppressed: bool = True
) -> JsonObject:
    """Return a scan as a SARIF log.

    Args:
        report: The scan, without the findings that the baseline holds.
        in_baseline: Those.
        with_suppressed: Tell what a comment in the code suppresses as suppressed in the source,
            and what the baseline holds as suppressed from outside; else leave both out.
    """
    told: list[tuple[Finding, list[Suppression]]] = [(found, []) for found in report.findings]
    told += [(found, ["inSource"]) for found in report.suppressed]
    told += [(found, ["external"]) for found in in_baseline]
    told.sort(key=lambda pair: place(pair[0]))
    prints = fingerprint_all([found for found, _ in told])
    results = [
        _result(found, fingerprint, suppressions)
        for (found, suppressions), fingerprint in zip(told, prints, strict=True)
        if with_suppressed or not suppressions
    ]
    run = {
        "tool": {"driver": _driver()},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The folder of the scan."}}},
        "invocations": [_invocation(report.skipped)],
        "results": results,
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _driver() -> JsonObject:
    return {
        "name": "Locum",
        "version": version("locum"),
        "rules": [_descriptor(rule) for rule in RULES.values()],
    }


def _descriptor(rule: Rule) -> JsonObject:
    return {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in rule.id.split("-")),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.description},
        "help": {
            "text": f"{rule.description} {rule.cure}",
            "markdown": f"{rule.description}\n\n**Cure:** {rule.cure}\n\nWhere the call is right "
            f"as it is, write `locum: ignore[{rule.id}]` in a comment beside it.",
        },
        "defaultConfiguration": {"level": rule.severity},
    }


def _result(found: Finding, fingerprint: str, suppressions: Sequence[Suppression]) -> JsonObject:
    lines = [found.reason, *(f"- {fact}" for fact in found.evidence), found.cure]
    return {
        "ruleId": found.rule,
        "ruleIndex": list(RULES).index(found.rule),
        "level": found.severity,
        "message": {"text": "\n".join(lines)},
        "locations": [_location(found)],
        "partialFingerprints": {_FINGERPRINT: fingerprint},
        # The standard asks for it in every result or in none.
        "suppressions": [{"kind": kind} for kind in suppressions],
    }


def _location(found: Finding) -> JsonObject:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(found.path), "uriBaseId": _ROOT},
            "region": {
                "startLine": found.line,
                "startColumn": found.column,
                "endLine": found.end_line,
                "endColumn": found.end_column,
            },
        }
    }


def _uri(path: str) -> str:
    return quote(path, safe="/", errors="replace")


def _invocation(skipped: Mapping[str, Sequence[str]]) -> JsonObject:
    return {
        "executionSuccessful": True,
        "toolExecutionNotifications": [
            {"level": "note", "message": {"text": f"skipped {len(paths):,} files: {reason}"}}
            for reason, paths in sorted(skipped.items())
        ],
    }
