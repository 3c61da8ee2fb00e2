"""What a distillation found out, for people and for programs."""

from locum.report.comparison import Comparison, compare, format_dollars
from locum.report.page import render_report, write_report
from locum.report.result_object import result_object

__all__ = [
    "Comparison",
    "compare",
    "format_dollars",
    "render_report",
    "result_object",
    "write_report",
]
