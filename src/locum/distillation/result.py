"""What a distillation found out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from locum.calibration import CalibrationChoice, Reliability, ReliabilityBin
    from locum.distillation.pool import OutsideAnswers
    from locum.evaluation import Certificate, Promise, Share
    from locum.export import CertifiedStudent
    from locum.schema import SoftLabelSource, Split, Task
    from locum.selective_risk import RiskCoveragePoint
    from locum.teachers import Majority
    from locum.training import CurvePoint, SyntheticGain, Trial

__all__ = [
    "ClassResult",
    "DataSummary",
    "Decision",
    "Disagreement",
    "Distillation",
    "Evaluation",
    "RungFigures",
    "RungResult",
    "StudentFacts",
    "SyntheticFacts",
    "TeacherFacts",
    "Verdict",
]

Verdict = Literal["distil", "collect_more", "do_not_distil"]


class Decision(NamedTuple):
    """Whether to let the student answer.

    Args:
        verdict: ``distil``; ``collect_more`` where more inputs would probably do; or
            ``do_not_distil``.
        reason: Why, in a sentence with figures.
        more_inputs: About how many more inputs are needed, where more would do.
    """

    verdict: Verdict
    reason: str
    more_inputs: int | None = None


class SyntheticFacts(NamedTuple):
    """What became of the inputs that a model wrote.

    Args:
        inputs: How many there were.
        unlabelled: Of them, those without an answer that is a label.
        left_out: Others that know of inputs outside the train split: near-copies of them, and those
            whose writer was shown one.
        gain: What the rest changed; ``None`` where there was none, or no student was trained.
    """

    inputs: int
    unlabelled: int
    left_out: int
    gain: SyntheticGain | None = None

    @property
    def used(self) -> bool:
        """Whether the student learned from them."""
        return self.gain is not None and self.gain.used

    @property
    def sentence(self) -> str:
        """What became of them, in words."""
        apart = [
            f"{count:,} {reason}"
            for count, reason in (
                (self.unlabelled, "without a label"),
                (self.left_out, "too close to inputs that certify or test"),
            )
            if count
        ]
        rest = f"; {' and '.join(apart)} took no part" if apart else ""
        gain = self.gain
        if gain is None:
            untried = "synthetic inputs were given; the student was not tried with them"
            return f"{self.inputs:,} {untried}{rest}"
        return (
            f"{gain.inputs:,} synthetic inputs: agreement on validation "
            f"{gain.helped.agreement:.3f} with, {gain.alone.agreement:.3f} without; risk area "
            f"{gain.helped.risk_area:.4f} with, {gain.alone.risk_area:.4f} without: "
            f"{'used' if gain.used else 'left out'}{rest}"
        )


class DataSummary(NamedTuple):
    """What the student learned from.

    Args:
        inputs: Usable inputs.
        splits: Inputs in each split.
        by_time: Whether the splits follow each other in time.
        own_test: Whether the test split is a test set of the user's own.
        exact_duplicates: Inputs that repeat an earlier one but for case, spaces and numbers.
        near_duplicates: Other inputs that are near-copies of an earlier one.
        unused: Near-copies left out of the certify and test splits.
        outside: Answers that are no label.
        human_labels: Inputs with a person's label.
        human_outside: Human labels that are no label of the task.
        source: Where the soft labels came from.
        self_agreement: How often the teacher gave the same answer to inputs that repeat each
            other; ``None`` where none do.
        training_sha256: Hash of the train and validation inputs with their labels, and of synthetic
            ones where they were used.
        warnings: What the user should know, a sentence each.
        synthetic: What became of inputs that a model wrote, which the other figures leave aside;
            ``None`` where there were none.
    """

    inputs: int
    splits: dict[Split, int]
    by_time: bool
    own_test: bool
    exact_duplicates: int
    near_duplicates: int
    unused: int
    outside: OutsideAnswers
    human_labels: int
    human_outside: int
    source: SoftLabelSource
    self_agreement: Share | None
    training_sha256: str
    warnings: list[str]
    synthetic: SyntheticFacts | None = None


class TeacherFacts(NamedTuple):
    """What is known of the teacher.

    Args:
        name: The model.
        accuracy: On human labels of the test split.
        latency_p50_ms: Median time of a call.
        cost_per_1000_usd: Cost of 1,000 calls.
        priced_as: Model whose list price was applied, where the cost was not recorded.
        temperature: Fitted against human labels; 1 where there were too few, or it did not help.
        correction: How its probabilities were corrected, and what that was chosen by.
        before: Reliability of its probabilities on human labels of the test split.
        after: The same at the fitted temperature.
        majority: How its single answers stand to their majority, where that is what was learned.
    """

    name: str
    accuracy: Share | None
    latency_p50_ms: float | None
    cost_per_1000_usd: float | None
    priced_as: str | None
    temperature: float
    correction: CalibrationChoice
    before: Reliability | None
    after: Reliability | None
    majority: Majority | None = None


class StudentFacts(NamedTuple):
    """What is known of the student itself.

    Args:
        family: Its family.
        size_bytes: Of all files that it saves, without the manifest and the model card.
        p50_us: Median time to predict one text, in microseconds, on one thread.
        train_seconds: From the first trial to the final student.
        trials: Settings that were tried, the best first.
        curve: Agreement on validation inputs by the number of inputs learned from.
        temperature: Its own, fitted on the validation inputs.
        deferral: By what it is told where it may answer, and why, in a sentence.
    """

    family: str
    size_bytes: int
    p50_us: float
    train_seconds: float
    trials: list[Trial]
    curve: list[CurvePoint]
    temperature: float
    deferral: str


class ClassResult(NamedTuple):
    """One label on the test split, by the teacher's answer."""

    label: str
    inputs: int
    agreement: float
    coverage: float | None


