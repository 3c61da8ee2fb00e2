"""The base family of extractors: linear heads, and a linear-chain tagger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from locum.alignment import tokenize
from locum.errors import ArtefactError
from locum.extractors.assembly import find_absences
from locum.extractors.fractions import find_fractional
from locum.extractors.heads import Head, plan_heads
from locum.extractors.protocol import Extractor, Learned, Said, check_answered
from locum.extractors.tag_lessons import tag_lessons
from locum.extractors.tagger import LinearTagger
from locum.students import MAX_CHARACTERS
from locum.students.linear import LinearStudent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from locum.alignment import ExtractionPlan
    from locum.extractors.heads import HeadPlan
    from locum.extractors.tag_lessons import TagLessons
    from locum.extractors.value_tokens import SpokenAnswer
    from locum.shapes import JsonValue

__all__ = ["LinearExtractor"]

_TAGGER = "tagger"
_SMALLEST_HEAD = 20_000
_LARGEST_HEAD = 3_000_000
_CERTAIN = np.ones(1)


class LinearExtractor(Extractor):
    """Closed fields are told by linear students, spans by a conditional random field.

    Each head is a `LinearStudent` on the whole text, and the tagger a `LinearTagger`. Written
    fields are not imitated: a head tells whether there is anything at all.

    Args:
        schema: JSON Schema of the answers.
        plan: How their fields are to be had.
        l2: Penalty of the tagger.
        head_settings: Of the heads, as `LinearStudent` takes them.
        max_bytes: Bound on what is saved: half for the tagger, half for the heads together, which
            get at least 20,000 each.
    """

    family: ClassVar[str] = "linear"

    def __init__(
        self,
        schema: Mapping[str, Any],
        plan: ExtractionPlan,
        *,
        l2: float = 0.1,
        head_settings: Mapping[str, float] | None = None,
        max_bytes: int = 6_000_000,
    ) -> None:
        super().__init__(schema, plan)
        self.l2 = l2
        self.head_settings = dict(head_settings or {})
        self.max_bytes = max_bytes

    def fit(
        self,
        texts: Sequence[str],
        answers: Sequence[JsonValue],
        spoken: Sequence[SpokenAnswer | None] | None = None,
    ) -> Self:
        """Learn from texts and the teacher's answers, ``[N]`` each; as `Extractor.fit`."""
        check_answered(texts, answers)
        read = [text[:MAX_CHARACTERS] for text in texts]
        said = self.plan.without_constants(answers)
        lessons = tag_lessons(self.shape, self.units, read, said)
        self._tagger = self._fit_tagger(lessons)
        planned = plan_heads(self.units, self.shape, said)
        learning = sum(len(plan.options) > 1 for plan, _ in planned)
        room = max(_SMALLEST_HEAD, self.max_bytes // 2 // max(learning, 1))
        prepared = LinearStudent.prepare(read)
        self._students = [
            self._fit_head(plan, targets.rows, targets.soft_labels(plan, spoken), prepared, room)
            for plan, targets in planned
        ]
        heads = tuple(Head(plan) for plan, _ in planned)
        absences = find_absences(self.shape, answers, self.plan.constants)
        left_out, fractional = lessons.torn + lessons.rare, find_fractional(answers)
        self.take(Learned(heads, lessons.marks, absences, left_out, fractional))
        return self

    def _fit_head(
        self,
        plan: HeadPlan,
        rows: NDArray[np.int64],
        soft_labels: NDArray[np.float64],
        texts: Sequence[str],
        room: int,
    ) -> LinearStudent | None:
        if len(plan.options) < 2:
            return None
        used = texts
        if len(rows) < len(texts):
            used = [texts[row] for row in rows.tolist()]
        settings: dict[str, Any] = {"max_bytes": min(room, _LARGEST_HEAD), **self.head_settings}
        return LinearStudent(plan.options, **settings).fit(used, soft_labels)

    def _fit_tagger(self, lessons: TagLessons) -> LinearTagger | None:
        if not lessons.marks:
            return None
        tagger = LinearTagger(lessons.tags, l2=self.l2, max_bytes=self.max_bytes // 2)
        return tagger.fit(lessons.token_texts, lessons.allowed)

    def say(self, text: str) -> Said:
        """Return what heads and tagger say of a text; as `Extractor.say`."""
        tokens = tokenize(text)
        tagging = self._tagger.tag([token.text for token in tokens]) if self._tagger else None
        proba = [s.judge([text]).proba[0] if s else _CERTAIN for s in self._students]
        return Said(tokens, tagging, proba)

    def get_settings(self) -> dict[str, Any]:
        """Return what the constructor took besides schema and plan, as plain data."""
        return {"l2": self.l2, "head_settings": self.head_settings, "max_bytes": self.max_bytes}

    def save_parts(self, directory: Path) -> list[Path]:
        """Write heads and tagger, each into a folder of its own; return the files written."""
        parts: dict[str, LinearStudent | LinearTagger | None] = {
            _folder(number): student for number, student in enumerate(self._students)
        }
        written = []
        for name, part in [*parts.items(), (_TAGGER, self._tagger)]:
            if part is not None:
                (directory / name).mkdir()
                written += part.save(directory / name)
        return written

    def load_parts(self, directory: Path) -> None:
        """Read what `save_parts` wrote; as `Extractor.load_parts`."""
        self._students = [
            self._load_head(directory / _folder(number), head.plan)
            for number, head in enumerate(self.learned_.heads)
        ]
        marks = len(self.learned_.marks)
        self._tagger = LinearTagger.load(directory / _TAGGER) if marks else None
        if self._tagger is not None:
            known = {str(number) for number in range(marks)}
            if set(self._tagger.tag_set.names) != known:
                raise ArtefactError(f"{directory}: the tagger marks other spans than there are")

    @staticmethod
    def _load_head(folder: Path, plan: HeadPlan) -> LinearStudent | None:
        if len(plan.options) < 2:
            return None
        student = LinearStudent.load(folder)
        if student.classes_ != plan.options:
            raise ArtefactError(f"{folder}: the head tells other options apart")
        return student


def _folder(number: int) -> str:
    return f"head-{number}"
