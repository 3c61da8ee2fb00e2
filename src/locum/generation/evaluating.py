"""Measure a writer on the test split, and the rule that it is measured by."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.distillation import some_share, surest_wrong
from locum.evaluation import share, share_of_pairs
from locum.generation.result import GenerationEvaluation, RefusedAnswer, RuleFacts, TextScores
from locum.schema import label_key
from locum.selective_risk import risk_coverage
from locum.writers import Condition, Pair, chrf, rouge_l

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from locum.evaluation import Certificate
    from locum.teachers import Teacher
    from locum.writers import Acceptance

    Accept = Callable[[Sequence[Pair]], NDArray[np.bool_]]

__all__ = ["Judged", "evaluate_answers", "measure_rule"]

# To compare long texts takes long, and a share in a hundred is all that is asked.
_COMPARED = 200
_SAME = Condition("same")


class Judged(NamedTuple):
    """What a student writes for ``N`` inputs.

    Args:
        pairs: Its answers beside the teacher's.
        score: What it may answer by, ``[N]``; 0 where there is no answer.
        accepted: Whether the rule accepts the answer, ``[N]``.
        ended: Whether it came to its end, ``[N]``.
    """

    pairs: list[Pair]
    score: NDArray[np.float64]
    accepted: NDArray[np.bool_]
    ended: NDArray[np.bool_]


def measure_rule(
    acceptance: Acceptance,
    repeated: Sequence[Pair],
    others: Sequence[Pair],
    accept: Accept,
    judge: Teacher | None = None,
) -> RuleFacts:
    """Return what the rule says of the teacher's own answers.

    Args:
        acceptance: The rule.
        repeated: Answers that the teacher gave to the same input; the first 200 are compared.
        others: Answers of the teacher to different inputs; of these 200 from all over.
        accept: Tells which answers it accepts.
        judge: Who is asked for that, if anybody.
    """
    compared = repeated[:_COMPARED]
    ceiling = share_of_pairs(accept(compared), [label_key(pair.text) for pair in compared])
    chance = None if acceptance.needs_judge else share(accept(_strange(others)))
    return RuleFacts(acceptance.rule, judge.name if judge else "", ceiling, chance)


def _strange(pairs: Sequence[Pair]) -> list[Pair]:
    """Pair answers with those to other inputs, where these are other texts."""
    shifted = zip(pairs, [*pairs[1:], *pairs[:1]], strict=True)
    strange = [Pair(one.text, next_.answer, one.answer) for one, next_ in shifted]
    differing = np.flatnonzero(~_SAME.met(strange))
    step = max(1, math.ceil(len(differing) / _COMPARED))
    return [strange[row] for row in differing[::step].tolist()]


def evaluate_answers(judged: Judged, certificate: Certificate | None) -> GenerationEvaluation:
    """Compare what a student writes for the test inputs with its teacher's answers.

    Args:
        judged: What it writes.
        certificate: Where it may answer.
    """
    pairs, score, accepted, ended = judged
    answered = score >= certificate.threshold if certificate else None
    given = [] if answered is None else [pairs[row] for row in np.flatnonzero(answered).tolist()]
    return GenerationEvaluation(
        agreement=some_share(share(accepted)),
        answered=None if answered is None else share(answered),
        answered_agreement=None if answered is None else share(accepted[answered]),
        scores=_scores(pairs),
        answered_scores=_scores(given) if given else None,
        unended=some_share(share(~ended)),
        curve=risk_coverage(score, accepted),
        refused=_worst(judged),
    )


def _scores(pairs: Sequence[Pair]) -> TextScores:
    return TextScores(
        statistics.fmean(chrf(pair.written, pair.answer) for pair in pairs),
        statistics.fmean(rouge_l(pair.written, pair.answer) for pair in pairs),
        float(_SAME.met(pairs).mean()),
    )


def _worst(judged: Judged) -> list[RefusedAnswer]:
    pairs, score, accepted, _ = judged
    return [
        RefusedAnswer(pairs[row].text, pairs[row].written, float(score[row]), pairs[row].answer)
        for row in surest_wrong(score, accepted)
    ]
