"""Asking a teacher several times, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
import pytest

from locum.calibration import fit_dirichlet, posterior_mean, self_agreement
from locum.distillation import distill
from locum.errors import UsageError
from locum.report import result_object
from locum.schema import Example, Task, TeacherAnswer, Usage
from locum.teachers.votes import Votes
from tests.scripted_teachers import FAILED, ScriptedTeacher, open_desk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from locum.teachers.protocol import AskedTeacher, Failure

TASK = Task("mood", ("good", "bad"))
_STEADY = tuple(f"steady {number}" for number in range(12))


def answering(
    answers: Mapping[str, Sequence[str | TeacherAnswer | Failure]],
) -> Callable[[str, int], str | TeacherAnswer | Failure]:
    """Answer by draw where a text is named, and ``good`` or ``bad`` steadily to the others."""

    def say(text: str, draw: int) -> str | TeacherAnswer | Failure:
        if text in answers:
            return answers[text][draw]
        return "good" if int(text.rsplit(maxsplit=1)[-1]) % 2 else "bad"

    return say


def label(folder: Path, votes: Votes, texts: Sequence[str]) -> list[TeacherAnswer | None]:
    with open_desk(folder, TASK) as desk:
        return votes.label(TASK, texts, desk)


def only(found: Sequence[TeacherAnswer | None]) -> TeacherAnswer:
    """The last answer, which there must be."""
    last = found[-1]
    assert last is not None
    return last


def test_every_text_is_asked_once_before_any_is_asked_again(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(answering({}))
    label(tmp_path, Votes(teacher, least=3), _STEADY)
    assert teacher.asked == [(text, draw) for draw in range(3) for text in _STEADY]


def test_more_is_asked_where_answers_differ(tmp_path: Path) -> None:
    split = ["good", "bad", "good", "bad", "good", "good", "bad", "good"]
    teacher = ScriptedTeacher(answering({"split": split}))
    found = label(tmp_path, Votes(teacher, tolerance=0.004), [*_STEADY, "split"])
    assert [answer and answer.votes for answer in found] == [3] * 12 + [8]
    assert teacher.asked[39:] == [("split", draw) for draw in range(3, 8)]
    assert only(found).text == "good"


def test_asking_stops_where_one_more_is_not_worth_it(tmp_path: Path) -> None:
    split = ["good", "bad"] * 20
    votes = [
        only(
            label(
                tmp_path / str(tolerance),
                Votes(ScriptedTeacher(answering({"split": split})), most=40, tolerance=tolerance),
                [*_STEADY, "split"],
            )
        ).votes
        for tolerance in (0.5, 0.01, 0.001)
    ]
    assert votes[0] == 3
    assert votes[1] in {5, 6, 7}
    assert votes[2] in range(15, 30)


def test_the_most_contested_text_is_asked_first(tmp_path: Path) -> None:
    contested = {
        "two to one": ["good", "bad", "good", "good"],
        "one each": ["good", "bad", "odd", "good"],
    }
    teacher = ScriptedTeacher(answering(contested))
    label(tmp_path, Votes(teacher, most=4, tolerance=0.01), [*_STEADY, *contested])
    assert teacher.asked[42:] == [("one each", 3), ("two to one", 3)]


def test_the_distribution_is_the_posterior_mean(tmp_path: Path) -> None:
    split = ["good", "bad", "good"]
    teacher = ScriptedTeacher(answering({"split": split}))
    found = label(tmp_path, Votes(teacher, least=3, most=3), [*_STEADY, "split"])
    counts = np.array([[0, 3, 0], [3, 0, 0]] * 6 + [[2, 1, 0]])
    expected = posterior_mean(counts, fit_dirichlet(counts))
    got = [answer.distribution for answer in found if answer and answer.distribution]
    np.testing.assert_allclose(got, expected[:, :2])
    assert 0 < 1 - sum(got[0]) < 0.002


def test_ties_go_to_the_more_usual_label_then_to_the_first_answer(tmp_path: Path) -> None:
    usual = {f"usual {number}": ["bad", "bad"] for number in range(3)}
    teacher = ScriptedTeacher(answering(usual | {"tie": ["good", "bad"]}))
    found = label(tmp_path / "usual", Votes(teacher, least=2, most=2), [*usual, "tie"])
    assert only(found).text == "bad"
    for first, second in (("good", "bad"), ("bad", "good")):
        teacher = ScriptedTeacher(answering({"tie": [first, second]}))
        found = label(tmp_path / first, Votes(teacher, least=2, most=2), ["tie"])
        assert only(found).text == first


def test_answers_outside_the_labels_are_votes_for_a_class_of_their_own(tmp_path: Path) -> None:
    answers = {"mostly": ["good", "who knows", "Good."], "outside": ["dunno", "good", "well"]}
    teacher = ScriptedTeacher(answering(answers))
    votes = Votes(teacher, least=3, most=3)
    *_, mostly, outside = label(tmp_path, votes, [*_STEADY, *answers])
    assert mostly is not None
    assert outside is not None
    assert mostly.text == "good"
    assert outside.text == "dunno"
    assert mostly.distribution is not None
    assert outside.distribution is not None
    assert 0.2 < 1 - sum(mostly.distribution) < 0.4
    assert 0.5 < 1 - sum(outside.distribution) < 0.8


def test_refusals_are_outside(tmp_path: Path) -> None:
    refusal = TeacherAnswer("good", refused=True)
    teacher = ScriptedTeacher(answering({"no": [refusal, "bad", refusal]}))
    found = only(label(tmp_path, Votes(teacher, least=3, most=3), [*_STEADY, "no"]))
    assert found.refused
    assert found.distribution is not None
    assert found.distribution[0] < 0.1


def test_a_failed_draw_is_left_out_and_the_text_is_not_asked_again(tmp_path: Path) -> None:
    answers: dict[str, list[str | Failure]] = {
        "flaky": ["good", FAILED, "bad"],
        "dead": [FAILED] * 3,
    }
    teacher = ScriptedTeacher(answering(answers))
    votes = Votes(teacher, tolerance=1e-9)
    *steady, flaky, dead = label(tmp_path, votes, [*_STEADY, *answers])
    assert dead is None
    assert flaky is not None
    assert flaky.votes == 2
    assert [answer and answer.votes for answer in steady] == [8] * 12
    assert max(draw for text, draw in teacher.asked if text in answers) == 2


def test_all_failed(tmp_path: Path) -> None:
    votes = Votes(ScriptedTeacher(answering({"dead": [FAILED] * 3})))
    assert label(tmp_path, votes, ["dead"]) == [None]
    assert votes.self_agreement is None
    assert label(tmp_path, votes, []) == []


def test_what_the_calls_took_is_added_up(tmp_path: Path) -> None:
    answers = [
        TeacherAnswer("good", None, Usage(10, 2, 4), 30.0, "m-1", cost_usd=0.5),
        TeacherAnswer("good", None, Usage(11, 3), 10.0, "m-2", cost_usd=0.25),
        TeacherAnswer("bad", None, None, 20.0, "m-1"),
    ]
    votes = Votes(ScriptedTeacher(answering({"split": answers})), least=3, most=3)
    found = only(label(tmp_path, votes, ["split"]))
    assert found.usage == Usage(21, 5, 4)
    assert found.latency_ms == 20
    assert found.version == "m-1, m-2"
    assert found.cost_usd == 0.75
    assert votes.name == "the majority of 3 answers of scripted"


def test_nothing_known_stays_unknown(tmp_path: Path) -> None:
    found = only(label(tmp_path, Votes(ScriptedTeacher(answering({}))), ["steady 1"]))
    assert (found.usage, found.latency_ms, found.version, found.cost_usd) == (None,) * 4


def test_equal_texts_are_asked_once(tmp_path: Path) -> None:
    teacher = ScriptedTeacher(answering({}))
    texts = ["steady 1", "steady 2", "steady 1"]
    first, other, again = label(tmp_path, Votes(teacher, most=3), texts)
    assert first == again
    assert first != other
    assert len(teacher.asked) == 6


def test_a_second_run_buys_nothing(tmp_path: Path) -> None:
    split = ["good", "bad", "good", "bad", "good", "good", "bad", "good"]
    teacher = ScriptedTeacher(answering({"split": split}))
    texts = [*_STEADY, "split"]
    found = label(tmp_path, Votes(teacher), texts)
    bought = len(teacher.asked)
    assert label(tmp_path, Votes(teacher), texts) == found
    assert len(teacher.asked) == bought


@pytest.mark.parametrize("dollars", [0, 5, 12, 20, 37])
def test_the_cap_ends_the_draws(tmp_path: Path, dollars: int) -> None:
    teacher = ScriptedTeacher(answering({"split": ["good", "bad"] * 4}), free=False)
    texts = ["split", *_STEADY]
    with open_desk(tmp_path, TASK, cap_usd=dollars) as desk:
        found = Votes(teacher, tolerance=1e-9).label(TASK, texts, desk)
    assert len(teacher.asked) == dollars
    votes = [answer.votes or 0 for answer in found if answer is not None]
    assert len(votes) == min(dollars, 13)
    assert sum(votes) == dollars
    assert sum(answer.cost_usd or 0 for answer in found if answer) == pytest.approx(dollars)


def test_self_agreement_is_that_of_the_first_draws(tmp_path: Path) -> None:
    splits = {f"split {number}": ["good", "bad", "good", *["bad"] * 5] for number in range(4)}
    votes = Votes(ScriptedTeacher(answering(splits)), tolerance=1e-9)
    label(tmp_path, votes, [*_STEADY, *splits])
    # Pairs of the first three draws agree in 3 of 3, twelve times, and in 1 of 3, four times.
    counts = np.array([[3, 0]] * 12 + [[2, 1]] * 4)
    assert votes.self_agreement == self_agreement(counts)


@pytest.mark.parametrize(
    ("least", "most", "tolerance"), [(1, 8, 0.01), (4, 3, 0.01), (3, 8, 0.0), (3, 8, float("nan"))]
)
def test_numbers_that_make_no_sense_are_refused(least: int, most: int, tolerance: float) -> None:
    with pytest.raises(UsageError, match=f"least={least}, most={most}, tolerance={tolerance}"):
        Votes(ScriptedTeacher(answering({})), least=least, most=most, tolerance=tolerance)


@pytest.mark.parametrize(("least", "most", "often"), [(3, 8, "3 to 8"), (5, 5, "5")])
def test_its_name_says_that_it_is_a_majority(least: int, most: int, often: str) -> None:
    votes = Votes(ScriptedTeacher(answering({}), "m"), least=least, most=most)
    assert votes.name == f"the majority of {often} answers of m"
    assert votes.majority.notes() == [], "nobody was asked yet"


def test_a_student_of_a_majority_is_certified_for_agreement_with_that(tmp_path: Path) -> None:
    def say(text: str, draw: int) -> str:
        mood = "good" if "fine" in text else "bad"
        other = "bad" if mood == "good" else "good"
        return other if crc32(f"{draw} {text}".encode()) % 8 == 0 else mood

    generator = np.random.default_rng(3)
    words = ["".join(generator.choice(list("abdeiklmno"), 6)) for _ in range(1_050)]
    texts = [f"{words[3 * n]} {words[3 * n + 1]} {words[3 * n + 2]} " for n in range(350)]
    texts = [text + ("fine" if n % 2 else "poor") for n, text in enumerate(texts)]
    votes = Votes(ScriptedTeacher(say, "m"), least=3, most=4)
    found = distill(TASK, texts, votes, target=0.8, family="linear", store=tmp_path / "s.sqlite")
    printed = result_object(found, tmp_path / "report.html", None)
    whose = "the majority of 3 to 4 answers of m"
    assert found.student is not None
    assert found.student.teacher == printed["teacher"]["name"] == whose
    assert f"the agreement is with {whose}: no student agrees with" in found.decision.reason
    assert any("the same question are the same in 7" in note for note in found.data.warnings)
    assert printed["teacher"]["majority"]["of"] == "m"
    # Of single answers every eighth is another: nobody can agree with more than the other seven.
    assert 7 / 8 <= printed["teacher"]["majority"]["single_agreement_at_most"] < 0.93


def test_answers_that_came_with_the_inputs_are_no_majority() -> None:
    few = [Example(f"steady {number}", "good" if number % 2 else "bad") for number in range(30)]
    votes = Votes(ScriptedTeacher(answering({}), "m"))
    found = distill(TASK, few, votes, family="linear")
    assert (found.teacher.name, found.teacher.majority) == ("m", None)


class Wavering:
    """A teacher whose true distributions are known, and a desk that asks nobody else.

    Args:
        alpha: The Dirichlet that the distributions are drawn from.
        inputs: How many there are.
    """

    def __init__(self, alpha: Sequence[float], inputs: int) -> None:
        generator = np.random.default_rng(20_261_124)
        self.task = Task("drawn", tuple("abcdefgh"[: len(alpha)]))
        self.true = generator.dirichlet(alpha, inputs)
        chances = generator.random((inputs, 30, 1))
        self.said = (self.true.cumsum(axis=1)[:, np.newaxis, :-1] < chances).sum(axis=2)

    def buy(
        self, teacher: AskedTeacher, task: Task, wanted: Sequence[tuple[str, int]]
    ) -> list[TeacherAnswer | None]:
        """Return the answers that were drawn."""
        assert teacher.name == "scripted"
        return [TeacherAnswer(task.labels[self.said[int(text), draw]]) for text, draw in wanted]

    def human(self, texts: Sequence[str]) -> list[int | None]:
        """Return nothing."""
        return [None] * len(texts)

    def poll(self, least: int, most: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the votes on each text, and the distributions."""
        votes = Votes(ScriptedTeacher(answering({})), least=least, most=most, tolerance=0.002)
        found = votes.label(self.task, [str(number) for number in range(len(self.true))], self)
        counted = np.array([answer.votes for answer in found if answer])
        return counted, np.array([answer.distribution for answer in found if answer])

    def error(self, distributions: NDArray[np.float64]) -> float:
        """Return the mean squared distance to the truth."""
        return float(((distributions - self.true) ** 2).sum(axis=1).mean())


