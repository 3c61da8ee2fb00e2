"""Ask a teacher for what is not known yet, within a budget, and keep every answer."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple, Self

from locum.schema import TeacherAnswer
from locum.store import NANODOLLARS, Ledger
from locum.teachers.budget import Budget
from locum.teachers.nonsense_guard import NonsenseGuard
from locum.teachers.parsing import LabelParser
from locum.teachers.protocol import FINAL_FAILURES, Failure, Question, check_texts
from locum.teachers.run_to_end import run_to_end
from locum.teachers.tally import Tally
from locum.teachers.till import LedgerTill

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
    from types import TracebackType

    from locum.prices import Price
    from locum.schema import Task
    from locum.store import Balance, LabelStore
    from locum.teachers.protocol import AskedTeacher, FailureKind, Teacher
    from locum.teachers.tally import LabellingProgress

__all__ = ["LabellingDesk", "LabellingRun", "label_texts"]

_SECONDS_BETWEEN_TICKS = 5.0
_TEXTS_BEFORE = 100


class LabellingRun(NamedTuple):
    """Answers, and how they were come by.

    Args:
        answers: One a text, in their order; ``None`` where a call failed or the cap was reached.
        tally: Counts of the run.
    """

    answers: list[TeacherAnswer | None]
    tally: Tally


class LabellingDesk:
    """Where teachers' questions are asked, and answers kept; see `locum.teachers.protocol.Desk`.

    Answers are on disk before what they cost is forgotten; when a run ends early, the next one goes
    on from there.

    Args:
        task: What is asked.
        store: Where answers and spending are kept.
        budget: What they may cost.
        progress: Is told how far the calls are.
        human: Index of a person's label by text, where there is one that may be learned from.
        before: Texts that earlier runs asked about: a teacher that is known to have answered one of
            the last hundred may decline all that is left.
        calls: Ids of the recorded calls that texts stem from, by text; looked up as they are asked
            about. Answers are linked to them before they are bought, so that a deletion of a call
            takes along what a run brought that was killed; of calls that are deleted meanwhile
            nothing is asked or kept any more.

    Attributes:
        tally: Counts of the run.
        unfinished: Texts of which another run has more to ask: the budget ended, or a call failed
            in a way that may pass.
        closed: Whether nothing is asked any more, and what is known is looked up alone; may be set.
    """

    def __init__(
        self,
        task: Task,
        store: LabelStore,
        budget: Budget | None = None,
        progress: Callable[[LabellingProgress], None] = lambda *_: None,
        human: Mapping[str, int] | None = None,
        before: Sequence[str] = (),
        calls: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        self.tally = Tally()
        self.unfinished: set[str] = set()
        self.closed = False
        self._failed: dict[str, FailureKind] = {}
        self._store = store
        self._budget = budget or Budget()
        self._progress = progress
        self._human = human or {}
        self._before = before[-_TEXTS_BEFORE:]
        self._calls: Mapping[str, Collection[str]] = {} if calls is None else calls
        store.watch(call for calls in self._calls.values() for call in calls)
        self._parse = LabelParser(task.labels)
        self._guards: dict[AskedTeacher, NonsenseGuard] = {}
        cap = self._budget.cap_usd
        self._ledger = Ledger(
            store.database,
            self._budget.ledger,
            cap=None if cap is None else int(cap * NANODOLLARS),
        )

    def __enter__(self) -> Self:
        """Open the desk."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the account of this run."""
        self._ledger.close()

    def balance(self) -> Balance:
        """Return where the account stands, all runs together."""
        return self._ledger.balance()

    def human(self, texts: Sequence[str]) -> list[int | None]:
        """Return the index of a person's label of each text that may be learned from, if any."""
        return [self._human.get(text) for text in texts]

    def buy(
        self, teacher: AskedTeacher, task: Task, wanted: Sequence[tuple[str, int]]
    ) -> list[TeacherAnswer | None]:
        """Return the answer to each text and draw in its order, asking for those not known yet.

        Raises:
            TeacherError: The teacher fails altogether, or none of its first 20 answers is a label
                of the task.
            InputError: The store cannot be used.
            UsageError: There is a cap and no price.
        """
        check_texts(wanted)
        keys = [teacher.identify(task, text, draw) for text, draw in wanted]
        questions = {
            key: Question(key, text, draw, bool(self._calls.get(text)))
            for key, (text, draw) in zip(keys, wanted, strict=True)
        }
        self._link(questions.values())
        known = self._store.find(list(questions))
        before = Counter(answer.version for answer in known.values() if answer.version)
        self.tally.wanted += len(questions)
        guard = self._guard_of(teacher, task)
        for answer in known.values():
            label = self._label_of(teacher, answer)
            self.tally.count_known(answer, label)
            guard.known(label)
        missing = [question for key, question in questions.items() if key not in known]
        self._tell()
        if missing and not self.closed:
            price = self._budget.price_of(teacher)
            run_to_end(lambda: self._ask(teacher, task, missing, price, known))
            asked = [known[question.key] for question in missing if question.key in known]
            self._note_versions(teacher, before, Counter(a.version for a in asked if a.version))
        self._find_late(teacher, known, missing)
        return [known.get(key) for key in keys]

    def _link(self, questions: Iterable[Question]) -> None:
        """Let answers go when the calls are deleted that their questions stem from."""
        links = [(one.key, call) for one in questions for call in self._calls.get(one.text, ())]
        if links:
            self._store.link(links)

    def _guard_of(self, teacher: AskedTeacher, task: Task) -> NonsenseGuard:
        if teacher not in self._guards:
            guard = self._guards[teacher] = NonsenseGuard(task, teacher)
            keys = [teacher.identify(task, text) for text in self._before]
            for answer in self._store.find(keys).values():
                guard.known(self._label_of(teacher, answer))
        return self._guards[teacher]

    async def _ask(
        self,
        teacher: AskedTeacher,
        task: Task,
        missing: Sequence[Question],
        price: Price | None,
        known: dict[str, TeacherAnswer],
    ) -> None:
        taken_over_before = self._ledger.taken_over
        wanted = {question.key for question in missing}
        texts = list(dict.fromkeys(question.text for question in missing))
        guard = self._guards[teacher]
        async with (
            _ticking(self._tell),
            LedgerTill(self._ledger, price, teacher.discount) as till,
            aclosing(teacher.answer(task, missing, till)) as arriving,
        ):
            async for question, result in arriving:
                if isinstance(result, Failure):
                    till.drop(question)
                    if question.key in wanted:
                        self._failed[question.key] = result.kind
                        self.tally.count_failure(result)
                        guard.failed(result, question.text, texts)
                else:
                    answer = known[question.key] = till.settle(question, result)
                    self._count_answer(teacher, answer, counts=question.key in wanted)
                self._tell()
        self.tally.spent_usd += till.forfeited / NANODOLLARS
        self.tally.assumed += self._ledger.taken_over - taken_over_before

    def _count_answer(self, teacher: AskedTeacher, answer: TeacherAnswer, *, counts: bool) -> None:
        """Count an answer; those of earlier batches that nobody wants now cost money alone."""
        if not counts:
            self.tally.spent_usd += answer.cost_usd or 0.0
            return
        label = self._label_of(teacher, answer)
        self.tally.count_answer(answer, teacher.discount, label)
        self._guards[teacher].answered(answer.text, label)

    def _note_versions(
        self, teacher: AskedTeacher, before: Counter[str], now: Counter[str]
    ) -> None:
        """Note when the model behind a name has changed since it was last asked.

        Providers run several versions side by side: while those of before come too, nothing has.
        """
        key = hashlib.sha256(f"last version of {teacher!r}".encode()).hexdigest()
        last = self._store.find([key]).get(key)
        seen = before or Counter([last.text] if last else [])
        if seen and now and not seen.keys() & now.keys():
            self.tally.note_change(teacher.name, seen, now)
        if now:
            [(version, _)] = now.most_common(1)
            self._store.add([(key, TeacherAnswer(version))])

    def _label_of(self, teacher: AskedTeacher, answer: TeacherAnswer) -> int | None:
        """The label that an answer means; a text that was written is as good as one."""
        return 0 if teacher.writes else self._parse(answer.text)

    def _find_late(
        self,
        teacher: AskedTeacher,
        known: dict[str, TeacherAnswer],
        missing: Sequence[Question],
    ) -> None:
        """Take what other runs have answered meanwhile; what is left was not asked, or failed."""
        left = [q.key for q in missing if q.key not in known and q.key not in self._failed]
        late = self._store.find(left)
        for answer in late.values():
            self.tally.count_known(answer, self._label_of(teacher, answer))
        known |= late
        self.unfinished |= {
            question.text
            for question in missing
            if question.key not in known and self._failed.get(question.key) not in FINAL_FAILURES
        }
        self.tally.unasked = self.tally.wanted - self.tally.done
        held = self._ledger.in_batches() if self.tally.unasked else 0
        self.tally.in_batches_usd = held / NANODOLLARS

    def _tell(self) -> None:
        self._progress(self.tally.progress)


