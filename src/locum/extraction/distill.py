"""The loop for JSON answers: from inputs with their answers to a certified extractor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.alignment import measure_alignment, plan_fields
from locum.distillation import (
    AUTO,
    DEFAULT_ENCODER,
    DEFAULT_SECONDS,
    SearchSettings,
    Silent,
    Wanted,
    check_kinds,
    check_promise,
    choose_cheapest,
    collect_written,
    describe_surroundings,
    divide,
    leave_out_synthetic,
    measure_costs,
    refuse_too_few,
    some_share,
)
from locum.errors import InputError
from locum.evaluation import Promise, share
from locum.export import CertifiedExtractor
from locum.extraction.answers import build_answer_pool, check_left_out, refuse_lists
from locum.extraction.certifying import certify_objects, certify_units, decide_on_objects
from locum.extraction.evaluating import evaluate_objects
from locum.extraction.families import try_families
from locum.extraction.hindrances import explain, find_hindrances, find_untold
from locum.extraction.result import ExtractionDistillation, ExtractorFacts, FamilyResult
from locum.extraction.summary import strata, summarise
from locum.extraction.surroundings import find_learned_surroundings
from locum.extractors import EXTRACTOR_FAMILIES, SpokenAnswer
from locum.schema import ANY_PLACEHOLDER
from locum.shapes import ExtractionTask
from locum.teachers import Budget
from locum.traffic.strict_json import write_json
from locum.training import AnsweredTexts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from locum.dataset import Surroundings
    from locum.distillation import Choice, Decision, Progress, TeacherCosts
    from locum.extraction.answers import AnswerPool
    from locum.extraction.families import TriedFamily
    from locum.extraction.result import ExtractionSummary
    from locum.extractors import Verdicts
    from locum.schema import Example, Split
    from locum.store import Database
    from locum.teachers import Teacher

__all__ = ["distill_extraction"]

Parts = dict["Split", AnsweredTexts]


class _Known(NamedTuple):
    """What is known before a student is trained."""

    task: ExtractionTask
    promise: Promise
    data: ExtractionSummary
    teacher: str
    costs: TeacherCosts
    surroundings: Surroundings
    newer: int

    def without_student(self, decision: Decision) -> ExtractionDistillation:
        """Return what was found out so far: there is no student in it."""
        return ExtractionDistillation(
            self.task, self.promise, decision, self.data, self.teacher, self.costs
        )


def distill_extraction(  # noqa: PLR0913 - one call with all that can be chosen
    task: ExtractionTask,
    inputs: Sequence[str | Example],
    teacher: Teacher | None = None,
    *,
    target: float = 0.95,
    confidence: float = 0.95,
    minimum_coverage: float = 0.05,
    partial: bool = False,
    family: str = AUTO,
    coverage: float | None = None,
    encoder: str | Path = DEFAULT_ENCODER,
    seconds: float = DEFAULT_SECONDS,
    max_bytes: int | None = None,
    seed: int = 0,
    store: str | Path | Database | None = None,
    teacher_name: str = "recorded answers",
    budget: Budget | None = None,
    notes: Sequence[str] = (),
    progress: Progress | None = None,
) -> ExtractionDistillation:
    """Train a student that answers in JSON, and certify where it may answer.

    Args:
        task: What is distilled.
        inputs: Texts as production sends them, or `Example` objects with the teacher's answers.
        teacher: A `locum.ChatTeacher` or `MessagesTeacher`, asked for every input that has no
            answer yet; without one they are left out.
        target: Promised agreement with the teacher on what the student answers.
        confidence: Confidence of the promise.
        minimum_coverage: Coverage under which a student is not worth having.
        partial: Whether a student is worth having that may answer with single fields alone.
        family: ``auto`` to try ``linear`` and ``encoder``, and take the cheapest that is about as
            good as the best; or one of them.
        coverage: Coverage that is enough: the cheapest student that is foreseen to reach it is
            taken, and none is tried after it.
        encoder: Folder or Hugging Face name of the encoder. It needs the extra ``encoder``, and is
            left out without it.
        seconds: An encoder is begun only before, and stops learning then.
        max_bytes: Bound on what a student saves.
        seed: Seed of the splits, and of an encoder.
        store: SQLite file, ``postgresql://`` URL or open store that keeps the teacher's answers, so
            that a run that is stopped goes on where it was; by default they are kept for this run
            alone.
        teacher_name: How the report calls the teacher where none is asked.
        budget: What the teacher's answers may cost, and what its tokens do; by default there is no
            cap, and the public list's price of the model.
        notes: What else the reader of the report should know of the inputs, a sentence each.
        progress: Is told how the run goes on.

    Returns:
        What was found out; its ``student`` is ``None`` unless the decision is ``distil``.

    Raises:
        InputError: No input has an answer that is an object of the schema.
        TeacherError: The teacher fails.
        UsageError: A value cannot be used, or the schema, with the reason for each field; or a
            field is to be left out that neither the schema names nor any answer has; or answers are
            lists of objects.
    """
    check_kinds(task, ExtractionTask, teacher, budget, progress, encoder=encoder)
    promise = Promise(target, confidence)
    check_promise(promise, seed, minimum_coverage)
    settings = SearchSettings(family, coverage, seconds, max_bytes, str(encoder), seed=seed)
    settings.check(EXTRACTOR_FAMILIES, "in JSON")
    told = progress or Silent()
    real, left_out = leave_out_synthetic(inputs)
    money = budget or Budget(ledger=task.name)
    wanted = Wanted(task.name, "JSON objects", lambda asked: asked.as_extractor(task))
    written = collect_written(wanted, real, teacher, store, money, told)
    told.stage("reading the answers")
    refuse_lists(written.texts)
    check_left_out(task, written.texts)
    pool = build_answer_pool(task, real, written.texts)
    if not pool.examples:
        raise InputError("; ".join([_no_answers(task, pool), *written.notes]))
    told.stage("grouping near-copies and splitting")
    divided = divide(pool.examples, strata(task, pool), seed)
    around = find_learned_surroundings(pool, divided)
    said = [*notes, *describe_surroundings(around), *written.notes, *left_out]
    data = summarise(task, pool, divided, said)
    name = teacher.name if teacher else teacher_name
    costs = measure_costs(pool.examples, written.bought, name, money)
    known = _Known(task, promise, data, name, costs, around, divided.newer)
    refused = refuse_too_few(divided, promise)
    if refused is not None:
        return known.without_student(refused)
    parts = _parts(pool, divided.splits.rows, around)
    found = _train_and_certify(known, parts, settings, minimum_coverage, told, partial=partial)
    certified_on = [
        (pool.examples[row].text, write_json(pool.answers[row]).decode())
        for row in np.sort(divided.splits.rows["certify"]).tolist()
    ]
    return replace(found, certified_on=certified_on)


def _train_and_certify(
    known: _Known,
    parts: Parts,
    settings: SearchSettings,
    minimum_coverage: float,
    told: Progress,
    *,
    partial: bool,
) -> ExtractionDistillation:
    task, promise = known.task, known.promise
    train, certify_inputs = parts["train"], len(parts["certify"].texts)
    told.stage("finding values in the texts")
    plan = plan_fields(task.shape, train.texts, train.answers)
    tried, omitted = try_families(
        settings,
        task.answer_schema,
        plan,
        train,
        parts["validation"],
        certify_inputs,
        promise,
        told.stage,
    )
    chosen = choose_cheapest(tried, settings.coverage, certify_inputs, promise)
    trained, units = chosen.student.trained, chosen.student.trained.extractor.units
    told.stage(f"certifying {chosen.student.name} on {certify_inputs:,} untouched inputs")
    certify = trained.judge(parts["certify"])
    certificate = certify_objects(trained.validation, certify, promise)
    by_unit = certify_units(trained.validation, certify, units, promise)
    decision = decide_on_objects(
        certificate,
        by_unit,
        (trained.validation, certify),
        known.newer,
        promise,
        minimum_coverage,
        partial=partial,
    )
    decision = decision._replace(
        reason=f"{decision.reason}; {chosen.student.name} is {chosen.reason}"
    )
    alignment = measure_alignment(task.shape, train.texts, train.answers, plan)
    found = find_hindrances(task.shape, units, train.answers, alignment, partial=partial)
    if not found and decision.verdict != "distil":
        found = find_untold(units, (trained.validation, certify), promise, partial=partial)
    decision = explain(decision, found)
    usable = certificate if decision.verdict == "distil" else None
    if usable is not None and usable.coverage < minimum_coverage:
        usable = None
    student = None
    if decision.verdict == "distil":
        student = CertifiedExtractor(
            task,
            trained.extractor,
            trained.temperatures,
            usable,
            by_unit,
            known.teacher,
            known.data.training_sha256,
            surroundings=known.surroundings,
        )
    verdicts = {one.name: one.trained.judge(parts["test"]) for one in tried}
    facts = ExtractorFacts(
        chosen.student.name,
        chosen.student.size_bytes,
        chosen.student.latency.p50_us,
        chosen.student.train_seconds,
        trained.extractor.learned_.left_out,
    )
    return replace(
        known.without_student(decision),
        units=units,
        alignment=alignment,
        student=student,
        facts=facts,
        certificate=usable,
        evaluation=evaluate_objects(
            verdicts[chosen.student.name], parts["test"], units, usable, by_unit
        ),
        families=[_family_result(one, verdicts[one.name], chosen) for one in tried],
        omitted=omitted,
    )


def _family_result(one: TriedFamily, test: Verdicts, chosen: Choice[TriedFamily]) -> FamilyResult:
    return FamilyResult(
        one.name,
        one is chosen.student,
        one.foreseen_coverage,
        some_share(share(test.agrees)),
        one.size_bytes,
        one.latency.p50_us,
        one.train_seconds,
    )


def _parts(
    pool: AnswerPool, rows: Mapping[Split, NDArray[np.int64]], around: Surroundings
) -> Parts:
    def take(chosen: NDArray[np.int64]) -> AnsweredTexts:
        examples = [pool.examples[row] for row in chosen.tolist()]
        spoken = [SpokenAnswer.read(e.positions) if e.positions else None for e in examples]
        answers = [pool.answers[row] for row in chosen.tolist()]
        texts = [around.inner(example.text) for example in examples]
        return AnsweredTexts(texts, answers, spoken)

    return {split: take(np.sort(of_split)) for split, of_split in rows.items()}


def _no_answers(task: ExtractionTask, pool: AnswerPool) -> str:
    if not pool.problems:
        return f"no input of task {task.name!r} has an answer: give inputs with the teacher's"
    first = pool.problems[0]
    said = (
        f"none of the {pool.unusable:,} answers of task {task.name!r} is an object of its schema; "
        f"{first.answers:,} times: {first.problem} (such as {first.example!r}): correct the "
        "schema, or the answers"
    )
    if ANY_PLACEHOLDER.search(first.example) is None:
        return said
    return (
        f"{said}. They hold placeholders of redaction: where these are what the schema forbids, "
        "leave the field's type out of it, or record calls anew with that kind of data in "
        "[redaction] off"
    )
