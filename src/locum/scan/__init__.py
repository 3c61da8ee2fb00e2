"""Finds calls of language models in source code that a small model could answer."""

from locum.scan.findings import SEVERITIES, CallSite, Context, Finding, Severity, Tier
from locum.scan.reports import LocatedSite, ScanReport
from locum.scan.rules import RULES, Rule
from locum.scan.scanning import scan_paths

__all__ = [
    "RULES",
    "SEVERITIES",
    "CallSite",
    "Context",
    "Finding",
    "LocatedSite",
    "Rule",
    "ScanReport",
    "Severity",
    "Tier",
    "scan_paths",
]
