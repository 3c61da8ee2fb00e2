"""The watch over one promoted student: is its promise kept, and is its traffic what it was?"""

from __future__ import annotations

import math
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
_VERSION = 1
_MOST_FORGOTTEN = 0.01


class TaskWatch:
    """Tests of one student; what they say depends on its sampled calls and their order alone.

    Four things are watched: agreement with the teacher, against the promise; and, against the first
    500 sampled calls, how unlike its training inputs calls are, which labels it gives, and whether
    the teacher answers the same input as before.

    Calls that are deleted take labels and inputs along. What they had shown is in `memory_due`, in
    sums alone.

    Args:
        plan: That of its promotion.
        memory: What `memory_due` last said of the same student; that of another version of Locum,
            or of other labels, is left aside.
    """

    def __init__(self, plan: Plan, memory: JsonObject | None = None) -> None:
        self.agreement = AgreementWatch(plan.target, 1 - plan.confidence)
        self.last = 0
        self._target = plan.target
        labels = {label for worded in plan.labels.values() for label in worded}
        self._labels = {label: place for place, label in enumerate(sorted(labels))}
        self._sampled = self._answered = 0
        self._novelty = ScoreWatch(_REFERENCE)
        self._mixes = {
            "labels": MixWatch(len(self._labels) + 1, _REFERENCE),
            "repeats": MixWatch(2, _REPEATS),
        }
        self._teacher_said: dict[str, str] = {}
        self._teacher = ""
        self._teachers: set[str] = set()
        self._teacher_changed: tuple[str, Shadow] | None = None
        self._found: float | None = None
        self._times = {name: array("d") for name in ("compared", "novelty", "labels", "repeats")}
        self._remembered_last = self._remembered_calls = 0
        made_by = [_VERSION, list(self._labels)]
        if memory is not None and [memory.get("version"), memory.get("labels")] == made_by:
            self._recall(memory)

    def take(self, rows: Sequence[tuple[int, Shadow]]) -> None:
        """Go on with the next sampled calls."""
        for number, shadow in rows:
            self.last = number
            self._take(shadow, is_new=number > self._remembered_last)

    def memory_due(self) -> JsonObject | None:
        """Return what is to be kept of labels and repeated inputs, as they may be deleted.

        ``None`` while it is little more than what was returned before: what would be forgotten is
        at most a hundredth of the calls.
        """
        if self._sampled - self._remembered_calls <= _MOST_FORGOTTEN * self._sampled:
            return None
        self._remembered_calls = self._sampled
        return {
            "version": _VERSION,
            "labels": list(self._labels),
            "last": self.last,
            "calls": self._sampled,
            "tests": {kind: mix.to_object() for kind, mix in self._mixes.items()},
            "times": {
                kind: [(start, self._times[kind][start - 1]) for start in sorted(mix.starts)]
                for kind, mix in self._mixes.items()
            },
        }

    def _recall(self, memory: JsonObject) -> None:
        """Go on where the memory ends; what it holds is not counted again."""
        self._remembered_last, self._remembered_calls = memory["last"], memory["calls"]
        for kind, kept in memory["tests"].items():
            mix = self._mixes[kind] = MixWatch.from_object(kept)
            self._times[kind] = array("d", [math.nan]) * mix.observed
            for start, moment in memory["times"][kind]:
                self._times[kind][start - 1] = moment

    def _take(self, shadow: Shadow, *, is_new: bool) -> None:
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
            label = self._labels.get(shadow.said, len(self._labels))
            self._count("labels", label, shadow, is_new=is_new)
        if shadow.answer_hash and shadow.input_hash:
            self._take_answer(shadow, is_new=is_new)
        if shadow.teacher:
            self._take_teacher(shadow)

    def _take_answer(self, shadow: Shadow, *, is_new: bool) -> None:
        """Compare what the teacher says with what it said of the same input before."""
        before = self._teacher_said.get(shadow.input_hash)
        if before is not None:
            differs = before != shadow.answer_hash
            self._count("repeats", _SOMETHING_ELSE if differs else _THE_SAME, shadow, is_new=is_new)
        if before is not None or len(self._teacher_said) < _MOST_INPUTS:
            self._teacher_said[shadow.input_hash] = shadow.answer_hash

    def _count(self, kind: str, category: int, shadow: Shadow, *, is_new: bool) -> None:
        """Let the test of labels or repeats see a call."""
        if is_new:
            self._mixes[kind].observe(category)
            self._times[kind].append(shadow.time)
        else:
            self._mixes[kind].observe_again(category)

    def _take_teacher(self, shadow: Shadow) -> None:
        """Note a teacher that did not answer before; several may take turns."""
        if self._teachers and shadow.teacher not in self._teachers:
            self._teacher_changed = (self._teacher, shadow)
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
            ("labels", self._mixes["labels"].change, self._say_labels),
            ("repeats", self._mixes["repeats"].change, _say_repeats),
        ]
        said = {
            kind: f"{say(change)}, since about {self._moment(kind, change.began)}"
            for kind, change, say in found
            if change is not None
        }
        if self._teacher_changed is not None:
            before, first = self._teacher_changed
            since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(first.time))
            said[f"teacher {first.teacher}"] = (
                f"{first.teacher} answers as the teacher, which never did before "
                f"{_show(first.time)}; then it was {before}: locum distill {first.task} --refresh "
                f"--since {since} learns from what came since"
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
