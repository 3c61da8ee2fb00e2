"""Several teachers whose distributions are combined."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import UsageError
from locum.schema import TeacherAnswer
from locum.teachers.parsing import LabelParser
from locum.teachers.protocol import require_teacher
from locum.teachers.votes import join_versions, sum_costs, sum_usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from locum.calibration import Pool
    from locum.schema import Task
    from locum.teachers.protocol import Desk, Teacher

__all__ = ["Panel"]

_INPUTS_AT_ONCE = 4096
_TIE = 1e-9


class Panel:
    """Asks several teachers, and pools what they say (`locum.calibration.pooling`).

    The weights come from

    * labels of people, where there are 50 of inputs that all members answered: a log-linear or a
      linear pool, whichever has the lower cross-validated log-loss;
    * else, of three members or more, from how often each agrees with the others (Dawid and Skene
      1979): a log-linear pool, with weights in proportion to the log odds of being right;
    * else they are equal.

    Where a member gives no distribution, its label counts as a softened one-hot: the label gets
    the member's accuracy, the other labels the rest in equal parts. The accuracy is measured on
    the labels of people (with one right and one wrong answer added), or estimated as above; of two
    members without labels of people it is the square root of their agreement, for both. Mass
    outside the label set is pooled as a class of its own.

    Args:
        teachers: The members; each one's answers are kept by themselves.
        name: How the report calls the panel; by default by its members' names.

    Attributes:
        weights: Weight of each member in the last labelling, by its name; a name that stands twice
            is numbered. Members that answered nothing are not among them.
        how: How the weights were come by, in words.

    Raises:
        UsageError: There are fewer than two members.
    """

    def __init__(self, teachers: Sequence[Teacher], name: str | None = None) -> None:
        for teacher in teachers:
            require_teacher(teacher)
        if len(teachers) < 2:
            raise UsageError(f"a panel of {len(teachers)} teacher(s): expected at least two")
        self.teachers = tuple(teachers)
        self.weights: dict[str, float] = {}
        self.how = "nothing was labelled"
        self._names = _numbered([teacher.name for teacher in teachers])
        self._name = name or f"panel of {', '.join(self._names)}"

    @property
    def name(self) -> str:
        """How the report calls the panel."""
        return self._name

    def label(self, task: Task, texts: Sequence[str], desk: Desk) -> list[TeacherAnswer | None]:
        """Return the pooled answer to each text; ``None`` where every member failed.

        Raises:
            TeacherError: A member cannot be reached, or refuses altogether.
        """
        unique = list(dict.fromkeys(texts))
        said = [teacher.label(task, unique, desk) for teacher in self.teachers]
        taking_part = [
            number
            for number, answers in enumerate(said)
            if any(answer is not None for answer in answers)
        ]
        names = [self._names[number] for number in taking_part]
        if len(taking_part) < 2:
            self.weights = dict.fromkeys(names, 1.0)
            self.how = "one member alone answered" if names else "no member answered"
            by_text = dict(zip(unique, said[taking_part[0] if names else 0], strict=True))
            return [by_text[text] for text in texts]
        ballots = _Ballots(task, [said[number] for number in taking_part])
        pooling = _weigh(ballots, desk.human(unique))
        self.weights = dict(zip(names, pooling.pool.weights.tolist(), strict=True))
        self.how = pooling.how
        by_text = dict(zip(unique, ballots.combine(pooling), strict=True))
        return [by_text[text] for text in texts]


class _Pooling(NamedTuple):
    pool: Pool
    accuracies: NDArray[np.float64]
    how: str


class _Ballots:
    """What each of ``M`` members said of each of ``N`` texts.

    ``votes`` is ``[M, N]``: the index of the label, ``C`` outside the label set, -1 for no answer.
    """

    def __init__(self, task: Task, said: Sequence[Sequence[TeacherAnswer | None]]) -> None:
        import numpy as np

        self.labels, self.said = task.labels, said
        self._parse = LabelParser(task.labels)
        self.votes = np.array([[self._vote(answer) for answer in answers] for answers in said])
        self.present = self.votes >= 0

    @property
    def classes(self) -> int:
        """Labels, and the class outside."""
        return len(self.labels) + 1

    def _vote(self, answer: TeacherAnswer | None) -> int:
        if answer is None:
            return -1
        label = None if answer.refused else self._parse(answer.text)
        return len(self.labels) if label is None else label

    def distributions(
        self, accuracies: NDArray[np.float64], indices: Sequence[int]
    ) -> NDArray[np.float64]:
        """Return those of some texts, ``[M, n, C + 1]``.

        Accuracies stand in where a member gave no distribution.
        """
        import numpy as np

        found = np.zeros((len(self.said), len(indices), self.classes))
        for member, answers in enumerate(self.said):
            for row, index in enumerate(indices):
                answer = answers[index]
                if answer is not None and answer.distribution is not None:
                    found[member, row, :-1] = answer.distribution
                    found[member, row, -1] = max(0.0, 1.0 - sum(answer.distribution))
                elif answer is not None:
                    vote = self.votes[member, index]
                    found[member, row] = self._softened(vote, float(accuracies[member]))
        return found

    def _softened(self, vote: int, accuracy: float) -> NDArray[np.float64]:
        """The rest goes to the other labels: a wrong answer does not make the input no label's."""
        import numpy as np

        softened = np.zeros(self.classes)
        others = [label for label in range(len(self.labels)) if label != vote]
        softened[others] = (1 - accuracy) / len(others)
        softened[vote] = accuracy
        return softened

    def combine(self, pooling: _Pooling) -> list[TeacherAnswer | None]:
        """Return the pooled answer to each text."""
        combined: list[TeacherAnswer | None] = []
        for start in range(0, self.votes.shape[1], _INPUTS_AT_ONCE):
            some = range(start, min(start + _INPUTS_AT_ONCE, self.votes.shape[1]))
            distributions = self.distributions(pooling.accuracies, some)
            pooled = pooling.pool.apply(distributions, self.present[:, some])
            combined += map(self._result, some, pooled.tolist())
        return combined

    def _result(self, index: int, pooled: list[float]) -> TeacherAnswer | None:
        answers = [answer for row in self.said if (answer := row[index]) is not None]
        if not answers:
            return None
        winner = self._winner(index, pooled)
        votes = self.votes[self.present[:, index], index].tolist()
        outside = answers[votes.index(winner)] if winner == len(self.labels) else None
        latencies = [answer.latency_ms for answer in answers if answer.latency_ms is not None]
        return TeacherAnswer(
            text=outside.text if outside else self.labels[winner],
            distribution=tuple(pooled[:-1]),
            usage=sum_usage(answers),
            latency_ms=max(latencies, default=None),
            version=join_versions(answers),
            refused=outside is not None and outside.refused,
            cost_usd=sum_costs(answers),
            cost_assumed=any(answer.cost_assumed for answer in answers),
        )

    def _winner(self, index: int, pooled: list[float]) -> int:
        """The most probable class; of equal ones the first that a member named.

        Outside wins only where a member did answer so: its mass may also be what was not seen.
        """
        votes = self.votes[:, index].tolist()
        possible = range(self.classes if len(self.labels) in votes else len(self.labels))
        highest = max(pooled[index] for index in possible)
        tied = [index for index in possible if pooled[index] >= highest * (1 - _TIE)]
        return next((vote for vote in votes if vote in tied), tied[0])


