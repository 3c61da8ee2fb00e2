"""What a distillation found out, for people and for programs."""

from locum.report.charts import Line, line_chart
from locum.report.comparison import (
    Comparison,
    compare,
    compare_extraction,
    compare_generation,
)
from locum.report.fields import FieldTable, extraction_object, family_table, field_table
from locum.report.frontier import Frontier, frontier_table
from locum.report.page import (
    check_page_place,
    make_environment,
    render_report,
    write_page,
    write_report,
)
from locum.report.result_object import result_object
from locum.report.texts import generation_object, text_table

__all__ = [
    "Comparison",
    "FieldTable",
    "Frontier",
    "Line",
    "check_page_place",
    "compare",
    "compare_extraction",
    "compare_generation",
    "extraction_object",
    "family_table",
    "field_table",
    "frontier_table",
    "generation_object",
    "line_chart",
    "make_environment",
    "render_report",
    "result_object",
    "text_table",
    "write_page",
    "write_report",
]
