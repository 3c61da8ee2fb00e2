"""What a distillation found out, for people and for programs."""

from locum.report.comparison import Comparison, compare, compare_extraction, format_dollars
from locum.report.fields import FieldTable, extraction_object, family_table, field_table
from locum.report.frontier import Frontier, frontier_table
from locum.report.page import render_report, write_report
from locum.report.result_object import result_object

__all__ = [
    "Comparison",
    "FieldTable",
    "Frontier",
    "compare",
    "compare_extraction",
    "extraction_object",
    "family_table",
    "field_table",
    "format_dollars",
    "frontier_table",
    "render_report",
    "result_object",
    "write_report",
]
