"""From a writer that was trained to its certificate, and whether to let it answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.distillation import decide, measure_latency, saved_size
from locum.evaluation import certify, plan_thresholds
from locum.export import CertifiedWriter, score_drafts
from locum.generation.deferring import learn_score
from locum.generation.evaluating import Judged, evaluate_answers
from locum.generation.result import WriterFacts
from locum.writers import Pair

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from locum.calibration import AgreementScore
    from locum.distillation import Progress
    from locum.generation.known import Known
    from locum.generation.parts import Part, Parts
    from locum.generation.result import GenerationDistillation
    from locum.generation.teaching import Taught
    from locum.writers import Draft, Writer

__all__ = ["Certifying", "certify_writer"]

_TIMED_TEXTS = 3
_A_BATCH = 32


class Certifying(NamedTuple):
    """How a writer is certified.

    Args:
        accept: Tells which answers of it are accepted, ``[N]``.
        minimum_coverage: Coverage under which a student is not worth having.
        seed: Of the choice of a score.
        told: Is told how it goes on.
    """

    accept: Callable[[Sequence[Pair]], NDArray[np.bool_]]
    minimum_coverage: float
    seed: int
    told: Progress


class _Answered(NamedTuple):
    """What a writer says of a split."""

    pairs: list[Pair]
    drafts: list[Draft]
    accepted: NDArray[np.bool_]

    def scored(self, score: AgreementScore) -> Judged:
        ended = np.array([draft.ended for draft in self.drafts], np.bool_)
        return Judged(self.pairs, score_drafts(score, self.drafts), self.accepted, ended)


def certify_writer(
    known: Known, writer: Writer, model: str, taught: Taught, parts: Parts, how: Certifying
) -> GenerationDistillation:
    """Certify a writer, and decide.

    Args:
        known: What is known of its task.
        writer: The student.
        model: What it was before.
        taught: What came of its training.
        parts: The splits.
        how: The rule, and what else is wanted.
    """
    promise, certify_inputs = known.promise, len(parts["certify"].texts)
    seen = _answer(writer, parts["validation"], "validation", how)
    learned = learn_score(seen.drafts, seen.accepted, certify_inputs, promise, how.seed)
    tested = _answer(writer, parts["certify"], "untouched", how).scored(learned.score)
    thresholds = plan_thresholds(learned.confidence, seen.accepted, certify_inputs, promise)
    # At 0 there is no answer.
    planned = [threshold for threshold in thresholds if threshold > 0]
    certificate = certify(tested.score, tested.accepted, planned, promise)
    decision = decide(
        certificate,
        np.concatenate([learned.confidence, tested.score]),
        np.concatenate([seen.accepted, tested.accepted]),
        (known.newer, certify_inputs),
        promise,
        how.minimum_coverage,
    )
    agrees = f"an answer agrees where {known.rule.rule} against the teacher's"
    if not known.rule.tells_apart:
        agrees += ", which holds for many of its answers to other inputs too"
    decision = decision._replace(reason=f"{decision.reason}; {agrees}")
    usable = certificate if decision.verdict == "distil" else None
    student = None
    if usable is not None:
        student = CertifiedWriter(
            known.task,
            writer,
            known.rule.rule,
            learned.score,
            usable,
            known.teacher,
            known.rule.judge,
            known.data.training_sha256,
            surroundings=known.surroundings,
            by_chance=known.rule.by_chance,
        )
    test = _answer(writer, parts["test"], "test", how).scored(learned.score)
    facts = WriterFacts(
        model=model,
        parameters=taught.parameters,
        size_bytes=saved_size(writer.save),
        p50_us=measure_latency(
            lambda text: writer.write([text]), parts["test"].texts[:_TIMED_TEXTS]
        ).p50_us,
        train_seconds=taught.seconds,
        losses=taught.losses,
        kept=taught.kept,
        deferral=learned.reason,
        backend=writer.backend.name,
    )
    return replace(
        known.without_student(decision),
        student=student,
        facts=facts,
        certificate=usable,
        evaluation=evaluate_answers(test, usable),
    )


def _answer(writer: Writer, part: Part, name: str, how: Certifying) -> _Answered:
    how.told.stage(f"writing answers to {len(part.texts):,} {name} inputs")
    drafts: list[Draft] = []
    # The longest first: what is written side by side is of like length.
    order = sorted(range(len(part.texts)), key=lambda row: -len(part.texts[row]))
    for start in range(0, len(order), _A_BATCH):
        drafts += writer.write([part.texts[row] for row in order[start : start + _A_BATCH]])
        how.told.advance(len(drafts), len(order))
    drafts = [draft for _, draft in sorted(zip(order, drafts, strict=True), key=lambda one: one[0])]
    pairs = [
        Pair(text, draft.text, answer)
        for draft, (text, answer) in zip(drafts, zip(*part, strict=True), strict=True)
    ]
    return _Answered(pairs, drafts, _accepted(pairs, drafts, how))


def _accepted(pairs: Sequence[Pair], drafts: Sequence[Draft], how: Certifying) -> NDArray[np.bool_]:
    """Tell which answers the rule accepts, ``[N]``; none that came to no end."""
    given = np.flatnonzero([draft.ended and bool(draft.text) for draft in drafts])
    accepted = np.zeros(len(pairs), np.bool_)
    accepted[given] = how.accept([pairs[row] for row in given.tolist()])
    return accepted
