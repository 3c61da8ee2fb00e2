"""When a written answer is as good as the teacher's: a rule that is stated and measured.

A rule is one or more conditions with ``and`` or ``or`` between them:

* ``same``: the two texts are equal but for spaces;
* ``chrF>=0.6``: chrF2, the F-score of character 1- to 6-grams with recall weighing twice (Popović
  2015), as sacrebleu computes it for one sentence, from 0 to 1;
* ``rougeL>=0.5``: ROUGE-L, the F-score of the longest common subsequence of words (Lin 2004), words
  being runs of letters, digits and underscores with their marks in lower case; of scripts without
  spaces between words each letter counts as one, as in work on Chinese (Hu, Chen and Zhu 2015) and
  on many languages (Wang et al. 2021);
* ``similarity>=0.8``: the cosine of the texts' embeddings by an encoder, which is none below zero;
* ``judge``: another model says that the two say the same of the input.

Texts are compared in Unicode's form NFC: a letter with an accent is one however it is encoded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from locum.errors import UsageError, shown
from locum.words import find_letter_words

if TYPE_CHECKING:
    from sacrebleu.metrics.chrf import CHRF

__all__ = [
    "DEFAULT_RULE",
    "Acceptance",
    "Condition",
    "Judge",
    "Pair",
    "chrf",
    "require_chrf",
    "rouge_l",
]

DEFAULT_RULE = "chrF>=0.6"

Measure = Literal["same", "chrF", "rougeL", "similarity", "judge"]
_MEASURES: dict[str, Measure] = {name.casefold(): name for name in get_args(Measure)}
_CONDITION = re.compile(r"\s*([a-z-]+)\s*(?:>=\s*(\d*\.?\d+)\s*)?", re.IGNORECASE)
_JOINTS = re.compile(r"\s+(and|or)\s+", re.IGNORECASE)
_UNMEASURED = frozenset({"same", "judge"})
_FORMS = (
    "expected chrF>=0.6, rougeL>=0.5, similarity>=0.8, same or judge, with numbers above 0 and at "
    "most 1, and several with 'and', or with 'or', between them"
)


class Pair(NamedTuple):
    """Two answers to an input.

    Args:
        text: The input.
        written: The student's answer.
        answer: The teacher's.
    """

    text: str
    written: str
    answer: str


Judge = Callable[[Sequence[Pair]], NDArray[np.bool_]]
"""Tells which answers say the same as the teacher's, ``[N]``."""
Similarity = Callable[[Sequence[Pair]], NDArray[np.float64]]
"""Tells how alike answers and the teacher's are, at most 1, ``[N]``."""


class Condition(NamedTuple):
    """One condition of a rule; ``least`` is none where it is met or not."""

    measure: Measure
    least: float | None = None

    def __str__(self) -> str:
        """Return the condition as it is written."""
        return self.measure if self.least is None else f"{self.measure}>={self.least:.12g}"

    def met(self, pairs: Sequence[Pair], similarity: Similarity | None = None) -> NDArray[np.bool_]:
        """Tell of which answers it is met, ``[N]``; not of a judge's condition.

        Args:
            pairs: The answers, ``N`` of them.
            similarity: Compares them, where that is the measure.

        Raises:
            UsageError: It is the measure, and is missing.
        """
        if self.measure == "same":
            return np.array([_are_same(p.written, p.answer) for p in pairs], np.bool_)
        if self.measure == "similarity":
            if similarity is None:
                raise UsageError(f"rule {str(self)!r} needs an encoder: name one")
            found = similarity(pairs)
        else:
            measure = chrf if self.measure == "chrF" else rouge_l
            found = np.array([measure(p.written, p.answer) for p in pairs], np.float64)
        return found >= (self.least or 0.0)


