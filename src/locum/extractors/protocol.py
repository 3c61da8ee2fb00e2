"""What all families of extractors share: from heads and tags to an object of the schema."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from locum.alignment import SPANNED_KINDS
from locum.errors import UsageError
from locum.extractors.assembly import Assembler
from locum.extractors.reading import Reading, Told
from locum.extractors.units import find_units
from locum.shapes import Checker, read_schema
from locum.students import MAX_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from locum.alignment import ExtractionPlan, Token
    from locum.extractors.assembly import Absence
    from locum.extractors.heads import Head
    from locum.extractors.marks import Mark
    from locum.extractors.reading import Restore
    from locum.extractors.tagging import Tagging
    from locum.extractors.value_tokens import SpokenAnswer
    from locum.shapes import FieldPath, JsonValue

__all__ = ["Extractor", "Learned", "Said"]


class Learned(NamedTuple):
    """What every extractor has learned.

    Args:
        heads: Of closed fields.
        marks: What spans may be; none where nothing is tagged.
        absences: How the teacher says that there is nothing.
        left_out: Texts that were not learned from, as the items of a list are mixed up in them or
            their marks are rare.
        fractional: Fields whose whole numbers the teacher writes with a fraction.
    """

    heads: tuple[Head, ...]
    marks: tuple[Mark, ...]
    absences: Mapping[FieldPath, Absence]
    left_out: int = 0
    fractional: frozenset[FieldPath] = frozenset()


class Said(NamedTuple):
    """What a family says of one text.

    Args:
        tokens: Of the text.
        tagging: ``None`` where nothing is tagged.
        proba: Of each head, before calibration, ``[V]``.
    """

    tokens: Sequence[Token]
    tagging: Tagging | None
    proba: Sequence[NDArray[np.floating[Any]]]


class Extractor(ABC):
    """Reads JSON of a fixed schema in texts.

    Texts are read up to their 20,000th character; where more than blanks follows, there is no
    confidence in what was read.

    Args:
        schema: JSON Schema of the answers.
        plan: How their fields are to be had.
    """

    family: ClassVar[str]
    extra: ClassVar[str] = ""

    def __init__(self, schema: Mapping[str, Any], plan: ExtractionPlan) -> None:
        self.schema, self.plan = schema, plan
        self.shape, self.checker = read_schema(schema), Checker(schema)
        self.units = find_units(plan)
        self._normalisers = {f.path: f.normaliser for f in plan.fields if f.normaliser}

    @abstractmethod
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

    @abstractmethod
    def say(self, text: str) -> Said:
        """Return what heads and tagger say of a text of at most 20,000 characters."""

    @abstractmethod
    def save_parts(self, directory: Path) -> list[Path]:
        """Write what the family has learned into an existing folder; return the files written."""

    @abstractmethod
    def load_parts(self, directory: Path) -> None:
        """Read what `save_parts` wrote, after `take`; nothing that a file holds is run.

        Raises:
            ArtefactError: A file is missing, or holds something else.
        """

    @abstractmethod
    def get_settings(self) -> dict[str, Any]:
        """Return what the constructor took besides schema and plan, as plain data."""

    def take(self, learned: Learned) -> None:
        """Take what was learned."""
        self.learned_ = learned
        constants = self.plan.constants
        self._assembler = Assembler(
            self.shape, self.checker, learned.absences, constants, learned.fractional
        )
        marked = {mark.path for mark in learned.marks}
        answers = max(self.plan.answers, 1)
        self._unmarked = {
            field.path: max(0.0, 1 - field.seen / answers)
            for unit in self.units
            if unit.kind == "spans"
            for field in unit.fields
            if field.kind in SPANNED_KINDS and field.seen and field.path not in marked
        }

    def read(self, text: str, restore: Restore = str) -> Reading:
        """Return what is read in a text.

        Args:
            text: The text.
            restore: Turns what is copied from the text into a value, or ``None`` where it is none;
                by default it stays as it is.
        """
        return self.assemble(text, self.say(text[:MAX_CHARACTERS]), restore)

    def assemble(self, text: str, said: Said, restore: Restore = str) -> Reading:
        """Return what is read in a text, given what `say` says of its first 20,000 characters."""
        heads = zip(self.learned_.heads, said.proba, strict=True)
        told = Told(
            text, said.tokens, said.tagging, [(head.plan, head.rank(p)) for head, p in heads]
        )
        return Reading(
            told,
            self.units,
            self.learned_.marks,
            self._normalisers,
            self._unmarked,
            self._assembler,
            restore,
            is_cut=bool(text[MAX_CHARACTERS:].strip()),
        )


def check_answered(texts: Sequence[str], answers: Sequence[JsonValue]) -> None:
    """Refuse what nothing can be learned from.

    Raises:
        UsageError: There are no texts, or not as many answers.
    """
    if not texts or len(texts) != len(answers):
        raise UsageError(
            f"{len(texts)} texts and {len(answers)} answers: expected one answer a text, and at "
            "least one"
        )
