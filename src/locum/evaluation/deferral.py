"""Which score a student answers by: the learned one only where it shows that it covers more."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.calibration import (
    FEWEST_LABELS,
    PLAIN_SCORE,
    deferral_features,
    fit_agreement,
    fit_deferral,
    predict_held_out,
)
from locum.evaluation.foreseen import coverage_difference, foreseen_coverage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from locum.calibration import DeferralScore
    from locum.evaluation.certificate import Promise

__all__ = ["DeferralChoice", "ScoreChoice", "choose_deferral", "choose_score"]


class DeferralChoice(NamedTuple):
    """What a student is to answer by, and what that was chosen by.

    Args:
        score: The score, learned on all validation inputs or plain.
        reason: Why, in a sentence.
        confidence: Score of each validation input, ``[N]``; where it is learned, by a fit that
            did not see the input. Foreseen coverages are to be taken from these.
        plain_coverage: Coverage foreseen by the plain score.
        learned_coverage: Coverage foreseen by learned scores, each of inputs not learned from;
            ``None`` where none was learned.
    """

    score: DeferralScore
    reason: str
    confidence: NDArray[np.float64]
    plain_coverage: float
    learned_coverage: float | None = None


class ScoreChoice(NamedTuple):
    """Whether a student is to answer by a learned score.

    Args:
        learned: Whether; else by the plain one.
        reason: Why, in a sentence.
        confidence: As that of a `DeferralChoice`.
        plain_coverage: Likewise.
        learned_coverage: Likewise.
    """

    learned: bool
    reason: str
    confidence: NDArray[np.float64]
    plain_coverage: float
    learned_coverage: float | None = None


def choose_deferral(
    proba: NDArray[np.floating],
    novelty: NDArray[np.floating],
    lengths: NDArray[np.integer],
    agrees: NDArray[np.bool_],
    inputs: int,
    promise: Promise,
    seed: int = 0,
) -> DeferralChoice:
    """Learn a score of label probabilities, and keep it where it is foreseen to cover more.

    Args:
        proba: Calibrated probabilities of the validation inputs, ``[N, C]``.
        novelty: As the student judged it, ``[N]``.
        lengths: Characters of each, ``[N]``.
        agrees: Whether student and teacher agree, ``[N]``.
        inputs: Size of the certify split.
        promise: Target and confidence.
        seed: Of the bootstrap.
    """
    plain = PLAIN_SCORE.score(proba, novelty, lengths)
    features = deferral_features(proba, novelty, lengths)
    name = "the probability of the best label"
    choice = choose_score(plain, features, agrees, inputs, promise, name, seed)
    score = fit_deferral(proba, novelty, lengths, agrees) if choice.learned else PLAIN_SCORE
    return DeferralChoice(
        score, choice.reason, choice.confidence, choice.plain_coverage, choice.learned_coverage
    )


def choose_score(
    plain: NDArray[np.float64],
    features: NDArray[np.float64],
    agrees: NDArray[np.bool_],
    inputs: int,
    promise: Promise,
    plain_name: str,
    seed: int = 0,
) -> ScoreChoice:
    """Learn a score on the validation inputs, and keep it where it is foreseen to cover more.

    In five folds each input gets a learned score from a fit on the others. The learned score is
    kept where the coverage that these foresee is greater than the plain score's by at least one
    standard error of the difference (paired bootstrap; the one-standard-error rule of Breiman et
    al. 1984 in favour of the simpler). So by what the validation inputs say it never covers less
    than the plain one. On the certify split, which took no part in the choice, that is likely and
    not sure: either may be the luckier there, and a test that let both try would have to share its
    confidence between them, and so cover less than the plain one by itself. The certificate holds
    for either, since both are fixed before its inputs are looked at.

    Args:
        plain: The plain score of the validation inputs, ``[N]``.
        features: What a score is learned from, ``[N, F]``.
        agrees: Whether student and teacher agree, ``[N]``.
        inputs: Size of the certify split.
        promise: Target and confidence.
        plain_name: What the plain score is, for the sentence.
        seed: Of the bootstrap.
    """
    agrees = np.asarray(agrees, bool)
    covered = foreseen_coverage(plain, agrees, inputs, promise)
    rarer = int(min(agrees.sum(), (~agrees).sum()))
    if len(agrees) < FEWEST_LABELS or rarer < 2:
        reason = (
            f"{plain_name}, as {len(agrees):,} validation inputs with "
            f"{int((~agrees).sum()):,} disagreements teach nothing better"
        )
        return ScoreChoice(learned=False, reason=reason, confidence=plain, plain_coverage=covered)

    def score_held_out(seen: NDArray[np.bool_], held_out: NDArray[np.bool_]) -> NDArray[np.float64]:
        fitted = fit_agreement(features[seen], agrees[seen])
        return fitted.score(features[held_out])[:, np.newaxis]

    learned = predict_held_out(agrees.astype(np.int64), score_held_out)[:, 0]
    gain = coverage_difference(learned, agrees, plain, agrees, inputs, promise, seed)
    reached = covered + gain.difference
    told = (
        f"{reached:.1%} foreseen coverage against {covered:.1%}, standard error of the difference "
        f"{gain.standard_error:.1%}"
    )
    if gain.difference > 0 and gain.difference >= gain.standard_error:
        reason = f"the learned score: {told}"
        return ScoreChoice(True, reason, learned, covered, reached)  # noqa: FBT003 - its own field
    reason = f"{plain_name}, as the learned score is not surely better: {told}"
    return ScoreChoice(False, reason, plain, covered, reached)  # noqa: FBT003 - likewise
