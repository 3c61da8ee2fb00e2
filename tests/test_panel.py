"""Several teachers, and what they say together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from locum.calibration import Pool, choose_pool, estimate_accuracies, odds_weights
from locum.errors import TeacherError, UsageError
from locum.schema import Task, TeacherAnswer, Usage
from locum.teachers.panel import Panel
from locum.teachers.votes import Votes
from tests.scripted_teachers import FAILED, ScriptedTeacher, open_desk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from locum.teachers.protocol import Failure, Teacher

TASK = Task("mood", ("good", "bad"))
THREE = Task("mood", ("good", "bad", "mixed"))


def reading(name: str, answers: Mapping[str, str | TeacherAnswer | Failure]) -> ScriptedTeacher:
    """A teacher that says what is written down for each text."""
    return ScriptedTeacher(lambda text, _: answers[text], name)


def soft(task: Task, probabilities: Sequence[float]) -> TeacherAnswer:
    """An answer with a distribution."""
    return TeacherAnswer(
        task.labels[int(np.argmax(probabilities))], tuple(float(p) for p in probabilities)
    )


def numbered(task: Task, rows: NDArray[np.float64]) -> dict[str, TeacherAnswer]:
    """Answers with distributions to the texts 0, 1, 2, ..."""
    return {str(number): soft(task, row.tolist()) for number, row in enumerate(rows)}


def named(task: Task, votes: NDArray[np.int64]) -> dict[str, str]:
    """Bare labels for the texts 0, 1, 2, ..."""
    return {str(number): task.labels[vote] for number, vote in enumerate(votes.tolist())}


def label(
    folder: Path,
    panel: Panel,
    texts: Sequence[str],
    *,
    task: Task = TASK,
    human: Mapping[str, int] | None = None,
) -> list[TeacherAnswer | None]:
    with open_desk(folder, task, human=human) as desk:
        return panel.label(task, texts, desk)


def given(answer: TeacherAnswer | None) -> tuple[TeacherAnswer, NDArray[np.float64]]:
    """An answer and its distribution, which there must be."""
    assert answer is not None
    assert answer.distribution is not None
    return answer, np.array(answer.distribution)


def test_two_members_weigh_alike(tmp_path: Path) -> None:
    # sqrt(0.8 * 0.5) to sqrt(0.2 * 0.5) is 2 to 1, but for 0.1% of the uniform distribution.
    first = reading("first", {"text": soft(TASK, (0.8, 0.2))})
    second = reading("second", {"text": soft(TASK, (0.5, 0.5))})
    panel = Panel([first, second])
    answer, distribution = given(label(tmp_path, panel, ["text"])[0])
    assert answer.text == "good"
    np.testing.assert_allclose(distribution, [2 / 3, 1 / 3], atol=2e-3)
    assert panel.weights == {"first": 0.5, "second": 0.5}
    assert "equal weights" in panel.how
    assert panel.name == "panel of first, second"


def test_labels_of_people_give_the_weights(tmp_path: Path, generator: np.random.Generator) -> None:
    truths = generator.integers(0, 2, 200)
    knows = np.where(truths[:, np.newaxis] == [0, 1], 0.9, 0.1)
    guesses = generator.dirichlet([1.0, 1.0], 200)
    texts = [str(number) for number in range(200)]
    human = {str(number): int(truths[number]) for number in range(120)}
    panel = Panel(
        [reading("guesses", numbered(TASK, guesses)), reading("knows", numbered(TASK, knows))]
    )
    found = label(tmp_path, panel, texts, human=human)
    assert panel.weights["knows"] > 5 * panel.weights["guesses"]
    assert "120 labels of people" in panel.how
    assert [answer and answer.text for answer in found] == [TASK.labels[t] for t in truths]

    outside = np.zeros((200, 1))
    members = np.stack([np.hstack([rows, outside]) for rows in (guesses, knows)])
    choice = choose_pool(members[:, :120], truths[:120])
    assert list(panel.weights.values()) == pytest.approx(choice.pool.weights.tolist())
    expected = choice.pool.apply(members)[:, :2]
    np.testing.assert_allclose([given(answer)[1] for answer in found], expected)
    assert choice.pool.kind in panel.how
    assert f"{choice.linear_nll:.3f}" in panel.how


@pytest.mark.parametrize(("labels", "fitted"), [(49, False), (50, True)])
def test_fifty_labels_of_people_are_needed(tmp_path: Path, labels: int, *, fitted: bool) -> None:
    votes = np.arange(60) % 2
    always = np.zeros(60, dtype=int)
    members = [reading("right", named(TASK, votes)), reading("constant", named(TASK, always))]
    human = {str(number): int(votes[number]) for number in range(labels)}
    panel = Panel(members)
    label(tmp_path, panel, [str(number) for number in range(60)], human=human)
    assert (panel.weights["right"] > 2 * panel.weights["constant"]) == fitted
    assert ("fitted on 50 labels" in panel.how) == fitted


def test_labels_of_inputs_that_a_member_missed_do_not_count(tmp_path: Path) -> None:
    votes = np.arange(60) % 2
    answers = named(TASK, votes) | dict.fromkeys(map(str, range(20)), FAILED)
    members = [reading("right", named(TASK, votes)), reading("patchy", answers)]
    human = {str(number): int(votes[number]) for number in range(60)}
    panel = Panel(members)
    label(tmp_path, panel, list(human), human=human)
    assert "equal weights" in panel.how


def test_bare_labels_count_by_their_accuracy(tmp_path: Path) -> None:
    # Each is right on 49 of 50, so 50/52 with what is added, and 1/52 for each of the two others.
    votes = np.arange(60) % 3
    slip = votes.copy()
    slip[0] = (slip[0] + 1) % 3
    human = {str(number): int(votes[number]) for number in range(50)}
    members = [reading(name, named(THREE, slip)) for name in ("one", "two")]
    panel = Panel(members)
    texts = [str(number) for number in range(60)]
    answer, distribution = given(label(tmp_path, panel, texts, task=THREE, human=human)[3])
    assert answer.text == "good"
    softened = np.array([[50 / 52, 1 / 52, 1 / 52, 0.0]])
    weights = np.array(list(panel.weights.values()))
    pool = Pool("linear" if panel.how.startswith("a linear") else "log-linear", weights)
    expected = pool.apply(np.stack([softened, softened]))
    np.testing.assert_allclose(distribution, expected[0, :3])


def test_two_that_agree_are_taken_to_be_right(tmp_path: Path) -> None:
    # They agree on 8 of 10, so the accuracy is sqrt(9/12); two equal members are not changed by
    # the pool, but for 0.1% of the uniform distribution over two labels and the class outside.
    votes = np.arange(10) % 2
    other = np.where(np.arange(10) < 2, 1 - votes, votes)
    panel = Panel([reading("one", named(TASK, votes)), reading("two", named(TASK, other))])
    found = label(tmp_path, panel, [str(number) for number in range(10)])
    answer, distribution = given(found[2])
    assert answer.text == "good"
    accuracy = np.sqrt(9 / 12)
    expected = 0.999 * np.array([accuracy, 1 - accuracy]) + 0.001 / 3
    np.testing.assert_allclose(distribution, expected)
    torn, distribution = given(found[1])
    assert torn.text == TASK.labels[votes[1]]
    assert distribution[0] == pytest.approx(distribution[1])


def test_three_members_tell_who_is_to_be_believed(
    tmp_path: Path, generator: np.random.Generator
) -> None:
    truths = generator.integers(0, 3, 300)
    votes = np.stack(
        [
            np.where(generator.random(300) < accuracy, truths, (truths + 1) % 3)
            for accuracy in (0.95, 0.8, 0.6)
        ]
    )
    names = ("best", "fair", "poor")
    members = [reading(name, named(THREE, row)) for name, row in zip(names, votes, strict=True)]
    panel = Panel(members)
    label(tmp_path, panel, [str(number) for number in range(300)], task=THREE)
    expected = odds_weights(estimate_accuracies(votes, 4), 4)
    assert panel.weights == pytest.approx(dict(zip(names, expected.tolist(), strict=True)))
    assert panel.weights["best"] > panel.weights["fair"] > panel.weights["poor"]
    assert "how far the members agree" in panel.how


def test_a_member_that_fails_leaves_its_weight(tmp_path: Path) -> None:
    first = reading(
        "first", {"both": soft(TASK, (0.8, 0.2)), "one": soft(TASK, (0.8, 0.2)), "none": FAILED}
    )
    second = reading("second", {"both": soft(TASK, (0.1, 0.9)), "one": FAILED, "none": FAILED})
    both, one, none = label(tmp_path, Panel([first, second]), ["both", "one", "none"])
    assert given(both)[0].text == "bad"
    np.testing.assert_allclose(given(one)[1], [0.8, 0.2], atol=1e-3)
    assert none is None


def test_a_member_that_answers_nothing_is_left_out(tmp_path: Path) -> None:
    answers = {"a": soft(TASK, (0.8, 0.2)), "b": TeacherAnswer("bad")}
    first = reading("first", answers)
    panel = Panel([reading("dead", dict.fromkeys("ab", FAILED)), first])
    assert label(tmp_path, panel, ["a", "b"]) == list(answers.values())
    assert panel.weights == {"first": 1.0}


def test_nobody_answers(tmp_path: Path) -> None:
    panel = Panel([reading(name, dict.fromkeys("ab", FAILED)) for name in ("one", "two")])
    assert label(tmp_path, panel, ["a", "b", "a"]) == [None, None, None]
    assert panel.weights == {}
    assert label(tmp_path, panel, []) == []


def test_mass_outside_the_labels_stays_there(tmp_path: Path) -> None:
    first = reading("first", {"text": soft(TASK, (0.5, 0.1))})
    second = reading("second", {"text": soft(TASK, (0.5, 0.1))})
    answer, distribution = given(label(tmp_path, Panel([first, second]), ["text"])[0])
    assert answer.text == "good"
    np.testing.assert_allclose(distribution, [0.5, 0.1], atol=1e-3)


def test_mass_that_was_not_seen_is_no_answer(tmp_path: Path) -> None:
    members = [reading(name, {"text": soft(TASK, (0.3, 0.1))}) for name in ("one", "two")]
    assert given(label(tmp_path, Panel(members), ["text"])[0])[0].text == "good"


def test_most_members_answer_outside_the_labels(tmp_path: Path) -> None:
    refusal = TeacherAnswer("I must not say", refused=True)
    told = {str(number): "good" for number in range(6)}
    members = [
        reading("one", told | {"odd": refusal}),
        reading("two", told | {"odd": "neither"}),
        reading("three", told | {"odd": "both"}),
        reading("four", told | {"odd": "bad"}),
    ]
    *_, last = label(tmp_path, Panel(members), [*told, "odd"])
    answer, distribution = given(last)
    assert answer.text == "I must not say"
    assert answer.refused
    assert distribution.sum() < 0.5
    assert distribution[1] > distribution[0]


def test_what_the_members_took_is_added_up(tmp_path: Path) -> None:
    answers = [
        TeacherAnswer("good", (0.9, 0.1), Usage(10, 2), 30.0, "m-1", cost_usd=0.5),
        TeacherAnswer("good", (0.8, 0.2), Usage(11, 3, 1), 10.0, "n-7", cost_usd=0.25),
        TeacherAnswer("good", (0.8, 0.2)),
    ]
    panel = Panel(
        [reading(f"m{number}", {"text": answer}) for number, answer in enumerate(answers)],
        name="all of them",
    )
    answer, _ = given(label(tmp_path, panel, ["text"])[0])
    assert answer.usage == Usage(21, 5, 1)
    assert answer.latency_ms == 30
    assert answer.version == "m-1, n-7"
    assert answer.cost_usd == 0.75
    assert answer.votes is None
    assert panel.name == "all of them"


def test_members_keep_their_answers_by_themselves(tmp_path: Path) -> None:
    votes = np.arange(8) % 2
    first, second = reading("one", named(TASK, votes)), reading("two", named(TASK, votes))
    texts = [*map(str, range(8)), "0"]
    found = label(tmp_path, Panel([first, second]), texts)
    assert found[0] == found[-1]
    assert len(first.asked) == len(second.asked) == 8
    third = reading("three", named(TASK, votes))
    label(tmp_path, Panel([first, third]), texts)
    assert len(first.asked) == 8
    assert len(third.asked) == 8


def test_votes_can_be_a_member(tmp_path: Path) -> None:
    voter = ScriptedTeacher(lambda text, draw: TASK.labels[(int(text) + (draw == 1)) % 2], "voter")
    panel = Panel([Votes(voter, least=3, most=3), reading("one", named(TASK, np.arange(6) % 2))])
    found = label(tmp_path, panel, [str(number) for number in range(6)])
    assert [answer and answer.text for answer in found] == ["good", "bad"] * 3
    assert set(panel.weights) == {"the majority of 3 answers of voter", "one"}


def test_many_inputs_are_pooled_in_parts(tmp_path: Path) -> None:
    class Instant:
        """A teacher that needs no desk."""

        def __init__(self, name: str, share: float) -> None:
            self.name, self.share = name, share

        def label(
            self, task: Task, texts: Sequence[str], desk: object
        ) -> list[TeacherAnswer | None]:
            """Return the same distribution, turned round at every other text."""
            assert desk
            pair = (self.share, 1 - self.share)
            return [soft(task, pair if int(text) % 2 else pair[::-1]) for text in texts]

    members: list[Teacher] = [Instant("one", 0.9), Instant("two", 0.6)]
    found = label(tmp_path, Panel(members), [str(number) for number in range(9000)])
    assert [answer and answer.text for answer in found] == ["bad", "good"] * 4500
    assert found[0] == found[-2]


def test_names_that_stand_twice_are_numbered(tmp_path: Path) -> None:
    members = [reading("same", {"text": "good"}), reading("same", {"text": "good"})]
    panel = Panel([*members, reading("other", {"text": "good"})])
    label(tmp_path, panel, ["text"])
    assert list(panel.weights) == ["same (1)", "same (2)", "other"]


def test_a_member_that_breaks_down_ends_the_labelling(tmp_path: Path) -> None:
    class Broken:
        """A teacher that cannot be reached."""

        name = "broken"

        def label(
            self, task: Task, texts: Sequence[str], desk: object
        ) -> list[TeacherAnswer | None]:
            """Fail."""
            raise TeacherError(f"{self.name}: {task.name}, {len(texts)} texts, {bool(desk)}")

    first = reading("first", {"text": "good"})
    with pytest.raises(TeacherError, match="broken"):
        label(tmp_path, Panel([first, Broken()]), ["text"])
    assert first.asked == [("text", 0)]


def test_each_member_has_to_do_the_task(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(60)]
    glad = ScriptedTeacher(lambda *_: "good", "glad")
    prose = ScriptedTeacher(lambda *_: "It is about moods.", "prose")
    for name, members in {"last": [glad, prose], "first": [prose, glad]}.items():
        prose.asked.clear()
        with (
            open_desk(tmp_path / name, TASK) as desk,
            pytest.raises(TeacherError, match="first 20 answers of teacher 'prose' is a label"),
        ):
            Panel(members).label(TASK, texts, desk)
        assert len(prose.asked) == 20


def test_one_is_no_panel() -> None:
    with pytest.raises(UsageError, match="at least two"):
        Panel([reading("alone", {})])
