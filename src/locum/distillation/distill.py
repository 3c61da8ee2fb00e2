"""The loop: from inputs and a teacher to a certified student."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from locum.distillation.answers import collect_answers
from locum.distillation.choice import Choice, choose_cheapest
from locum.distillation.conclude import certify_choice, conclude
from locum.distillation.decide import refuse_too_few
from locum.distillation.given import check_kinds, to_examples
from locum.distillation.ladder import NOT_TUNED, climb, was_tuned
from locum.distillation.pool import build_pool
from locum.distillation.progress import Progress, Silent
from locum.distillation.result import Distillation
from locum.distillation.rungs import rung_names
from locum.distillation.search import (
    AUTO,
    DEFAULT_ENCODER,
    DEFAULT_SECONDS,
    SearchSettings,
    check_promise,
)
from locum.distillation.splitting import split_pool
from locum.distillation.summary import note_cut_texts, note_surroundings, summarise
from locum.distillation.synthetic import Synthetic, conclude_synthetic, divide_answers
from locum.distillation.teacher_facts import (
    calibrate_teacher,
    correct_pool,
    describe_teacher,
    measure_costs,
    name_teacher,
)
from locum.evaluation import Promise
from locum.schema import Task
from locum.teachers import Budget, Teacher, Votes
from locum.training import Labelled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from locum.dataset import SplitRows, Surroundings
    from locum.distillation.attempt import Attempt
    from locum.distillation.pool import Pool
    from locum.schema import Example, Split
    from locum.store import Database

__all__ = ["Progress", "distill"]


def distill(  # noqa: PLR0913 - one call with all that can be chosen
    task: Task,
    inputs: Sequence[str | Example],
    teacher: Teacher | None = None,
    *,
    target: float = 0.95,
    confidence: float = 0.95,
    family: str = AUTO,
    coverage: float | None = None,
    seconds: float = DEFAULT_SECONDS,
    max_bytes: int | None = None,
    encoder: str | Path = DEFAULT_ENCODER,
    embeddings: str | Path | None = None,
    minimum_coverage: float = 0.05,
    seed: int = 0,
    store: str | Path | Database | None = None,
    teacher_name: str = "recorded answers",
    budget: Budget | None = None,
    notes: Sequence[str] = (),
    progress: Progress | None = None,
) -> Distillation:
    """Train students, choose one, and certify where it may stand in for its teacher.

    Args:
        task: What is distilled.
        inputs: Texts as production sends them, or `Example` objects with what is known of them.
            Synthetic ones are learned from where that helps; all other figures leave them aside.
        teacher: Asked for every input that has no answer yet; not needed where all have one.
        target: Promised agreement with the teacher on what the student answers.
        confidence: Confidence of the promise.
        family: ``auto`` to try a ladder of students and take the cheapest that is about as good as
            the best; or a rung of it (``linear``, ``static``, ``cascade``, ``frozen-encoder``,
            ``encoder``, ``ensemble``) or another installed family, to train that one alone; or
            several, with commas between them.
        coverage: Coverage that is enough: the cheapest student that is foreseen to reach it is
            taken, and none is tried after it.
        seconds: Bound on the search: no student is begun later.
        max_bytes: Students that are larger on disk are left out.
        encoder: Folder or Hugging Face name of the sentence encoder of students that have one. They
            need the extra ``encoder``, and are left out of the ladder without it.
        embeddings: Folder or Hugging Face name of static token embeddings in model2vec's format; by
            default they are distilled from the encoder.
        minimum_coverage: Coverage under which a student is not worth having.
        seed: Seed of the splits, and of students that use random numbers.
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
        InputError: No input has an answer that is a label, or there is one class alone.
        TeacherError: The teacher fails.
        UsageError: A value cannot be used.
    """
    check_kinds(task, Task, teacher, budget, progress, encoder=encoder)
    promise = Promise(target, confidence)
    check_promise(promise, seed, minimum_coverage)
    vectors = None if embeddings is None else str(embeddings)
    ladder = SearchSettings(family, coverage, seconds, max_bytes, str(encoder), vectors, seed)
    ladder.check(rung_names(), "with labels")
    told = progress or Silent()
    examples = to_examples(inputs)
    money = budget or Budget(ledger=task.name)
    answers, bought, is_bought = collect_answers(task, examples, teacher, store, money, told)
    majority = teacher.majority if is_bought and isinstance(teacher, Votes) else None
    real, written = divide_answers(examples, answers)
    pool = build_pool(task, *real)

    told.stage("grouping near-copies and splitting")
    divided = split_pool(pool, seed, seeded=bool(written.examples))
    splits = divided.splits
    of_single = majority.notes() if majority else []
    data = summarise(task, pool, divided, [*notes, *bought, *of_single])
    synthetic = Synthetic.among(task, written, pool, divided)
    name = name_teacher(teacher, teacher_name, is_bought=is_bought)
    paid = [answer for answer in real.answers if answer is not None]
    costs = measure_costs(pool.examples, paid, majority.of if majority else name, money)
    choice = calibrate_teacher(task, pool, splits.rows, teacher)
    corrected = correct_pool(pool, choice.calibration)
    facts = describe_teacher(name, pool, corrected, splits.rows["test"], choice, costs)
    facts = facts._replace(majority=majority)

    decision = refuse_too_few(divided, promise)
    if decision is not None:
        data = conclude_synthetic(data, synthetic, None)
        return Distillation(task, promise, decision, data, facts, None, None, None, None, [])

    around = divided.surroundings(pool.examples)
    data = note_surroundings(data, around)
    labelled = _labelled(corrected, splits, around)
    written_labelled = synthetic.labelled(choice.calibration, around)
    certify_inputs = len(splits.rows["certify"])
    found = climb(ladder, task.labels, labelled, written_labelled, promise, told.stage)
    if ladder.is_race:
        chosen = choose_cheapest(found.tried, coverage, certify_inputs, promise)
    else:
        chosen = _asked_for(found.tried[0])
    data = conclude_synthetic(data, synthetic, chosen.student.trained.synthetic)
    data = note_cut_texts(data, chosen.student.trained.student, labelled["train"].texts)
    name = chosen.student.rung.name
    told.stage(f"certifying {name} on {certify_inputs:,} untouched inputs")
    certified = certify_choice(chosen, labelled, promise, minimum_coverage, divided.newer)
    if max_bytes is not None and certified.decision.verdict != "distil":
        certified = certified.because(f"students were kept within {max_bytes:,} bytes")
    concluded = conclude(task, promise, found, chosen, certified, labelled, data, facts, around)
    asked = [pool.examples[row].text for row in splits.rows["certify"].tolist()]
    labels = [task.labels[answer] for answer in labelled["certify"].answers.tolist()]
    return replace(concluded, certified_on=list(zip(asked, labels, strict=True)))


def _asked_for(attempt: Attempt) -> Choice[Attempt]:
    note = "" if was_tuned(attempt.trained.student) else f" ({NOT_TUNED})"
    return Choice(attempt, f"the student that was asked for{note}")


def _labelled(pool: Pool, splits: SplitRows, around: Surroundings) -> dict[Split, Labelled]:
    """Each split's inputs as students read them, with the teacher's corrected distributions."""
    soft_labels = pool.soft_labels.probabilities
    texts = [around.inner(example.text) for example in pool.examples]

    def take(rows: NDArray[np.int64]) -> Labelled:
        chosen = [texts[row] for row in rows.tolist()]
        return Labelled(chosen, soft_labels[rows], pool.answers[rows], pool.human[rows])

    return {split: take(rows) for split, rows in splits.rows.items()}
