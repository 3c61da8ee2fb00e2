"""Soft labels from a teacher without log-probabilities: it is asked several times and counted."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import UsageError
from locum.schema import TeacherAnswer, Usage
from locum.teachers.parsing import LabelParser
from locum.teachers.protocol import require_teacher

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from locum.calibration import SelfAgreement
    from locum.schema import Task
    from locum.teachers.protocol import AskedTeacher, Desk

__all__ = ["Majority", "Votes", "join_versions", "sum_costs", "sum_usage"]


class Majority(NamedTuple):
    """How the majority of a teacher's answers stands to a single one of them.

    Args:
        of: Who gives the answers.
        same_twice: How often two answers to the same question are the same; ``None`` where that is
            not known.
    """

    of: str
    same_twice: SelfAgreement | None

    @property
    def ceiling(self) -> float:
        """The share of inputs on which a student agrees with a single answer, at most.

        A student that says the most likely answer agrees on ``E max p``, and ``max p`` is at most
        the root of ``sum p^2``, the chance that two answers are the same. The upper end of that
        chance's interval is taken.
        """
        return 1.0 if self.same_twice is None else math.sqrt(self.same_twice.upper)

    @property
    def bound(self) -> str:
        """The same in words."""
        return (
            f"no student agrees with a single answer of {self.of} on more than {self.ceiling:.1%} "
            "of all inputs"
        )

    def notes(self) -> list[str]:
        """Return what should be known of single answers, a sentence each."""
        if self.same_twice is None:
            return []
        estimate, lower, upper = self.same_twice
        said = (
            f"two answers of {self.of} to the same question are the same in {estimate:.1%} of "
            f"cases ({lower:.1%} to {upper:.1%}): {self.bound}"
        )
        return [said]


class Votes:
    """Asks a teacher again where that pays, and turns its answers into distributions.

    All inputs get ``least`` answers. A Dirichlet prior fitted on all counts then says by how much
    one more answer is expected to lower the squared error of each distribution
    (`locum.calibration.expected_gain`); where that is above ``tolerance``, one more is bought, the
    largest gain first, and so on. Unanimous inputs of a steady teacher stop at once. That later
    draws depend on earlier ones does not bias the prior: it rests on the likelihood alone.

    An answer outside the label set is a vote for a class of its own, whose probability is what a
    distribution lacks to one. Where it has the most votes, the text is such an answer as written.

    Args:
        teacher: Who is asked; it must answer each draw anew, at a temperature above zero and
            without a fixed seed.
        least: Answers that each input gets, at least 2: one does not tell how steady a teacher is.
        most: Answers that an input may get.
        tolerance: Expected gain, a squared probability summed over the labels, that is not worth
            another answer. At 0.005 a 2 to 1 vote is followed up to about 8 answers.

    Attributes:
        self_agreement: How often the teacher agreed with itself in the last labelling, by the
            first ``least`` draws alone: more of the contested inputs are among later ones.
        draws_ahead: How many more answers may be asked for, at most, of the inputs to which some
            were not to be had in the last labelling.

    Raises:
        UsageError: A number, or the teacher, breaks these rules.
    """

    def __init__(
        self, teacher: AskedTeacher, *, least: int = 3, most: int = 8, tolerance: float = 0.005
    ) -> None:
        require_teacher(teacher)
        if not hasattr(teacher, "identify"):
            raise UsageError(f"votes of {teacher!r}: expected a teacher that answers one by one")
        if not (2 <= least <= most and tolerance > 0):
            raise UsageError(
                f"votes: least={least}, most={most}, tolerance={tolerance}: expected at least 2, "
                "at least as many as that, and more than 0"
            )
        if why := teacher.why_steady():
            raise UsageError(
                f"votes of {teacher.name!r} {why} would buy the same answer several times: "
                "leave one out"
            )
        self.teacher = teacher
        self.least = least
        self.most = most
        self.tolerance = tolerance
        self.self_agreement: SelfAgreement | None = None
        self.draws_ahead = 0

    @property
    def name(self) -> str:
        """Whose answers they are of which a student learns and is certified on the majority."""
        often = f"{self.least} to {self.most}" if self.least < self.most else f"{self.most}"
        return f"the majority of {often} answers of {self.teacher.name}"

    @property
    def majority(self) -> Majority:
        """How it stands to a single answer, by the last labelling."""
        return Majority(self.teacher.name, self.self_agreement)

    def label(self, task: Task, texts: Sequence[str], desk: Desk) -> list[TeacherAnswer | None]:
        """Return what the answers to each text add up to; ``None`` where there was none.

        Raises:
            TeacherError: The teacher cannot be reached, or refuses altogether.
        """
        from locum.calibration import self_agreement

        unique = list(dict.fromkeys(texts))
        poll = _Poll(self.teacher, task, unique, desk)
        for _ in range(self.least):
            poll.ask_later(range(len(unique)))
        poll.buy()
        self.self_agreement = self_agreement(poll.counts)
        while contested := self._contested(poll):
            poll.ask_later(contested)
            poll.buy()
        self.draws_ahead = int((self.most - poll.drawn)[poll.closed].sum())
        by_text = dict(zip(unique, poll.results(), strict=True))
        return [by_text[text] for text in texts]

    def _contested(self, poll: _Poll) -> list[int]:
        """Inputs for which one more answer pays, the largest gain first."""
        from locum.calibration import expected_gain, fit_dirichlet

        gain = expected_gain(poll.counts, fit_dirichlet(poll.counts))
        worth = (gain > self.tolerance) & (poll.drawn < self.most) & ~poll.closed
        return [int(index) for index in (-gain).argsort(kind="stable") if worth[index]]


class _Poll:
    """The votes on each text."""

    def __init__(self, teacher: AskedTeacher, task: Task, texts: Sequence[str], desk: Desk) -> None:
        import numpy as np

        self._teacher, self._task, self._texts, self._desk = teacher, task, texts, desk
        self._parse = LabelParser(task.labels)
        self._wanted: list[tuple[int, int]] = []
        self._answers: list[list[TeacherAnswer]] = [[] for _ in texts]
        self._choices: list[list[int]] = [[] for _ in texts]
        self.counts: NDArray[np.int32] = np.zeros((len(texts), len(task.labels) + 1), np.int32)
        self.drawn = np.zeros(len(texts), np.int32)
        self.closed = np.zeros(len(texts), np.bool_)

    def ask_later(self, indices: Iterable[int]) -> None:
        """Note one more draw of each text; all first draws stand before all second ones."""
        for index in indices:
            self._wanted.append((index, int(self.drawn[index])))
            self.drawn[index] += 1

    def buy(self) -> None:
        """Buy what was noted; a text for which something is not to be had is closed."""
        wanted = [(self._texts[index], draw) for index, draw in self._wanted]
        answers = self._desk.buy(self._teacher, self._task, wanted)
        for (index, _), answer in zip(self._wanted, answers, strict=True):
            if answer is None:
                self.closed[index] = True
            else:
                self._count(index, answer)
        self._wanted = []

    def _count(self, index: int, answer: TeacherAnswer) -> None:
        label = None if answer.refused else self._parse(answer.text)
        choice = len(self._task.labels) if label is None else label
        self._answers[index].append(answer)
        self._choices[index].append(choice)
        self.counts[index, choice] += 1

    def results(self) -> list[TeacherAnswer | None]:
        """Return the majority's answer to each text, with the posterior's distribution."""
        from locum.calibration import fit_dirichlet, posterior_mean

        posterior = posterior_mean(self.counts, fit_dirichlet(self.counts))
        return [
            self._result(index, posterior[index].tolist()) if choices else None
            for index, choices in enumerate(self._choices)
        ]

    def _result(self, index: int, posterior: list[float]) -> TeacherAnswer:
        answers, choices = self._answers[index], self._choices[index]
        winner = max(
            choices,
            key=lambda choice: (choices.count(choice), posterior[choice], -choices.index(choice)),
        )
        shown = answers[choices.index(winner)]
        inside = winner < len(self._task.labels)
        latencies = [answer.latency_ms for answer in answers if answer.latency_ms is not None]
        return TeacherAnswer(
            text=self._task.labels[winner] if inside else shown.text,
            distribution=tuple(posterior[:-1]),
            usage=sum_usage(answers),
            latency_ms=median(latencies) if latencies else None,
            version=join_versions(answers),
            refused=shown.refused,
            cost_usd=sum_costs(answers),
            votes=len(answers),
            cost_assumed=any(answer.cost_assumed for answer in answers),
        )


def sum_usage(answers: Sequence[TeacherAnswer]) -> Usage | None:
    """Return the tokens of all answers that say theirs; ``None`` where none does."""
    known = [answer.usage for answer in answers if answer.usage is not None]
    return Usage(*map(sum, zip(*known, strict=True))) if known else None


def sum_costs(answers: Sequence[TeacherAnswer]) -> float | None:
    """Return what all answers of known cost did cost, in US dollars; ``None`` where none is."""
    known = [answer.cost_usd for answer in answers if answer.cost_usd is not None]
    return sum(known) if known else None


def join_versions(answers: Sequence[TeacherAnswer]) -> str | None:
    """Return the versions of the models that answered, each once."""
    return ", ".join(dict.fromkeys(a.version for a in answers if a.version)) or None