class Acceptance:
    """A rule by which a written answer is accepted.

    Args:
        rule: As it is written; see the module.

    Raises:
        UsageError: It has another form, or needs what is not installed.
    """

    def __init__(self, rule: str = DEFAULT_RULE) -> None:
        if not isinstance(rule, str):
            raise UsageError(f"rule {shown(rule)}: {_FORMS}")
        parts = _JOINTS.split(rule)
        joints = {joint.casefold() for joint in parts[1::2]}
        if len(joints) > 1:
            raise UsageError(f"rule {rule!r} mixes 'and' with 'or': {_FORMS}")
        self._every = joints != {"or"}
        self.conditions = tuple(_read(part, rule) for part in parts[::2])
        if any(condition.measure == "chrF" for condition in self.conditions):
            require_chrf()

    @property
    def rule(self) -> str:
        """The rule, spelled in one way."""
        return (" and " if self._every else " or ").join(map(str, self.conditions))

    @property
    def is_on_texts(self) -> bool:
        """Whether the texts alone decide, without an encoder or a judge."""
        return not self.needs_judge and not self.needs_encoder

    @property
    def needs_encoder(self) -> bool:
        """Whether texts are compared by their embeddings."""
        return any(condition.measure == "similarity" for condition in self.conditions)

    @property
    def needs_judge(self) -> bool:
        """Whether another model has a say."""
        return any(condition.measure == "judge" for condition in self.conditions)

    def accept(
        self,
        pairs: Sequence[Pair],
        judge: Judge | None = None,
        similarity: Similarity | None = None,
    ) -> NDArray[np.bool_]:
        """Tell which answers are accepted, ``[N]``.

        Args:
            pairs: The answers, ``N`` of them.
            judge: Tells which of some say the same; asked only where that makes a difference.
            similarity: Tells how alike they are.

        Raises:
            UsageError: The rule needs a judge or an encoder, and there is none.
        """
        join = np.logical_and if self._every else np.logical_or
        said = np.full(len(pairs), self._every)
        for condition in self.conditions:
            if condition.measure != "judge":
                said = join(said, condition.met(pairs, similarity))
        if not self.needs_judge:
            return said
        if judge is None:
            raise UsageError(f"rule {self.rule!r} needs a judge: name a model that compares")
        open_rows = np.flatnonzero(said == self._every)
        said[open_rows] = judge([pairs[row] for row in open_rows.tolist()])
        return said

    def __eq__(self, other: object) -> bool:
        """Tell whether two rules are the same."""
        return isinstance(other, Acceptance) and self.rule == other.rule

    def __hash__(self) -> int:
        """Return what is the same for equal rules."""
        return hash(self.rule)

    def __repr__(self) -> str:
        """Show the rule."""
        return f"Acceptance({self.rule!r})"


def chrf(written: str, answer: str) -> float:
    """Return the chrF2 of a text against another, from 0 to 1.

    Raises:
        UsageError: sacrebleu is not installed.
    """
    return float(_scorer().sentence_score(_composed(written), [_composed(answer)]).score) / 100


def rouge_l(written: str, answer: str) -> float:
    """Return the ROUGE-L F-score of two texts, from 0 to 1."""
    from rapidfuzz.distance import LCSseq

    first, second = _words(written), _words(answer)
    if not first or not second:
        return float(_are_same(written, answer))
    return 2 * LCSseq.similarity(first, second) / (len(first) + len(second))


def _words(text: str) -> list[str]:
    return find_letter_words(_composed(text).casefold())


def _are_same(first: str, second: str) -> bool:
    return _composed(first).split() == _composed(second).split()


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def require_chrf() -> None:
    """See that chrF can be computed.

    Raises:
        UsageError: sacrebleu is not installed.
    """
    _scorer()


@cache
def _scorer() -> CHRF:
    try:
        from sacrebleu.metrics.chrf import CHRF
    except ImportError as error:
        raise UsageError(
            f"chrF needs a package that is not installed ({error.name or error}): "
            "pip install 'locum[generation]'"
        ) from None
    return CHRF()


def _read(part: str, rule: str) -> Condition:
    found = _CONDITION.fullmatch(part)
    measure = _MEASURES.get(found[1].casefold()) if found else None
    if found is None or measure is None or (found[2] is None) != (measure in _UNMEASURED):
        raise UsageError(f"rule {rule!r} has {part.strip()!r}: {_FORMS}")
    if found[2] is None:
        return Condition(measure)
    least = float(found[2])
    if not 0 < least <= 1:
        raise UsageError(f"rule {rule!r} has {part.strip()!r}: {_FORMS}")
    return Condition(measure, least)