def label_texts(
    task: Task,
    teacher: Teacher,
    texts: Sequence[str],
    store: LabelStore,
    progress: Callable[[LabellingProgress], None] = lambda *_: None,
    *,
    budget: Budget | None = None,
    human: Mapping[str, int] | None = None,
    calls: Mapping[str, Collection[str]] | None = None,
) -> LabellingRun:
    """Return the teacher's answer to each text.

    Args:
        task: What is asked.
        teacher: Who is asked.
        texts: What is asked about.
        store: Where answers are kept.
        progress: Is told how far the calls are.
        budget: What they may cost; by default there is no cap.
        human: Index of a person's label by text, where there is one that may be learned from.
        calls: Ids of the recorded calls that texts stem from, by text.

    Raises:
        TeacherError: The teacher fails altogether, or none of its first 20 answers is a label of
            the task.
        InputError: The store cannot be used.
    """
    with LabellingDesk(task, store, budget, progress, human, calls=calls) as desk:
        return LabellingRun(teacher.label(task, texts, desk), desk.tally)


@asynccontextmanager
async def _ticking(tell: Callable[[], None]) -> AsyncGenerator[None, None]:
    """Tell how it stands every few seconds, also where nothing comes."""

    async def tick() -> None:
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN_TICKS)
            tell()

    ticker = asyncio.create_task(tick())
    try:
        yield
    finally:
        ticker.cancel()
