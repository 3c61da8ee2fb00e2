"""A writer with its rule, its score and its certificate: what is saved and asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from locum.dataset import NO_SURROUNDINGS
from locum.export.certified_base import CertifiedBase
from locum.schema import Generation
from locum.students import as_texts
from locum.writers import draft_features

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from locum.calibration import AgreementScore
    from locum.config import RedactionSettings
    from locum.dataset import Surroundings
    from locum.evaluation import Certificate, Share
    from locum.redaction import RedactedText
    from locum.schema import GenerationTask
    from locum.writers import Draft, Writer

__all__ = ["CertifiedWriter", "score_drafts"]


def score_drafts(score: AgreementScore, drafts: Sequence[Draft]) -> NDArray[np.float64]:
    """Return the estimated probability that answers are accepted, ``[N]``; 0 where there is none.

    Args:
        score: What was learned of it.
        drafts: The answers, ``N`` of them.
    """
    given = np.array([draft.ended and bool(draft.text) for draft in drafts], np.bool_)
    scores: NDArray[np.float64] = np.where(given, score.score(draft_features(drafts)), 0.0)
    return scores


@dataclass(frozen=True)
class CertifiedWriter(CertifiedBase[Generation]):
    """A student of a generation task that knows where it may answer.

    Args:
        task: What it was trained for.
        model: The trained writer.
        rule: When an answer of it counts as good as its teacher's; see `locum.writers.acceptance`.
        score: Estimates the probability of that.
        certificate: Where it may answer.
        teacher: Name of the model that it stands in for.
        judge: Name of the model that compares answers, where the rule asks one; else empty.
        training_sha256: Hash of what it learned from; empty where that is not known.
        redaction: What was taken out of the texts that it learned from, and is taken out of those
            that it reads and put back into what it writes; ``None`` where nothing was. There is no
            answer with a placeholder in it that stands for nothing.
        surroundings: What stood around nearly all inputs that it learned from. It is taken off
            those that it is asked about, as far as it is there: a student reads what is between.
        by_chance: Share of the teacher's answers that the rule accepts as answers to other inputs;
            ``None`` where that is not known.
    """

    task: GenerationTask
    model: Writer
    rule: str
    score: AgreementScore
    certificate: Certificate
    teacher: str
    judge: str = ""
    training_sha256: str = ""
    redaction: RedactionSettings | None = None
    surroundings: Surroundings = NO_SURROUNDINGS
    by_chance: Share | None = None

    def predict(self, texts: Sequence[str]) -> list[Generation]:
        """Return an answer to each text, and whether the certificate covers it.

        A blank text is never answered.

        Raises:
            UsageError: ``texts`` is one string, or one of them is no text.
        """
        return [generation for generation, _ in self.predict_with_novelty(texts)]

    def predict_with_novelty(self, texts: Sequence[str]) -> list[tuple[Generation, float]]:
        """Return the same, each with how unlike the inputs learned from its input is: 0 to 1.

        Raises:
            UsageError: ``texts`` is one string, or one of them is no text.
        """
        redacted = self._redact(as_texts(texts))
        inner = [self.surroundings.inner(one.text if one else text) for one, text in redacted]
        drafts = self.model.write(inner)
        scores = score_drafts(self.score, drafts).tolist()
        return [
            (self._say(draft, one, score, blank=not text.strip()), draft.novelty)
            for draft, (one, _), score, text in zip(drafts, redacted, scores, inner, strict=True)
        ]

    def _say(
        self, draft: Draft, redacted: RedactedText | None, score: float, *, blank: bool
    ) -> Generation:
        answer = draft.text if draft.ended and draft.text else None
        if redacted is not None and answer is not None:
            answer = redacted.restore(answer)
        if answer is None:
            return Generation(None, 0.0, answered=False)
        return Generation(answer, score, score >= self.certificate.threshold and not blank)

    def _redact(self, texts: Sequence[str]) -> list[tuple[RedactedText | None, str]]:
        redactor = self._redactor
        return [(redactor.redact_reversibly(text) if redactor else None, text) for text in texts]

    def _content(self, text: str) -> str | None:
        [generation] = self.predict([text])
        return generation.answer if generation.answered else None