class Disagreement(NamedTuple):
    """A test input on which the student is sure and the teacher says otherwise."""

    text: str
    student: str
    confidence: float
    teacher: str
    human: str | None


class Evaluation(NamedTuple):
    """How the student does on the test split, which took no part in anything.

    Args:
        agreement: With the teacher, on all inputs.
        answered: Share of inputs that the certificate covers; ``None`` without a certificate.
        answered_agreement: Agreement on those.
        accuracy: Student's on human labels.
        cascade_accuracy: On human labels, with the teacher answering what the student defers.
        before: Reliability of the student's probabilities for the teacher's answer.
        after: The same at the student's own temperature.
        bins: Reliability after, by confidence.
        bins_before: Reliability before, by confidence.
        curve: Disagreement by coverage.
        classes: Results by label, the one with the least agreement first.
        disagreements: The most confident ones.
    """

    agreement: Share
    answered: Share | None
    answered_agreement: Share | None
    accuracy: Share | None
    cascade_accuracy: Share | None
    before: Reliability
    after: Reliability
    bins: list[ReliabilityBin]
    bins_before: list[ReliabilityBin]
    curve: list[RiskCoveragePoint]
    classes: list[ClassResult]
    disagreements: list[Disagreement]


class RungFigures(NamedTuple):
    """What was measured of one rung of the ladder.

    Args:
        foreseen_coverage: Share of inputs that it would be certified for if the certify split were
            like the validation split; what the choice goes by.
        standard_error: Of that share, over validation inputs.
        agreement: With the teacher, on the test inputs.
        accuracy: On human labels of the test inputs.
        size_bytes: Of all files that the student saves.
        mean_us: Mean time to predict one text, in microseconds; what a cascade costs shows here.
        p50_us: Median of the same times.
        train_seconds: From the first trial to the final student; a cascade's are its parts'.
    """

    foreseen_coverage: float
    standard_error: float
    agreement: Share
    accuracy: Share | None
    size_bytes: int
    mean_us: float
    p50_us: float
    train_seconds: float


class RungResult(NamedTuple):
    """One rung of the ladder, tried or not.

    Args:
        name: What ``--student`` calls it.
        family: The family of its student.
        chosen: Whether its student was the one to certify.
        figures: What was measured; ``None`` where it was not tried.
        reason: Why it was chosen, or why it was not tried and what would cure that; else empty.
    """

    name: str
    family: str
    chosen: bool
    figures: RungFigures | None
    reason: str


@dataclass(frozen=True)
class Distillation:
    """All that a distillation found out.

    Args:
        task: What was distilled.
        promise: What the certificate had to promise.
        decision: Whether to let the student answer.
        data: What it learned from.
        teacher: What is known of the teacher.
        student: The certified student; ``None`` unless the decision is ``distil``.
        facts: What is known of the student; ``None`` where none could be trained.
        certificate: Where it may answer; ``None`` where it may not.
        evaluation: How it does on the test split; ``None`` where none could be trained.
        frontier: The rungs of the ladder, the cheapest to ask first; none where there were too few
            inputs to train.
        certified_on: The inputs on which it was certified, as production sends them, with the
            teacher's answers.
    """

    task: Task
    promise: Promise
    decision: Decision
    data: DataSummary
    teacher: TeacherFacts
    student: CertifiedStudent | None
    facts: StudentFacts | None
    certificate: Certificate | None
    evaluation: Evaluation | None
    frontier: list[RungResult]
    certified_on: list[tuple[str, str]] = field(default_factory=list, repr=False)
