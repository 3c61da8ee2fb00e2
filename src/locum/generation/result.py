"""What the distillation of a generation task found out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from locum.export import tells_apart

if TYPE_CHECKING:
    from locum.distillation import Decision, TeacherCosts
    from locum.evaluation import Certificate, Promise, Share
    from locum.export import CertifiedWriter
    from locum.schema import GenerationTask, Split
    from locum.selective_risk import RiskCoveragePoint

__all__ = [
    "GenerationDistillation",
    "GenerationEvaluation",
    "GenerationSummary",
    "RefusedAnswer",
    "RuleFacts",
    "TextScores",
    "WriterFacts",
]


class GenerationSummary(NamedTuple):
    """What the student learned from.

    Args:
        inputs: Usable inputs.
        splits: Inputs in each split.
        by_time: Whether the splits follow each other in time.
        own_test: Whether the test split is a test set of the user's own.
        exact_duplicates: Inputs that repeat an earlier one but for case, spaces and numbers.
        near_duplicates: Other inputs that are near-copies of an earlier one.
        unused: Near-copies left out of the certify and test splits.
        missing: Inputs without a whole answer, or with an empty one.
        too_long: Inputs whose answers are longer than a student writes.
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
    too_long: int
    training_sha256: str
    warnings: list[str]


class RuleFacts(NamedTuple):
    """What is known of the rule by which answers are accepted.

    Args:
        rule: As it is written.
        judge: The model that compares, where the rule asks one; else empty.
        ceiling: Share of the teacher's own second answers to the same inputs that it accepts;
            ``None`` where no input was answered twice.
        by_chance: Share of the teacher's answers that it accepts as answers to other inputs, where
            these were answered by another text; ``None`` where a judge would have to be asked.
    """

    rule: str
    judge: str
    ceiling: Share | None
    by_chance: Share | None

    @property
    def tells_apart(self) -> bool:
        """Whether it does not clearly accept many answers to other inputs."""
        return tells_apart(self.by_chance)


class WriterFacts(NamedTuple):
    """What is known of the student itself.

    Args:
        model: What it was before.
        parameters: How many numbers it has.
        size_bytes: Of all files that it saves, without the manifest and the model card.
        p50_us: Median time to answer one text, in microseconds.
        train_seconds: What training took.
        losses: Mean negative log-likelihood of a token of the validation answers, in nats: before
            training, and after each round.
        kept: The round whose weights were kept.
        deferral: What it answers by, and why.
        backend: What computes its answers.
    """

    model: str
    parameters: int
    size_bytes: int
    p50_us: float
    train_seconds: float
    losses: tuple[float, ...]
    kept: int
    deferral: str
    backend: str


class TextScores(NamedTuple):
    """How near answers come to the teacher's, means of measures from 0 to 1."""

    chrf: float
    rouge_l: float
    same: float


class RefusedAnswer(NamedTuple):
    """A test input on which the student is sure and the rule does not accept its answer."""

    text: str
    student: str
    confidence: float
    teacher: str


class GenerationEvaluation(NamedTuple):
    """How the student does on the test split, which took no part in anything.

    Args:
        agreement: Share of its answers that the rule accepts, on all inputs.
        answered: Share of inputs that the certificate covers; ``None`` without one.
        answered_agreement: Share of accepted answers on those.
        scores: How near its answers come to the teacher's, on all inputs.
        answered_scores: The same where it answers; ``None`` where it answers nothing.
        unended: Share of answers that came to no end.
        curve: Answers that are not accepted, by coverage.
        refused: The most confident ones of those.
    """

    agreement: Share
    answered: Share | None
    answered_agreement: Share | None
    scores: TextScores
    answered_scores: TextScores | None
    unended: Share
    curve: list[RiskCoveragePoint]
    refused: list[RefusedAnswer]


@dataclass(frozen=True)
class GenerationDistillation:
    """What was found out.

    Args:
        task: What was distilled.
        promise: What the certificate had to promise.
        decision: Whether to let the student answer.
        data: What it learned from.
        teacher: How the teacher is called.
        costs: What a call to it takes.
        rule: By what answers are accepted.
        student: Only where it may answer.
        facts: What is known of it; ``None`` where none was trained.
        certificate: Where it may answer.
        evaluation: On the test split; ``None`` where none was trained.
        certified_on: The inputs on which it was certified, as production sends them, with the
            teacher's answers.
    """

    task: GenerationTask
    promise: Promise
    decision: Decision
    data: GenerationSummary
    teacher: str
    costs: TeacherCosts
    rule: RuleFacts
    student: CertifiedWriter | None = None
    facts: WriterFacts | None = None
    certificate: Certificate | None = None
    evaluation: GenerationEvaluation | None = None
    certified_on: list[tuple[str, str]] = field(default_factory=list, repr=False)