@pytest.mark.parametrize(
    ("alpha", "gain"), [((1.0, 1.0), 0.3), ((0.3, 0.2), 0.08), ((0.1, 0.1, 0.1, 0.1), 0.05)]
)
def test_the_posterior_is_nearer_to_the_truth_than_bare_shares(
    alpha: tuple[float, ...], gain: float
) -> None:
    teacher = Wavering(alpha, 4000)
    _, distributions = teacher.poll(least=4, most=4)
    shares = (teacher.said[:, :4, np.newaxis] == np.arange(len(alpha))).mean(axis=1)
    assert teacher.error(distributions) < (1 - gain) * teacher.error(shares)


@pytest.mark.parametrize("alpha", [(1.0, 1.0), (0.3, 0.2), (0.1, 0.1, 0.1, 0.1), (50.0, 1.0)])
def test_no_student_agrees_with_single_answers_above_the_ceiling(alpha: tuple[float, ...]) -> None:
    teacher = Wavering(alpha, 4000)
    votes = Votes(ScriptedTeacher(answering({})), least=3, most=3)
    votes.label(teacher.task, [str(number) for number in range(4000)], teacher)
    best = float(teacher.true.max(axis=1).mean())
    same_twice = votes.majority.same_twice
    assert same_twice is not None
    assert same_twice.lower < best < votes.majority.ceiling, "what two answers do is no ceiling"


@pytest.mark.parametrize("alpha", [(0.15, 0.1), (0.3, 0.2)])
def test_votes_where_they_pay_beat_at_least_as_many_spread_evenly(
    alpha: tuple[float, ...],
) -> None:
    teacher = Wavering(alpha, 8000)
    votes, adapted = teacher.poll(least=3, most=30)
    as_many = int(np.ceil(votes.mean()))
    evenly, spread = teacher.poll(least=as_many, most=as_many)
    assert votes.sum() <= evenly.sum()
    assert teacher.error(adapted) < 0.9 * teacher.error(spread)
