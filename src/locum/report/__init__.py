"""What a distillation found out, for people and for programs."""

from locum.report.comparison import Comparison, compare, format_dollars
from locum.report.frontier import Frontier, frontier_table
from locum.report.page import render_report, write_report
from locum.report.result_object import result_object

__all__ = [
    "Comparison",
    "Frontier",
    "compare",
    "format_dollars",
    "frontier_table",
    "render_report",
    "result_object",
    "write_report",
]
