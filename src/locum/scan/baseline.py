"""Findings that are known already, kept in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from locum.errors import InputError
from locum.scan.fingerprints import fingerprint_all, in_order
from locum.scan.writing import write_whole

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from locum.scan.findings import Finding
    from locum.schema import JsonObject

__all__ = ["divide", "read_baseline", "write_baseline"]

_VERSION = 1
_SHOWN = 60


def read_baseline(path: Path) -> frozenset[str]:
    """Return the fingerprints in a baseline.

    Raises:
        InputError: There is none at the path, or it cannot be read.
    """
    try:
        found = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(
            f"there is no baseline {str(path)!r}: write one with locum scan --write-baseline {path}"
        ) from None
    except OSError as error:
        raise InputError(
            f"baseline {str(path)!r} cannot be read: {error.strerror}; expected a file that locum "
            "scan --write-baseline wrote"
        ) from None
    except orjson.JSONDecodeError as error:
        raise _damaged(path, f"it is no JSON: {error.msg}") from None
    return _fingerprints(path, found)


def write_baseline(path: Path, findings: Iterable[Finding]) -> None:
    """Write a baseline that holds these findings, one a line, and no others.

    Raises:
        InputError: It cannot be written.
    """
    ordered = in_order(findings)
    entries = [
        {
            "path": found.path,
            "rule": found.rule,
            "fingerprint": fingerprint,
            "instruction": _beginning(found),
        }
        for found, fingerprint in zip(ordered, fingerprint_all(ordered), strict=True)
    ]
    entries.sort(key=lambda entry: (entry["path"], entry["rule"], entry["fingerprint"]))
    lines = ",".join(f"\n    {orjson.dumps(entry).decode()}" for entry in entries)
    end = "\n  " if entries else ""
    write_whole(path, f'{{\n  "version": {_VERSION},\n  "findings": [{lines}{end}]\n}}\n')


def divide(
    findings: Iterable[Finding], known: Collection[str]
) -> tuple[list[Finding], list[Finding]]:
    """Return the findings that a baseline does not hold, and those that it holds.

    Args:
        findings: All of a scan.
        known: The fingerprints in the baseline.
    """
    ordered = in_order(findings)
    new: list[Finding] = []
    held: list[Finding] = []
    for found, fingerprint in zip(ordered, fingerprint_all(ordered), strict=True):
        (held if fingerprint in known else new).append(found)
    return new, held


def _beginning(found: Finding) -> str:
    return " ".join((found.site.instruction or "").split())[:_SHOWN]


def _fingerprints(path: Path, baseline: object) -> frozenset[str]:
    if not isinstance(baseline, dict) or "version" not in baseline:
        raise _damaged(path, "expected an object with a version and findings")
    if baseline["version"] != _VERSION:
        raise _damaged(path, f"expected version {_VERSION}, and it says {baseline['version']!r}")
    entries = baseline.get("findings")
    if not isinstance(entries, list):
        raise _damaged(path, "expected a list of findings")
    return frozenset(_fingerprint(path, entry) for entry in entries)


def _fingerprint(path: Path, entry: JsonObject | object) -> str:
    fingerprint = entry.get("fingerprint") if isinstance(entry, dict) else None
    if not isinstance(fingerprint, str):
        raise _damaged(path, "expected a fingerprint in each finding")
    return fingerprint


def _damaged(path: Path, why: str) -> InputError:
    return InputError(
        f"{str(path)!r} is no baseline that this version of locum scan can read: {why}; write it "
        f"anew with locum scan --write-baseline {path}"
    )
