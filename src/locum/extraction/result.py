"""What the distillation of an extraction task found out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections import Counter

    from locum.alignment import AlignmentReport
    from locum.distillation import Decision, TeacherCosts
    from locum.evaluation import Certificate, Promise, Share
    from locum.export import CertifiedExtractor, UnitCertificates
    from locum.extraction.answers import AnswerProblem
    from locum.extractors import Unit
    from locum.schema import Split
    from locum.selective_risk import RiskCoveragePoint
    from locum.shapes import ExtractionTask

__all__ = [
    "ExtractionDistillation",
    "ExtractionEvaluation",
    "ExtractionSummary",
    "ExtractorFacts",
    "FamilyResult",
    "ObjectDisagreement",
    "UnitResult",
]


class ExtractionSummary(NamedTuple):
    """What the student learned from.

    Args:
        inputs: Usable inputs.
        splits: Inputs in each split.
        by_time: Whether the splits follow each other in time.
        own_test: Whether the test split is a test set of the user's own.
        exact_duplicates: Inputs that repeat an earlier one but for case, spaces and numbers.
        near_duplicates: Other inputs that are near-copies of an earlier one.
        unused: Near-copies left out of the certify and test splits.
        missing: Inputs without an answer.
        problems: What is wrong with answers that are no object of the schema.
        repairs: How many answers each kind of repair was made to.
        training_sha256: Hash of the train and validation inputs with their answers.
        warnings: What the user should know, a sentence each.
    """

    inputs: int
    splits: dict[Split, int]
    by_time: bool
    own_test: bool
    exact_duplicates: int
    near_duplicates: int
    unused: int
    missing: int
    problems: list[AnswerProblem]
    repairs: Counter[str]
    training_sha256: str
    warnings: list[str]


class ExtractorFacts(NamedTuple):
    """What is known of the student itself.

    Args:
        family: Its family.
        size_bytes: Of all files that it saves, without the manifest and the model card.
        p50_us: Median time to answer one text, in microseconds, on one thread.
        train_seconds: What training took.
        torn: Train texts that were not learned from, as the items of a list are mixed up in them.
    """

    family: str
    size_bytes: int
    p50_us: float
    train_seconds: float
    torn: int


class FamilyResult(NamedTuple):
    """A family of students that was tried.

    Args:
        name: Its own.
        chosen: Whether it is the one that was certified.
        foreseen_coverage: Share of inputs that it would be certified for, foreseen on validation.
        agreement: Of whole objects with the teacher's, on the test inputs.
        size_bytes: Of all files that it saves.
        p50_us: Median time to answer one text, in microseconds.
        train_seconds: What training took.
    """

    name: str
    chosen: bool
    foreseen_coverage: float
    agreement: Share
    size_bytes: int
    p50_us: float
    train_seconds: float


class UnitResult(NamedTuple):
    """A field of the answer, or a list in it, on the test split.

    Args:
        unit: Which it is, and how it is had.
        asked: Share of the inputs to which the teacher gives a value.
        agreement: With the teacher, on inputs to which one of the two gives a value; ``None`` where
            there are none.
        certificates: Where the student may answer with it alone.
        covered: Share of the values that the student gives which these cover; ``None`` where none
            are certified, or it gives none.
        covered_agreement: Agreement there.
    """

    unit: Unit
    asked: Share
    agreement: Share | None
    certificates: UnitCertificates
    covered: Share | None
    covered_agreement: Share | None


class ObjectDisagreement(NamedTuple):
    """A test input on which the student is sure and the teacher says otherwise, as JSON."""

    text: str
    student: str
    confidence: float
    teacher: str


class ExtractionEvaluation(NamedTuple):
    """How the student does on the test split, which took no part in anything.

    Args:
        agreement: Of whole objects with the teacher's, on all inputs.
        answered: Share of inputs that the certificate covers; ``None`` without one.
        answered_agreement: Agreement on those.
        curve: Disagreement by coverage.
        units: Results by field.
        disagreements: The most confident ones.
    """

    agreement: Share
    answered: Share | None
    answered_agreement: Share | None
    curve: list[RiskCoveragePoint]
    units: list[UnitResult]
    disagreements: list[ObjectDisagreement]


@dataclass(frozen=True)
class ExtractionDistillation:
    """What was found out.

    Args:
        task: What was distilled.
        promise: What the certificates had to promise.
        decision: Whether to let the student answer.
        data: What it learned from.
        teacher: How the teacher is called.
        costs: What a call to it takes.
        units: The fields and lists of an answer, and how each is had; none where there were too few
            inputs to tell.
        alignment: How well values were found in the train texts; ``None`` likewise.
        student: Only where it may answer.
        facts: What is known of it; ``None`` where none was trained.
        certificate: For whole objects.
        evaluation: On the test split; ``None`` where none was trained.
        families: The students that were tried, the cheapest first.
        omitted: Others, with why they were not.
        certified_on: The inputs on which it was certified, as production sends them, with the
            teacher's answers as JSON.
    """

    task: ExtractionTask
    promise: Promise
    decision: Decision
    data: ExtractionSummary
    teacher: str
    costs: TeacherCosts
    units: tuple[Unit, ...] = ()
    alignment: AlignmentReport | None = None
    student: CertifiedExtractor | None = None
    facts: ExtractorFacts | None = None
    certificate: Certificate | None = None
    evaluation: ExtractionEvaluation | None = None
    families: list[FamilyResult] = field(default_factory=list)
    omitted: dict[str, str] = field(default_factory=dict)
    certified_on: list[tuple[str, str]] = field(default_factory=list, repr=False)
