"""From answers of which it is known whether they are accepted to an estimate for others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.calibration import fit_agreement
from locum.evaluation import choose_score
from locum.writers import DRAFT_FEATURES, draft_features, plain_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from locum.calibration import AgreementScore
    from locum.evaluation import Promise
    from locum.writers import Draft

__all__ = ["LearnedScore", "learn_score"]

_PLAIN = "the mean probability of an answer's tokens"


class LearnedScore(NamedTuple):
    """By what a writer is to answer.

    Args:
        score: The estimate, from all features or from the mean log-probability alone.
        confidence: Of each validation answer, ``[N]``; where all features are used, by a fit that
            did not see it. 0 where there is no answer.
        reason: Why these features, in a sentence.
    """

    score: AgreementScore
    confidence: NDArray[np.float64]
    reason: str


def learn_score(
    drafts: Sequence[Draft],
    accepted: NDArray[np.bool_],
    certify_inputs: int,
    promise: Promise,
    seed: int,
) -> LearnedScore:
    """Learn where answers are accepted, by as few features as are foreseen to do.

    Args:
        drafts: The answers to the validation inputs, ``N`` of them.
        accepted: Whether the rule accepts them, ``[N]``.
        certify_inputs: Size of the certify split.
        promise: Target and confidence.
        seed: Of the bootstrap by which it is chosen.
    """
    given = np.array([draft.ended and bool(draft.text) for draft in drafts], np.bool_)
    features, agrees = draft_features(drafts)[given], accepted[given]
    likely = round(certify_inputs * float(given.mean())) if len(given) else 0
    confidence = np.zeros(len(drafts))
    if not given.any():
        features, agrees = np.zeros((1, len(DRAFT_FEATURES))), np.zeros(1, np.bool_)
        return LearnedScore(fit_agreement(features, agrees), confidence, f"{_PLAIN}: none ended")
    plain = plain_scores(drafts)[given]
    choice = choose_score(plain, features, agrees, likely, promise, _PLAIN, seed)
    if choice.learned:
        confidence[given] = choice.confidence
        return LearnedScore(fit_agreement(features, agrees), confidence, choice.reason)
    score = fit_agreement(features * (np.arange(features.shape[1]) == 0), agrees)
    confidence[given] = score.score(features)
    return LearnedScore(score, confidence, choice.reason)
