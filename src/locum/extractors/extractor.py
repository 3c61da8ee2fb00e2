"""The base family of students that answer in JSON: linear heads, and a linear-chain tagger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from locum.alignment import tokenize
from locum.errors import UsageError
from locum.extractors.assembly import Assembler, find_absences
from locum.extractors.heads import Head, plan_heads
from locum.extractors.reading import Reading, Told
from locum.extractors.tag_lessons import tag_lessons
from locum.extractors.tagger import LinearTagger
from locum.extractors.units import find_units
from locum.shapes import Checker, read_schema
from locum.students import MAX_CHARACTERS
from locum.students.linear import LinearStudent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from locum.alignment import ExtractionPlan
    from locum.extractors.assembly import Absence
    from locum.extractors.heads import HeadPlan
    from locum.extractors.marks import Mark
    from locum.extractors.tag_lessons import TagLessons
    from locum.extractors.value_tokens import SpokenAnswer
    from locum.shapes import FieldPath, JsonValue

__all__ = ["ExtractorState", "LinearExtractor"]

_SMALLEST_HEAD = 100_000


class ExtractorState(NamedTuple):
    """What an extractor has learned.

    Args:
        heads: Of closed fields.
        marks: What spans may be.
        tagger: Of spans; ``None`` where there are none.
        absences: How the teacher says that there is nothing.
    """

    heads: tuple[Head, ...]
    marks: tuple[Mark, ...]
    tagger: LinearTagger | None
    absences: Mapping[FieldPath, Absence]


class LinearExtractor:
    """Reads JSON of a fixed shape in texts.

    Closed fields are told by heads, each a `LinearStudent` on the whole text; fields that stand in
    the text by a `LinearTagger`; what was found is put together to an object of the shape. Written
    fields are not imitated: a head tells whether there is anything at all.

    Texts are read up to their 20,000th character.

    Args:
        schema: JSON Schema of the answers.
        plan: How their fields are to be had.
        l2: Penalty of the tagger.
        head_settings: Of the heads, as `LinearStudent` takes them.
        max_bytes: Bound on what is saved: half for the tagger, half for the heads together.
    """

    family: ClassVar[str] = "linear"

    def __init__(
        self,
        schema: Mapping[str, Any],
        plan: ExtractionPlan,
        *,
        l2: float = 0.1,
        head_settings: Mapping[str, Any] | None = None,
        max_bytes: int = 6_000_000,
    ) -> None:
        self.schema, self.plan = schema, plan
        self.shape, self.checker = read_schema(schema), Checker(schema)
        self.l2 = l2
        self.head_settings = dict(head_settings or {})
        self.max_bytes = max_bytes
        self.units = find_units(plan)
        self.normalisers = {f.path: f.normaliser for f in plan.fields if f.normaliser}

    def fit(
        self,
        texts: Sequence[str],
        answers: Sequence[JsonValue],
        spoken: Sequence[SpokenAnswer | None] | None = None,
    ) -> Self:
        """Learn from texts and the teacher's answers, ``[N]`` each.

        Args:
            texts: What the teacher was asked about.
            answers: Its answers, each an object of the schema.
            spoken: The same with their log-probabilities, where these are known: heads then learn
                from whole distributions.

        Raises:
            UsageError: There are none, or not as many of both.
        """
        if not texts or len(texts) != len(answers):
            raise UsageError(
                f"{len(texts)} texts and {len(answers)} answers: expected one answer a text, and "
                "at least one"
            )
        read = [text[:MAX_CHARACTERS] for text in texts]
        lessons = tag_lessons(self.shape, self.units, read, answers)
        state = ExtractorState(
            tuple(self._fit_heads(read, answers, spoken)),
            lessons.marks,
            self._fit_tagger(lessons),
            find_absences(self.shape, answers),
        )
        self.lessons_ = lessons._replace(token_texts=[], allowed=[])
        self.take(state)
        return self

    def take(self, state: ExtractorState) -> None:
        """Take what was learned."""
        self.state_ = state
        self._assembler = Assembler(self.shape, self.checker, state.absences)

    def _fit_heads(
        self,
        texts: Sequence[str],
        answers: Sequence[JsonValue],
        spoken: Sequence[SpokenAnswer | None] | None,
    ) -> list[Head]:
        planned = plan_heads(self.units, self.shape, answers)
        learning = sum(len(plan.options) > 1 for plan, _ in planned)
        room = max(_SMALLEST_HEAD, self.max_bytes // 2 // max(learning, 1))
        prepared = LinearStudent.prepare(texts)
        return [
            self._fit_head(plan, targets.rows, targets.soft_labels(plan, spoken), prepared, room)
            for plan, targets in planned
        ]

    def _fit_head(
        self,
        plan: HeadPlan,
        rows: NDArray[np.int64],
        soft_labels: NDArray[np.float64],
        texts: Sequence[str],
        room: int,
    ) -> Head:
        if len(plan.options) < 2 or not len(rows):
            return Head(plan, None)
        used = texts
        if len(rows) < len(texts):
            used = [texts[row] for row in rows.tolist()]
        settings = {"max_bytes": min(room, 3_000_000), **self.head_settings}
        return Head(plan, LinearStudent(plan.options, **settings).fit(used, soft_labels))

    def _fit_tagger(self, lessons: TagLessons) -> LinearTagger | None:
        if not lessons.marks:
            return None
        tagger = LinearTagger(lessons.tags, l2=self.l2, max_bytes=self.max_bytes // 2)
        return tagger.fit(lessons.token_texts, lessons.allowed)

    def read(self, text: str) -> Reading:
        """Return what is read in a text."""
        text = text[:MAX_CHARACTERS]
        heads, marks, tagger, _ = self.state_
        tokens = tokenize(text)
        tagging = tagger.tag([token.text for token in tokens]) if tagger else None
        told = Told(text, tokens, tagging, [(head, head.rank(text)) for head in heads])
        return Reading(told, self.units, marks, self.normalisers, self._assembler)
