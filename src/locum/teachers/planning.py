"""What labelling would ask, and what it would cost, before anything is bought."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from locum.prices import Tokens
from locum.store import BatchStore
from locum.teachers.batch import BatchTeacher
from locum.teachers.panel import Panel
from locum.teachers.protocol import check_texts
from locum.teachers.votes import Votes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from locum.prices import Price
    from locum.schema import Task, TeacherAnswer
    from locum.store import LabelStore
    from locum.teachers.budget import Budget
    from locum.teachers.protocol import AskedTeacher, Teacher

__all__ = [
    "KnownLabels",
    "LabellingPlan",
    "PlannedTeacher",
    "plan_labels",
    "read_labels",
    "sum_known",
]

_TEXTS_MEASURED = 1_000


class PlannedTeacher(NamedTuple):
    """What one model would be asked.

    Args:
        name: The model.
        calls: Questions that are not asked yet.
        calls_at_most: The same with those that are asked only where answers differ.
        known: Questions that are answered.
        tokens: About how many tokens the calls would take.
        likely_usd: About what they would cost; ``None`` where the price is not known.
        worst_usd: What they would cost at most, if no call is tried twice.
        in_batches: Questions that lie in batches already, which a run through batches fetches; what
            comes back unasked it asks again, so they are part of what its calls cost at most.
    """

    name: str
    calls: int
    calls_at_most: int
    known: int
    tokens: Tokens
    likely_usd: float | None
    worst_usd: float | None
    in_batches: int = 0

    @property
    def likely_usd_at_most(self) -> float | None:
        """About what the calls would cost if all that may be asked were."""
        return _times(self.likely_usd, self.calls_at_most / max(1, self.calls))

    def followed_by(self, calls: int) -> PlannedTeacher:
        """Return the plan where so many calls may follow on its own and on those in batches."""
        factor = 1.0 + calls / max(1, self.calls + self.in_batches)
        most, worst = round(self.calls * factor), _times(self.worst_usd, factor)
        return self._replace(calls_at_most=most, worst_usd=worst)


class LabellingPlan(NamedTuple):
    """What a labelling run would do.

    Args:
        texts: Inputs, equal ones counted once.
        teachers: The models that would be asked, one each.
        notes: What should be known of labels that were bought before, a sentence each.
    """

    texts: int
    teachers: list[PlannedTeacher]
    notes: tuple[str, ...] = ()

    @property
    def calls(self) -> int:
        """Questions that are not asked yet."""
        return sum(teacher.calls for teacher in self.teachers)

    @property
    def likely_usd(self) -> float | None:
        """About what they would cost; ``None`` where a price is not known."""
        return sum_known(teacher.likely_usd for teacher in self.teachers)

    @property
    def likely_usd_at_most(self) -> float | None:
        """About what they would cost if all that may be asked were; ``None`` likewise."""
        return sum_known(teacher.likely_usd_at_most for teacher in self.teachers)

    @property
    def worst_usd(self) -> float | None:
        """What they would cost at most; ``None`` where a price is not known."""
        return sum_known(teacher.worst_usd for teacher in self.teachers)


class KnownLabels(NamedTuple):
    """What is known of texts.

    Args:
        answers: One a text, in their order; ``None`` where nothing is known.
        unfinished: Texts of which the teacher has more to be asked.
    """

    answers: list[TeacherAnswer | None]
    unfinished: set[str]


def plan_labels(
    task: Task, teacher: Teacher, texts: Sequence[str], store: LabelStore, budget: Budget
) -> LabellingPlan:
    """Return what asking a teacher about texts would take.

    A token is taken as four bytes of text and a label as its own length, so that the likely cost is
    good to a third or so; the worst case is what the ledger reserves. Questions that a teacher asks
    only where earlier answers call for them count towards the most alone.

    Raises:
        UsageError: A price is not known, and there is a cap.
        InputError: A text holds half a surrogate pair, or the store cannot be read.
    """
    desk = _PlanningDesk(store, budget)
    teacher.label(task, texts, desk)
    ahead = _draws_ahead(teacher)
    planned = [one.followed_by(ahead.get(one.name, 0)) for one in desk.planned.values()]
    return LabellingPlan(len(set(texts)), planned)


def _draws_ahead(teacher: Teacher) -> dict[str, int]:
    """How many questions may follow, where answers differ, on those of the plan, by their model."""
    if isinstance(teacher, Votes):
        return {teacher.teacher.name: teacher.draws_ahead}
    if isinstance(teacher, Panel):
        return {name: n for one in teacher.teachers for name, n in _draws_ahead(one).items()}
    return {}


def sum_known(costs: Iterable[float | None]) -> float | None:
    """Return a sum; ``None`` where a part of it is not known."""
    found = list(costs)
    return None if None in found else sum(cost or 0.0 for cost in found)


def _times(amount: float | None, factor: float) -> float | None:
    return None if amount is None else amount * factor


def read_labels(
    task: Task,
    teacher: Teacher,
    texts: Sequence[str],
    store: LabelStore,
    human: Mapping[str, int] | None = None,
) -> KnownLabels:
    """Return what is known of texts without asking.

    Args:
        task: What was asked.
        teacher: Who was asked.
        texts: What was asked about.
        store: Where answers are kept.
        human: Index of a person's label by text, as for `locum.teachers.label_texts`.

    Raises:
        InputError: The store cannot be read.
    """
    desk = _PlanningDesk(store, None, human)
    return KnownLabels(teacher.label(task, texts, desk), desk.unfinished)


class _PlanningDesk:
    """Takes questions as a desk does, and asks none."""

    def __init__(
        self, store: LabelStore, budget: Budget | None, human: Mapping[str, int] | None = None
    ) -> None:
        self._human = human or {}
        self._store = store
        self._budget = budget
        self.unfinished: set[str] = set()
        self.planned: dict[str, PlannedTeacher] = {}

    def human(self, texts: Sequence[str]) -> list[int | None]:
        return [self._human.get(text) for text in texts]

    def buy(
        self, teacher: AskedTeacher, task: Task, wanted: Sequence[tuple[str, int]]
    ) -> list[TeacherAnswer | None]:
        check_texts(wanted)
        keys = [teacher.identify(task, text, draw) for text, draw in wanted]
        asked = {key: text for key, (text, _) in zip(keys, wanted, strict=True)}
        known = self._store.find(list(asked))
        self.unfinished |= {text for key, text in asked.items() if key not in known}
        if self._budget is not None:
            self._add_to_plan(teacher, task, asked, known)
        return [known.get(key) for key in keys]

    def _add_to_plan(
        self,
        teacher: AskedTeacher,
        task: Task,
        asked: Mapping[str, str],
        known: Mapping[str, TeacherAnswer],
    ) -> None:
        missing = {key: text for key, text in asked.items() if key not in known}
        batched = BatchStore(self._store.database).holding(list(missing))
        texts = [text for key, text in missing.items() if key not in batched]
        lying = [missing[key] for key in batched]
        planned = self._plan(teacher, task, texts, lying, len(known))
        before = self.planned.get(teacher.name)
        self.planned[teacher.name] = planned if before is None else _add(before, planned)

    def _plan(
        self,
        teacher: AskedTeacher,
        task: Task,
        missing: Sequence[str],
        batched: Sequence[str],
        known: int,
    ) -> PlannedTeacher:
        count = len(missing)
        measured = missing[:: max(1, count // _TEXTS_MEASURED)] if teacher.free else missing
        maybe = batched if isinstance(teacher, BatchTeacher) else ()
        worst = _mean([teacher.worst_case(task, text) for text in (*measured, *maybe)])
        likely = _mean([teacher.likely_case(task, text) for text in measured])
        assert self._budget is not None
        price = self._budget.price_of(teacher)
        return PlannedTeacher(
            teacher.name,
            count,
            count,
            known,
            Tokens(count * likely.input, count * likely.output),
            self._cost(teacher, price, likely, count),
            self._cost(teacher, price, worst, count + len(maybe)),
            len(batched),
        )

    def _cost(
        self, teacher: AskedTeacher, price: Price | None, tokens: Tokens, calls: int
    ) -> float | None:
        if teacher.free:
            return 0.0
        return None if price is None else calls * price.cost_usd(tokens) * teacher.discount


def _mean(tokens: Sequence[Tokens]) -> Tokens:
    count = max(1, len(tokens))
    longest = max((one.output for one in tokens), default=0)
    return Tokens(math.ceil(sum(one.input for one in tokens) / count), longest)


def _add(first: PlannedTeacher, second: PlannedTeacher) -> PlannedTeacher:
    tokens = Tokens(
        first.tokens.input + second.tokens.input, first.tokens.output + second.tokens.output
    )
    return PlannedTeacher(
        first.name,
        first.calls + second.calls,
        first.calls_at_most + second.calls_at_most,
        first.known + second.known,
        tokens,
        sum_known([first.likely_usd, second.likely_usd]),
        sum_known([first.worst_usd, second.worst_usd]),
        first.in_batches + second.in_batches,
    )
