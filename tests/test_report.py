"""The report: whole, without script, and safe against what inputs and answers hold."""

from __future__ import annotations

import stat
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from locum.cli.kept_files import keep_report
from locum.cli.places import task_folder
from locum.distillation import RungFigures, RungResult, distill
from locum.errors import InputError
from locum.evaluation import share
from locum.report import (
    Line,
    compare,
    frontier_table,
    line_chart,
    render_report,
    write_report,
)
from locum.report.frontier import frontier_chart
from locum.schema import Example, Task
from locum.store import CallFilter, CallStore, open_database
from tests.call_samples import make_calls
from tests.traffic import LABELS, make_examples, make_task

if TYPE_CHECKING:
    from pathlib import Path

    from locum.distillation import Distillation

XSS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "</style><script>alert(1)</script>",
    "javascript:alert(1)",
    "<iframe src='http://example.com'></iframe>",
    "{{ 7 * 7 }}{% raw %}",
    "<!--<script>",
]
SVG = "{http://www.w3.org/2000/svg}"
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """Collects the tags and attributes of a page, and checks that elements nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        """Called by the parser."""
        assert self.open.pop() == tag


def check_page(html: str) -> Page:
    page = Page(html)
    assert page.open == []
    assert not page.tags & {"script", "iframe", "img", "link", "object", "embed", "form"}
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    links = [value for name, value in page.attributes if name in {"href", "src", "xlink:href"}]
    assert all(link is None or link.startswith("#") for link in links)
    return page


@pytest.fixture(scope="module")
def distilled() -> Distillation:
    """A distillation with everything in it."""
    return distill(make_task(), make_examples(900, noise=0.1, human=True), target=0.8)


def test_the_report_is_one_page_without_script_or_network(distilled: Distillation) -> None:
    html = render_report(distilled)
    check_page(html)
    assert "http://" not in html.replace("http://www.w3.org/", "")
    assert "https://" not in html
    assert html.count("<svg") == 3
    assert "prefers-color-scheme: dark" in html


def test_the_report_opens_with_the_decision(distilled: Distillation) -> None:
    html = render_report(distilled)
    assert html.index("Distil") < html.index("Teacher, student, and both together")
    assert distilled.certificate is not None
    assert f"{distilled.certificate.coverage:.1%}" in html


@pytest.mark.parametrize(
    ("by_time", "own_test", "said"),
    [
        (False, False, "; at random, every label in proportion; near-copies"),
        (True, False, "; each later in time than the one before; near-copies"),
        (True, True, "than the one before, but for a test set of your own; near-copies"),
    ],
)
def test_the_report_speaks_of_a_test_set_of_ones_own_where_there_is_one(
    distilled: Distillation, *, by_time: bool, own_test: bool, said: str
) -> None:
    data = distilled.data._replace(by_time=by_time, own_test=own_test)
    assert said in render_report(replace(distilled, data=data))


def test_the_same_distillation_gives_the_same_report(distilled: Distillation) -> None:
    assert render_report(distilled) == render_report(distilled)


def make_rung(name: str, *, chosen: bool = False, coverage: float | None = None) -> RungResult:
    figures = None
    if coverage is not None:
        agreement = share(np.arange(100) < 90)
        assert agreement is not None
        mean_us = 10 ** (2 + coverage)
        figures = RungFigures(coverage, 0.021, agreement, None, 2_400_000, mean_us, 90.0, 9.5)
    reason = "the best of them" if chosen else "pip install <b>all</b> & more"
    return RungResult(name, name, chosen, figures, reason)


@pytest.fixture(scope="module")
def raced(distilled: Distillation) -> Distillation:
    """A distillation with several rungs."""
    rungs = [
        make_rung("linear", coverage=0.25),
        make_rung("static", coverage=0.5, chosen=True),
        make_rung("cascade"),
        make_rung("frozen-encoder", coverage=0.75),
        make_rung("encoder"),
    ]
    return replace(distilled, frontier=rungs)


def test_the_ladder_is_a_table_and_a_chart(raced: Distillation) -> None:
    html = render_report(raced)
    check_page(html)
    assert html.count("<svg") == 4
    assert "static (chosen)" in html
    assert "cascade, encoder: pip install &lt;b&gt;all&lt;/b&gt; &amp; more" in html
    table = frontier_table(raced)
    assert table is not None
    assert [row.name for row in table.rows] == ["linear", "static", "frozen-encoder"]
    assert [row.chosen for row in table.rows] == [False, True, False]
    assert table.rows[1].cells == (
        "50.0% ±2.1",
        "90.0% (82-95)",
        "-",
        "2.4 MB",
        "316 µs",
        "9.5 s",
    )


def test_the_chart_puts_times_on_a_logarithmic_axis(raced: Distillation) -> None:
    chart = ET.fromstring(str(frontier_chart(raced)))  # noqa: S314 - drawn here
    circles = [c for c in chart.iter(f"{SVG}circle") if "dot" in c.get("class", "")]
    x, y = ([float(c.get(axis, "")) for c in circles] for axis in ("cx", "cy"))
    assert x[1] - x[0] == pytest.approx(x[2] - x[1])
    assert y[1] - y[0] == pytest.approx(y[2] - y[1])
    assert x[1] > x[0]
    assert y[1] < y[0], "higher on the page"
    assert float(circles[1].get("r", "")) > float(circles[0].get("r", ""))
    said = "".join(chart.itertext())
    assert "100 µs" in said
    assert "1 ms" in said


def test_one_student_has_neither_table_nor_chart_of_a_ladder(raced: Distillation) -> None:
    alone = replace(raced, frontier=raced.frontier[:1])
    assert frontier_table(alone) is None
    assert frontier_chart(alone) is None
    assert frontier_chart(replace(raced, frontier=[raced.frontier[0], raced.frontier[2]])) is None


@pytest.mark.parametrize("count", [60, 700])
def test_a_report_without_student_is_a_page_too(count: int) -> None:
    examples = [replace(e, distribution=None) for e in make_examples(count, noise=1.0)]
    result = distill(make_task(), examples)
    assert result.student is None
    check_page(render_report(result))


def test_nothing_in_prompts_answers_and_labels_runs() -> None:
    labels = (XSS[0], XSS[1])
    examples = [
        replace(
            example,
            text=f"{example.text} {XSS[number % len(XSS)]}",
            answer=labels[LABELS.index(example.answer or "") % 2],
            distribution=None,
        )
        for number, example in enumerate(make_examples(700, noise=0.3))
    ]
    examples[:40] = [
        replace(e, answer=XSS[n % len(XSS)] + "?") for n, e in enumerate(examples[:40])
    ]
    task = Task("hostile", labels, instruction=XSS[3])
    result = distill(task, examples, target=0.6, teacher_name=XSS[2], notes=[XSS[4], XSS[5]])
    html = render_report(result)
    check_page(html)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "49" not in html.split("{{ 7 * 7 }}")[0][-20:]


def test_the_table_puts_teacher_student_and_both_side_by_side(distilled: Distillation) -> None:
    comparison = compare(distilled)
    assert comparison is not None
    by_name = {row.name: row for row in comparison.rows}
    assert by_name["agrees with the teacher"].teacher == "100%"
    assert by_name["time of a call"].teacher == "500 ms"
    assert by_name["cost of 1,000 calls"].teacher == "$0.1"
    assert "µs" in by_name["time of a call"].student


def test_a_report_that_cannot_be_written_is_said(distilled: Distillation, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        write_report(distilled, tmp_path / "file" / "report.html")


def test_a_report_is_for_its_owner_alone(distilled: Distillation, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.touch(0o644)
    write_report(distilled, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_deletion_names_the_report_that_calls_went_into(
    distilled: Distillation, tmp_path: Path
) -> None:
    place, folder = tmp_path / "store.sqlite", task_folder("support", tmp_path)
    calls = make_calls(2)
    with open_database(place) as database:
        CallStore(database).add(calls)
    learned_from = [Example("a text", call_id=calls[0].facts.id), Example("of a file")]
    assert keep_report(distilled, folder.report, learned_from, place)
    assert folder.report.is_file()
    with open_database(place) as database:
        store = CallStore(database)
        assert store.delete(CallFilter(ids=(calls[1].facts.id,))).reports == ()
        deletion = store.delete(CallFilter(ids=(calls[0].facts.id,)))
    assert (deletion.students, deletion.reports) == ((), (distilled.task.name,))
    folder.report.unlink()
    with pytest.raises(InputError, match="1 of the 1 calls that were read were deleted meanwhile"):
        keep_report(distilled, folder.report, learned_from, place)
    assert not folder.report.exists()


@pytest.mark.parametrize("shares", [(0.4, 0.4), (0.33960292, 0.33960291), (0.0, 1.0), (0.7,)])
def test_a_chart_of_shares_that_are_all_but_equal_is_drawn(shares: tuple[float, ...]) -> None:
    drawn = line_chart(
        [Line("agreement", list(enumerate(shares)), dots=True)],
        "inputs",
        identity="flat",
        x_labels=[0, 1],
    )
    assert "%" in drawn
