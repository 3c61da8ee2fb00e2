"""Forms in which a scan is told: for people, programs, code scanning and logs of GitHub Actions."""

from locum.scan.output.annotations import to_annotations
from locum.scan.output.objects import to_object
from locum.scan.output.sarif import to_sarif
from locum.scan.output.summary import count, describe_totals
from locum.scan.output.table import to_table

__all__ = [
    "count",
    "describe_totals",
    "to_annotations",
    "to_object",
    "to_sarif",
    "to_table",
]
