"""What a labelling run did, in numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.schema import TeacherAnswer
    from locum.teachers.protocol import Failure

__all__ = ["LabellingProgress", "Tally"]

_SHOWN_REASONS = 3
_KEPT_REASONS = 50


class LabellingProgress(NamedTuple):
    """How far a labelling run is.

    Args:
        done: Questions that nothing more is done about.
        known: Of them, those that had been answered before.
        wanted: Questions in all.
        spent_usd: What was spent.
    """

    done: int
    known: int
    wanted: int
    spent_usd: float


@dataclass
class Tally:
    """Counts of a labelling run; each question counts once.

    Args:
        wanted: Questions that were to be answered; equal ones are one.
        cached: Of them, those that had been answered before.
        cached_outside: Of these, those that had been answered with no label.
        answered: Of the others, those answered with a label of the task.
        outside: Those answered with something else.
        refused: Those that the teacher declined.
        empty: Those answered with nothing.
        failed: Failures by kind, refusals of the provider apart.
        reasons: Failures in words, some of the different ones.
        unasked: Questions left because the cap was reached.
        in_batches_usd: Where some were left, what the cap holds ready for batches with a provider.
        assumed: Calls of runs that died in the middle: counted as spent, and asked again.
        untold: New answers that did not say their tokens.
        untold_usd: Their worst cases, which count as spent.
        spent_usd: What the new answers cost, and what attempts without one may have.
        saved_by_cache_usd: What the known answers had cost, where they said their tokens.
        saved_by_batch_usd: What the new answers would have cost more as single calls, likewise.
        changes: Changes of the model behind a name, a sentence each.
        versions: New answers by the model that gave them, as it calls itself.
        versions_before: Known answers likewise.
    """

    wanted: int = 0
    cached: int = 0
    cached_outside: int = 0
    answered: int = 0
    outside: int = 0
    refused: int = 0
    empty: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    unasked: int = 0
    in_batches_usd: float = 0.0
    assumed: int = 0
    untold: int = 0
    untold_usd: float = 0.0
    spent_usd: float = 0.0
    saved_by_cache_usd: float = 0.0
    saved_by_batch_usd: float = 0.0
    changes: list[str] = field(default_factory=list)
    versions: Counter[str] = field(default_factory=Counter)
    versions_before: Counter[str] = field(default_factory=Counter)

    @property
    def asked(self) -> int:
        """Questions that were asked in this run and got an answer of any kind."""
        return self.answered + self.outside + self.refused + self.empty

    @property
    def done(self) -> int:
        """Questions that nothing more is done about."""
        return self.cached + self.asked + self.failed.total()

    @property
    def progress(self) -> LabellingProgress:
        """How far the run is."""
        return LabellingProgress(self.done, self.cached, self.wanted, self.spent_usd)

    @property
    def labelled(self) -> int:
        """Questions with a label, known before or not."""
        return self.answered + self.cached - self.cached_outside

    def count_known(self, answer: TeacherAnswer, label: int | None) -> None:
        """Count an answer that was there before, with the label that it means."""
        self.cached += 1
        self.cached_outside += label is None
        if not answer.cost_assumed:
            self.saved_by_cache_usd += answer.cost_usd or 0.0
        if answer.version:
            self.versions_before[answer.version] += 1

    def count_answer(self, answer: TeacherAnswer, discount: float, label: int | None) -> None:
        """Count a new answer, with the label that it means."""
        cost = answer.cost_usd or 0.0
        self.spent_usd += cost
        if answer.cost_assumed:
            self.untold += 1
            self.untold_usd += cost
        else:
            self.saved_by_batch_usd += cost / discount - cost
        if answer.version:
            self.versions[answer.version] += 1
        if answer.refused:
            self.refused += 1
        elif not answer.text.strip():
            self.empty += 1
        elif label is None:
            self.outside += 1
        else:
            self.answered += 1

    def note_change(self, name: str, before: Counter[str], now: Counter[str]) -> None:
        """Note that another model than before stands behind a name."""
        self.changes.append(
            f"the model behind the name {name!r} has changed: earlier answers are by "
            f"{_listed(before)}, new ones by {_listed(now)}; to have all by one, give a "
            "--model-version of your choice: labels under another one are bought anew, those of "
            "recorded calls by locum label --anew"
        )

    def count_failure(self, failure: Failure) -> None:
        """Count a question that stays without an answer."""
        self.failed[failure.kind] += 1
        reason = f"{failure.kind}: {failure.reason}"
        if reason in self.reasons or len(self.reasons) < _KEPT_REASONS:
            self.reasons[reason] += 1

    def as_object(self) -> dict[str, Any]:
        """Return the counts as JSON has them."""
        return {
            name: dict(value) if isinstance(value, Counter) else value
            for name, value in vars(self).items()
        }

    def add(self, counted: Mapping[str, Any]) -> None:
        """Add the counts of another run, as its `as_object` gave them."""
        in_batches_usd = max(self.in_batches_usd, counted["in_batches_usd"])
        for name, value in vars(self).items():
            more = Counter(counted[name]) if isinstance(value, Counter) else counted[name]
            setattr(self, name, value + more)
        self.in_batches_usd = in_batches_usd  # of the one account of all runs

    def notes(self) -> list[str]:
        """Return what should be known of the run, a sentence each."""
        notes = list(self.changes)
        if self.empty:
            notes.append(
                f"{self.empty:,} answers were empty: a model that thinks before it answers may "
                "need a larger max_tokens"
            )
        if self.in_batches_usd:
            notes.append(
                f"{self.in_batches_usd:.4f} US dollars of the budget are held ready for batches "
                "that lie with a provider: the command that sent them fetches them, and frees what "
                "they did not cost"
            )
        if self.assumed:
            notes.append(
                f"{self.assumed:,} calls were in flight when an earlier run died: they count as "
                "spent, and may have been asked again"
            )
        if self.untold:
            notes.append(
                f"{self.untold:,} answers did not say their tokens: each counts as spent at its "
                f"worst case, {self.untold_usd:.4f} US dollars together"
            )
        frequent = self.reasons.most_common(_SHOWN_REASONS)
        return [*notes, *(f"{count:,} {reason}" for reason, count in frequent)]


def _listed(versions: Counter[str]) -> str:
    return ", ".join(f"{name} ({count:,})" for name, count in versions.most_common(_SHOWN_REASONS))
