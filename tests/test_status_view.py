"""How the status page is drawn: what a student says is never HTML there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from locum.promotion import Compared, read_standings
from locum.serving.interval_drawing import WIDTH, draw_interval
from locum.serving.recorder_deaths import NO_DEATHS, Deaths
from locum.serving.stand_in_metrics import Process
from locum.serving.status_view import Health, render_live, render_page
from locum.store import CallFilter, CallStore, open_database
from tests.call_samples import make_call
from tests.status_stores import ARTEFACT, Story, tell
from tests.test_report import XSS, Page

if TYPE_CHECKING:
    from pathlib import Path

WELL = Health(
    stopping=False,
    running=3,
    connections=5,
    held=0,
    waiting=0,
    failing=False,
    deaths=NO_DEATHS,
    blind=False,
    processes=(),
    medians={},
)


def shown(home: Path, *stories: Story, health: Health = WELL, error: str = "") -> str:
    """The page over what promoted students did."""
    tell(home / "calls.sqlite", *stories)
    with open_database(home / "calls.sqlite") as database:
        return render_page(render_live(read_standings(database), health, 1_790_000_000.0, error))


@pytest.mark.parametrize(
    ("story", "said"),
    [
        (Story(percent=0.0), "scored only"),
        (Story(), ">on<"),
        (Story(ended=("demoted", "")), ">demoted<"),
        (Story(ended=("revoked", "agreement fell below it")), "agreement fell below it"),
        (Story(alarm="label refund grew"), "label refund grew"),
        (Story(call_usd=None), "price is not known"),
        (Story(said=("billing",), call_id=None), "deleted"),
    ],
)
def test_the_page_says_in_which_state_a_task_is(tmp_path: Path, story: Story, said: str) -> None:
    assert said in shown(tmp_path, story)


def test_a_recorder_that_keeps_dying_is_told_from_one_that_starts(tmp_path: Path) -> None:
    now = time.time()
    once, again, long_ago = Deaths(1, now, now), Deaths(3, 0.0, now), Deaths(3, 0.0, 10.0)
    for deaths, told in ((once, False), (again, True), (long_ago, False)):
        html = shown(tmp_path, health=WELL._replace(deaths=deaths))
        assert (">keeps dying<" in html) == told
        assert ("The recorder died 3 times since 1970-01-01 00:00:00 UTC, last at" in html) == told


def test_what_another_version_promoted_shows_its_cure_and_no_promise(tmp_path: Path) -> None:
    shown(tmp_path, Story(compared=(400, 8)))
    with open_database(tmp_path / "calls.sqlite") as database:
        database.execute("UPDATE promotions SET plan = ?", (b"{}",))
        html = render_live(read_standings(database), WELL, 1_790_000_000.0, "")
    assert ">unreadable<" in html
    assert "locum distill support, then locum promote support" in html
    assert "Agreement 98.0%" in html
    for figure in ("promised 0", "0.0% expected", "Teacher ", 'class="promise"'):
        assert figure not in html


def test_the_page_says_that_a_student_learned_from_deleted_calls(tmp_path: Path) -> None:
    said = "its student learned from calls that were deleted since"
    assert said not in shown(tmp_path, Story())
    with open_database(tmp_path / "calls.sqlite") as database:
        store = CallStore(database)
        store.add([make_call("one")])
        store.link_made({"artefact": ARTEFACT}, ["one"])
        store.delete(CallFilter(ids=("one",)))
        html = render_live(read_standings(database), WELL, 1_790_000_000.0, "")
    assert said in html


@pytest.mark.parametrize(
    ("health", "said"),
    [
        (WELL._replace(failing=True), "Calls cannot be written to the store"),
        (WELL._replace(blind=True), "teachers answer everything"),
        (WELL._replace(stopping=True), ">stopping<"),
        (WELL._replace(medians={"support": 0.000_049}), "49 µs"),
        (WELL._replace(medians={"support": 0.012}), "12 ms"),
        (WELL._replace(medians={"support": 1.5}), "1.5 s"),
        (WELL._replace(processes=[Process("support", "ready", "", 7)]), "7 failures"),
        (WELL._replace(processes=[Process("support", "down", "it died", 1)]), "down: it died"),
    ],
)
def test_the_page_says_how_the_gateway_does(tmp_path: Path, health: Health, said: str) -> None:
    assert said in shown(tmp_path, Story(), health=health)


@pytest.mark.parametrize("text", XSS)
def test_no_text_runs_as_html(tmp_path: Path, text: str) -> None:
    story = Story(
        task=text,
        said=(text, f"</td>{text}"),
        ended=("revoked", text),
        alarm=text,
        teacher=text,
        call_id=text[:8],
    )
    health = WELL._replace(processes=[Process(text, "down", text, 1)])
    html = shown(tmp_path, story, health=health, error=text)
    page = Page(html)
    assert page.open == []
    assert html.count("<script") == 1
    assert html.count("<style") == 1
    assert not page.tags & {"iframe", "img", "object", "embed", "form", "a"}
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "style"]
    assert "{{ 7 * 7 }}" in html or "7 * 7" not in text


def test_an_answer_of_any_length_and_any_characters_is_shown(tmp_path: Path) -> None:
    html = shown(tmp_path, Story(said=("x" * 10_000, "a\r\n\x00\u2028b")))
    assert "x" * 161 not in html
    assert "x" * 160 + " …" in html


# The drawing of an agreement


@pytest.mark.parametrize(
    ("compared", "target", "floor", "verdict"),
    [
        (Compared(0, 0, 0.0, 1.0), 0.95, 0.9, "open"),
        (Compared(400, 8, 0.955, 0.99), 0.95, 0.9, "good"),
        (Compared(400, 8, 0.94, 0.99), 0.95, 0.9, "open"),
        (Compared(400, 60, 0.81, 0.89), 0.95, 0.8, "bad"),
        (Compared(1, 1, 0.0, 0.9), 0.95, 0.0, "bad"),
        (Compared(9, 0, 0.7, 1.0), 0.99, 0.5, "open"),
        (Compared(9_000, 0, 0.999, 1.0), 0.99, 0.95, "good"),
        (Compared(400, 8, 0.955, 0.99), None, 0.95, "open"),
        (Compared(0, 0, 0.0, 1.0), None, 0.95, "open"),
    ],
)
def test_an_interval_is_drawn_to_scale(
    compared: Compared, target: float | None, floor: float, verdict: str
) -> None:
    drawing = draw_interval(compared, target)
    assert drawing.floor == floor
    assert drawing.verdict == verdict

    def share(place: float) -> float:
        whole = (place - drawing.first) / (drawing.last - drawing.first)
        return floor + whole * (1 - floor)

    if target is None or drawing.target is None or drawing.label is None:
        assert (target, drawing.target, drawing.label) == (None, None, None)
    else:
        assert share(drawing.target) == pytest.approx(target, abs=0.001)
        assert 0 < drawing.label < WIDTH
    if compared.agreement is None:
        assert drawing.low is None
        return
    assert drawing.low is not None
    assert share(drawing.low) == pytest.approx(compared.low, abs=0.001)
    assert share(drawing.found) == pytest.approx(compared.agreement, abs=0.001)
    assert drawing.length > 0
