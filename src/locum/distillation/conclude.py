"""What comes after the climb: certify the chosen student, and measure all on the test split."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.distillation.assess import evaluate, some_share
from locum.distillation.choice import coverage_error
from locum.distillation.decide import decide
from locum.distillation.result import Distillation, RungFigures, RungResult, StudentFacts
from locum.evaluation import certify, plan_thresholds, share
from locum.export import CertifiedStudent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.dataset import Surroundings
    from locum.distillation.attempt import Attempt, Verdicts
    from locum.distillation.choice import Choice
    from locum.distillation.ladder import Climb
    from locum.distillation.result import DataSummary, Decision, TeacherFacts
    from locum.distillation.rungs import Rung
    from locum.evaluation import Certificate, Promise
    from locum.schema import Split, Task
    from locum.training import Labelled

__all__ = ["Certified", "certify_choice", "conclude"]


class Certified(NamedTuple):
    """The decision on the chosen student, and the certificate that it got."""

    decision: Decision
    certificate: Certificate | None

    def because(self, reason: str) -> Certified:
        """Return it with one more reason."""
        more = self.decision._replace(reason=f"{self.decision.reason}; {reason}")
        return self._replace(decision=more)


def certify_choice(
    choice: Choice[Attempt],
    labelled: Mapping[Split, Labelled],
    promise: Promise,
    minimum_coverage: float,
    usable: int,
) -> Certified:
    """Certify the chosen student; this is all that the certify split is ever used for.

    Args:
        choice: The student.
        labelled: The inputs of each split.
        promise: Target and confidence.
        minimum_coverage: Coverage under which a student is not worth having.
        usable: How many inputs there are that are not outdated.
    """
    seen = choice.student.of_validation(labelled["validation"])
    tested = choice.student.judge(labelled["certify"])
    thresholds = plan_thresholds(seen.score, seen.agrees, len(tested.score), promise)
    certificate = certify(tested.score, tested.agrees, thresholds, promise)
    decision = decide(
        certificate,
        np.concatenate([seen.score, tested.score]),
        np.concatenate([seen.agrees, tested.agrees]),
        (usable, len(tested.score)),
        promise,
        minimum_coverage,
    )
    return Certified(decision, certificate).because(
        f"{choice.student.rung.name} is {choice.reason}"
    )


def conclude(
    task: Task,
    promise: Promise,
    climb: Climb,
    choice: Choice[Attempt],
    certified: Certified,
    labelled: Mapping[Split, Labelled],
    data: DataSummary,
    teacher: TeacherFacts,
    surroundings: Surroundings,
) -> Distillation:
    """Measure all students on the test split, and return what was found out.

    Args:
        task: What was distilled.
        promise: What the certificate had to promise.
        climb: The students that were tried.
        choice: The one that was certified.
        certified: What came of that.
        labelled: The inputs of each split.
        data: What the students learned from.
        teacher: What is known of the teacher.
        surroundings: What was taken off the inputs.
    """
    decision, certificate = certified
    outside = data.outside.answers / (data.inputs + data.outside.answers)
    if outside and decision.verdict == "distil":
        counted = f"; not counted are {outside:.1%} of inputs, to which the teacher gave no label"
        decision = decision._replace(reason=decision.reason + counted)
    if teacher.majority is not None and decision.verdict == "distil":
        whose = f"; the agreement is with {teacher.name}: {teacher.majority.bound}"
        decision = decision._replace(reason=decision.reason + whose)
    usable = certificate if decision.verdict == "distil" else None
    test = labelled["test"]
    verdicts = {attempt.rung.name: attempt.judge(test) for attempt in climb.tried}
    chosen, trained = choice.student, choice.student.trained
    student = None
    if usable is not None:
        student = CertifiedStudent(
            task,
            trained.student,
            trained.temperature,
            usable,
            teacher.name,
            data.training_sha256,
            deferral=chosen.deferral.score,
            surroundings=surroundings,
        )
    facts = StudentFacts(
        family=trained.student.family,
        size_bytes=chosen.size_bytes,
        p50_us=chosen.latency.p50_us,
        train_seconds=chosen.train_seconds,
        trials=trained.trials,
        curve=trained.curve,
        temperature=trained.temperature,
        deferral=chosen.deferral.reason,
    )
    return Distillation(
        task,
        promise,
        decision,
        data,
        teacher,
        student,
        facts,
        usable,
        evaluate(verdicts[chosen.rung.name], test, task.labels, usable),
        _frontier(climb, choice, verdicts, labelled, promise),
    )


def _frontier(
    climb: Climb,
    choice: Choice[Attempt],
    verdicts: Mapping[str, Verdicts],
    labelled: Mapping[Split, Labelled],
    promise: Promise,
) -> list[RungResult]:
    certify_inputs, test = len(labelled["certify"].texts), labelled["test"]

    def measured(attempt: Attempt) -> RungResult:
        said = verdicts[attempt.rung.name]
        right = said.proba.argmax(axis=1) == test.human
        figures = RungFigures(
            foreseen_coverage=attempt.foreseen_coverage,
            standard_error=coverage_error(attempt.foreseen, certify_inputs, promise),
            agreement=some_share(share(said.agrees)),
            accuracy=share(right[test.human >= 0]),
            size_bytes=attempt.size_bytes,
            **attempt.latency._asdict(),
            train_seconds=attempt.train_seconds,
        )
        chosen = attempt is choice.student
        reason = choice.reason if chosen else ""
        return RungResult(attempt.rung.name, attempt.rung.family, chosen, figures, reason)

    def omitted(rung: Rung) -> RungResult:
        reason = climb.omitted[rung.name]
        return RungResult(rung.name, rung.family, chosen=False, figures=None, reason=reason)

    return [
        measured(climb.attempts[rung.name]) if rung.name in climb.attempts else omitted(rung)
        for rung in climb.rungs
    ]