def _weigh(ballots: _Ballots, human: Sequence[int | None]) -> _Pooling:
    import numpy as np

    from locum.calibration import FEWEST_LABELS

    labels = np.array([-1 if label is None else label for label in human])
    learned = np.flatnonzero((labels >= 0) & ballots.present.all(axis=0))
    if len(learned) >= FEWEST_LABELS:
        return _fit(ballots, learned, labels[learned])
    return _estimate(ballots)


def _fit(ballots: _Ballots, learned: NDArray[np.intp], labels: NDArray[np.integer]) -> _Pooling:
    from locum.calibration import choose_pool

    right = (ballots.votes[:, learned] == labels).sum(axis=1)
    accuracies = (right + 1) / (len(learned) + 2)
    choice = choose_pool(ballots.distributions(accuracies, learned.tolist()), labels)
    scores = {"log-linear": choice.log_linear_nll, "linear": choice.linear_nll}
    kind, other = sorted(scores, key=lambda pool: pool != choice.pool.kind)
    how = (
        f"a {kind} pool with weights fitted on {len(learned)} labels of people: cross-validated "
        f"NLL {scores[kind]:.3f}, against {scores[other]:.3f} of the {other} one; inputs of the "
        "certify and test splits may be among them"
    )
    return _Pooling(choice.pool, accuracies, how)


def _estimate(ballots: _Ballots) -> _Pooling:
    import numpy as np

    from locum.calibration import Pool, estimate_accuracies, odds_weights

    few = "there are too few labels of people"
    if len(ballots.votes) == 2:
        first, second = ballots.votes[:, ballots.present.all(axis=0)]
        agreement = ((first == second).sum() + 1) / (len(first) + 2)
        accuracies = np.full(2, np.sqrt(agreement))
        how = f"a log-linear pool with equal weights: {few}, and of two members neither stands out"
        return _Pooling(Pool("log-linear", np.full(2, 0.5)), accuracies, how)
    accuracies = estimate_accuracies(ballots.votes, ballots.classes)
    how = f"a log-linear pool with weights by how far the members agree: {few}"
    weights = odds_weights(accuracies, ballots.classes)
    return _Pooling(Pool("log-linear", weights), accuracies, how)


def _numbered(names: Sequence[str]) -> list[str]:
    """The names, made distinct."""
    totals, seen = Counter(names), Counter[str]()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(f"{name} ({seen[name]})" if totals[name] > 1 else name)
    return numbered
