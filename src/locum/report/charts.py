"""Charts as SVG, drawn with pygal; colours are the report's own, so that dark mode applies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

import pygal
from markupsafe import Markup
from pygal.style import Style

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Dot", "Line", "line_chart", "scatter_chart"]

_WIDTH, _HEIGHT = 460, 300
_LEGEND_COLUMNS, _LEGEND_ROW = 3, 20
_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
_STEP_SIZES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_MOST_STEPS = 6
_STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground="var(--ink)",
    foreground_strong="var(--ink)",
    foreground_subtle="var(--line)",
    guide_stroke_color="var(--line)",
    major_guide_stroke_color="var(--line)",
    colors=("var(--accent)", "var(--second)", "var(--muted)", "var(--third)", "var(--fourth)"),
    font_family="inherit",
    label_font_size=13,
    major_label_font_size=13,
    legend_font_size=12,
    title_font_size=13,
    stroke_width=2.5,
    transition="0s",
)


class Line(NamedTuple):
    """One line of a chart.

    Args:
        name: What the legend calls it.
        points: ``(x, y)``, in the order in which they are joined.
        dashed: Whether it is a reference and not data.
        dots: Whether the points themselves are shown.
    """

    name: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False
    dots: bool = False


def line_chart(
    lines: Sequence[Line], x_title: str, *, identity: str, x_labels: Sequence[float] = ()
) -> Markup:
    """Return a line chart of shares as an SVG element without script.

    Args:
        lines: What is drawn; ``y`` is a share.
        x_title: Under the horizontal axis.
        identity: Used in the element's id; unique in a page.
        x_labels: Counts that the horizontal axis shows; by default it shows shares, 0% to 100%.
    """
    chart = pygal.XY(
        style=_STYLE,
        width=_WIDTH,
        height=_HEIGHT,
        js=[],
        x_title=x_title,
        legend_at_bottom=True,
        legend_at_bottom_columns=min(_LEGEND_COLUMNS, len(lines)),
        show_legend=len(lines) > 1,
        show_x_guides=False,
        truncate_legend=-1,
        truncate_label=-1,
        x_value_formatter=_count if x_labels else _percent,
        value_formatter=_percent,
        margin_right=24,
        margin_bottom=14,
        spacing=8,
    )
    chart.x_labels = list(x_labels or _QUARTERS)
    steps = _steps([float(y) for line in lines for _, y in line.points])
    chart.y_labels, chart.range = steps, (steps[0], steps[-1])
    for line in lines:
        chart.add(
            line.name,
            [(float(x), float(y)) for x, y in line.points],
            show_dots=line.dots,
            stroke_style={"width": 2, "dasharray": "4, 5"} if line.dashed else {"width": 2.5},
        )
    return _without_script(chart, identity)


def _steps(shares: Sequence[float]) -> list[float]:
    """Return round shares from below the least to above the greatest.

    Left to itself, pygal looks for steps between shares that are all but equal without an end.
    """
    least, most = min(shares, default=0.0), max(shares, default=1.0)
    size = next(size for size in _STEP_SIZES if (most - least) / size <= _MOST_STEPS)
    first, last = math.floor(least / size), math.ceil(most / size)
    return [size * step for step in range(first, max(last, first + 1) + 1)]


class Dot(NamedTuple):
    """One point of a scatter chart.

    Args:
        name: What the legend calls it.
        x: Above zero.
        y: A share.
        chosen: Whether it stands out.
    """

    name: str
    x: float
    y: float
    chosen: bool


def scatter_chart(
    dots: Sequence[Dot], x_title: str, x_format: Callable[[float], str], *, identity: str
) -> Markup:
    """Return a chart of shares against a logarithmic axis, as an SVG element without script.

    Args:
        dots: What is drawn.
        x_title: Under the horizontal axis, which shows powers of ten.
        x_format: How a value of ``x`` is written.
        identity: Used in the element's id; unique in a page.
    """
    logs = [math.log10(dot.x) for dot in dots]
    first = math.floor(min(logs))
    decades = list(range(first, max(math.ceil(max(logs)), first + 1) + 1))
    columns = min(len(dots), _LEGEND_COLUMNS)
    chart = pygal.XY(
        style=_STYLE,
        width=_WIDTH,
        height=_HEIGHT,
        js=[],
        x_title=x_title,
        legend_at_bottom=True,
        legend_at_bottom_columns=columns,
        show_x_guides=False,
        stroke=False,
        truncate_legend=-1,
        truncate_label=-1,
        x_value_formatter=lambda power: x_format(10.0**power),
        value_formatter=_percent,
        xrange=(decades[0], decades[-1]),
        range=(0, 1),
        margin_right=24,
        margin_bottom=14 + (_LEGEND_ROW if len(dots) % columns else 0),
        spacing=8,
    )
    chart.x_labels = decades
    chart.y_labels = list(_QUARTERS)
    for log, dot in zip(logs, dots, strict=True):
        name = f"{dot.name} (chosen)" if dot.chosen else dot.name
        chart.add(name, [(log, float(dot.y))], dots_size=8 if dot.chosen else 4)
    return _without_script(chart, identity)


def _without_script(chart: pygal.XY, identity: str) -> Markup:
    chart.uuid = identity
    # As text: pygal's tree is one of lxml's where that is installed.
    root = ET.fromstring(chart.render())  # noqa: S314 - pygal wrote it
    for parent in root.iter():
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.endswith("script"):
                parent.remove(child)
    ET.register_namespace("", "http://www.w3.org/2000/svg")
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - pygal escapes text


def _percent(value: float) -> str:
    return f"{100 * value:.0f}%"


def _count(value: float) -> str:
    return f"{value:,.0f}"
