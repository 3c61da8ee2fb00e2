"""The watch over one promoted student: is its promise kept, and is its traffic what it was?"""

from __future__ import annotations

import time
from array import array
from typing import TYPE_CHECKING

from locum.monitoring import AgreementWatch, MixWatch, ScoreWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from locum.monitoring import Change
    from locum.promotion import Plan
    from locum.schema import JsonObject
    from locum.store import Shadow

__all__ = ["TaskWatch"]

_REFERENCE = 500
_REPEATS = 200
_MOST_INPUTS = 100_000
_THE_SAME, _SOMETHING_ELSE = 0, 1


class TaskWatch:
    """Tests of one student; what they say depends on its sampled calls and their order alone.

    Four things are watched: agreement with the teacher, against the promise; and, against the first
    500 sampled calls, how unlike its training inputs calls are, which labels it gives, and whether
    the teacher answers the same input as before.

    Args:
        plan: That of its promotion.
    """

    def __init__(self, plan: Plan) -> None:
        self.agreement = AgreementWatch(plan.target, 1 - plan.confidence)
        self.last = 0
        self._target = plan.target
        labels = {label for worded in plan.labels.values() for label in worded}
        self._labels = {label: place for place, label in enumerate(sorted(labels))}
        self._sampled = self._answered = 0
        self._novelty = ScoreWatch(_REFERENCE)
        self._mix = MixWatch(len(self._labels) + 1, _REFERENCE)
        self._repeats = MixWatch(2, _REPEATS)
        self._teacher_said: dict[str, str] = {}
        self._teacher = ""
        self._teachers: set[str] = set()
        self._teacher_changed: tuple[str, str, float] | None = None
        self._found: float | None = None
        self._times = {name: array("d") for name in ("compared", "novelty", "labels", "repeats")}

    def take(self, rows: Sequence[tuple[int, Shadow]]) -> None:
        """Go on with the next sampled calls."""
        for number, shadow in rows:
            self.last = number
            self._take(shadow)

    def _take(self, shadow: Shadow) -> None:
        self._sampled += 1
        self._answered += shadow.answered
        if shadow.answered and shadow.agrees is not None:
            self.agreement.observe(shadow.agrees)
            self._times["compared"].append(shadow.time)
            if self.agreement.broken and self._found is None:
                # No call after that had a part in finding it: on these the next is certified.
                self._found = max(self._times["compared"])
        if shadow.novelty is not None:
            self._novelty.observe(shadow.novelty)
            self._times["novelty"].append(shadow.time)
        # Of a call that was deleted neither label nor input is known any more.
        if self._labels and shadow.input_hash:
            self._mix.observe(self._labels.get(shadow.said, len(self._labels)))
            self._times["labels"].append(shadow.time)
        if shadow.answer_hash and shadow.input_hash:
            self._take_answer(shadow)
        if shadow.teacher:
            self._take_teacher(shadow)

    def _take_answer(self, shadow: Shadow) -> None:
        """Compare what the teacher says with what it said of the same input before."""
        before = self._teacher_said.get(shadow.input_hash)
        if before is not None:
            differs = before != shadow.answer_hash
            self._repeats.observe(_SOMETHING_ELSE if differs else _THE_SAME)
            self._times["repeats"].append(shadow.time)
        if before is not None or len(self._teacher_said) < _MOST_INPUTS:
            self._teacher_said[shadow.input_hash] = shadow.answer_hash

    def _take_teacher(self, shadow: Shadow) -> None:
        """Note a teacher that did not answer before; several may take turns."""
        if self._teachers and shadow.teacher not in self._teachers:
            self._teacher_changed = (self._teacher, shadow.teacher, shadow.time)
        self._teachers.add(shadow.teacher)
        self._teacher = shadow.teacher

    def state(self) -> JsonObject:
        """Return what is shown of it."""
        watch = self.agreement
        low, high = watch.interval()
        return {
            "sampled": self._sampled,
            "answered": self._answered,
            "compared": watch.observed,
            "disagreements": watch.disagreements,
            "agreement_low": low,
            "agreement_high": high,
            "log_evidence": watch.log_evidence,
            "broken": watch.broken,
            "found": self._found,
        }

    def broken_promise(self) -> str:
        """Return why the certificate holds no more."""
        watch = self.agreement
        agreement = 1 - watch.disagreements / watch.observed
        return (
            f"agreement fell below the promised {self._target:g}: {watch.disagreements:,} of "
            f"{watch.observed:,} sampled answers differ from the teacher's ({agreement:.1%} "
            f"agree), beginning about {self._moment('compared', watch.began or 1)}"
        )

    def alarms(self) -> dict[str, str]:
        """Return what has changed since the first sampled calls, a sentence each, by its kind."""
        found: list[tuple[str, Change | None, Callable[[Change], str]]] = [
            ("novelty", self._novelty.change, _say_novelty),
            ("labels", self._mix.change, self._say_labels),
            ("repeats", self._repeats.change, _say_repeats),
        ]
        said = {
            kind: f"{say(change)}, since about {self._moment(kind, change.began)}"
            for kind, change, say in found
            if change is not None
        }
        if self._teacher_changed is not None:
            before, now, when = self._teacher_changed
            said[f"teacher {now}"] = (
                f"{now} answers as the teacher, which never did before {_show(when)}; then it was "
                f"{before}"
            )
        return said

    def _say_labels(self, change: Change) -> str:
        names = [*self._labels, "something else"]
        return (
            f"what the student says has changed: {names[change.category]} was "
            f"{change.reference:.1%} and is {change.recent:.1%}"
        )

    def _moment(self, kind: str, number: int) -> str:
        return _show(self._times[kind][number - 1])


def _say_novelty(change: Change) -> str:
    return (
        f"inputs have changed: {change.recent:.1%} are as unlike those that the student learned "
        f"from as {change.reference:.1%} were"
    )


def _say_repeats(change: Change) -> str:
    same = change.category == _THE_SAME
    recent, before = (1 - x if same else x for x in (change.recent, change.reference))
    return (
        "the teacher has changed: asked the same again it said something else "
        f"{recent:.1%} of the time, and {before:.1%} before"
    )


def _show(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))
