"""The loop for written answers: from inputs with their answers to a certified writer."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from locum.distillation import (
    DEFAULT_ENCODER,
    Silent,
    Wanted,
    check_kinds,
    check_promise,
    collect_written,
    describe_surroundings,
    divide,
    leave_out_synthetic,
    measure_costs,
    place_of_answers,
    refuse_too_few,
)
from locum.errors import InputError, UsageError
from locum.evaluation import Promise
from locum.export import warn_of_rule
from locum.generation.certifying import Certifying, certify_writer
from locum.generation.evaluating import measure_rule
from locum.generation.judging import JudgingDesk
from locum.generation.known import Known
from locum.generation.parts import split_parts
from locum.generation.pool import MOST_WRITTEN, build_written_pool, repeated_pairs, summarise
from locum.generation.teaching import TeachingSettings, count_unfit, teach
from locum.generation.through import WriteThrough
from locum.schema import GenerationTask
from locum.students.encoder_source import shown_name
from locum.teachers import Budget, require_teacher
from locum.writers import (
    DEFAULT_RULE,
    Acceptance,
    Embedder,
    Limits,
    Pair,
    Prompts,
    Writer,
    load_pretrained,
    require_chrf,
    window_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from locum.distillation import Divided, Progress
    from locum.generation.parts import Part
    from locum.generation.pool import WrittenPool
    from locum.generation.result import GenerationDistillation
    from locum.schema import Example
    from locum.store import Database
    from locum.teachers import Teacher

__all__ = ["distill_generation"]

_MOST_READ = 2_048
_SPARE = 1.25
# Tokens that a cut text may have more than it was cut to, read again between others.
_SLACK = 16


def distill_generation(  # noqa: PLR0913 - one call with all that can be chosen
    task: GenerationTask,
    inputs: Sequence[str | Example],
    teacher: Teacher | None = None,
    *,
    student_model: str | Path,
    accept: str = DEFAULT_RULE,
    judge: Teacher | None = None,
    encoder: str | Path = DEFAULT_ENCODER,
    write_through: str | None = None,
    models: str | Path | None = None,
    target: float = 0.95,
    confidence: float = 0.95,
    minimum_coverage: float = 0.05,
    rounds: int = 4,
    learning_rate: float = 2e-4,
    seconds: float | None = None,
    seed: int = 0,
    store: str | Path | Database | None = None,
    teacher_name: str = "recorded answers",
    teacher_instruction: str | None = None,
    budget: Budget | None = None,
    notes: Sequence[str] = (),
    progress: Progress | None = None,
) -> GenerationDistillation:
    """Train a small language model on the teacher's answers, and certify where it may answer.

    Sequence-level knowledge distillation (Kim and Rush 2016): the student learns what the teacher
    wrote, as if people had. Its answers count as agreeing where a rule accepts them.

    Args:
        task: What is distilled.
        inputs: Texts as production sends them, or `Example` objects with the teacher's answers.
        teacher: A `locum.ChatTeacher` or `MessagesTeacher`, asked for every input that has no
            answer yet; without one they are left out.
        student_model: What the student is before it is trained: a folder, a GGUF file, or a name on
            the Hugging Face hub, of a causal language model.
        accept: When an answer is as good as the teacher's; see `locum.writers.acceptance`.
        judge: Who is asked, where that rule asks a judge.
        encoder: Folder or Hugging Face name of a sentence encoder, where the rule compares
            embeddings.
        write_through: What computes the student's answers, now and wherever it is asked:
            ``llama.cpp`` (or ``llama.cpp:q4_0`` and the like; 8 bits unless said), whose server is
            started, or the URL of a running server's completions API such as vLLM's; by default
            the process that asks. The certificate is measured through it.
        models: Folder for the trained weights, which such a running server is to have; it is
            waited for until it has them.
        target: Promised share of accepted answers among what the student answers.
        confidence: Confidence of the promise.
        minimum_coverage: Coverage under which a student is not worth having.
        rounds: Passes over the train inputs at the most; it ends where one makes the validation
            answers less likely, and the best is kept.
        learning_rate: Highest rate of the first round; each later one has half of the one before.
        seconds: No round is begun after so long; by default there is no such end.
        seed: Seed of the splits and of the order of training.
        store: SQLite file, ``postgresql://`` URL or open store that keeps the teacher's and the
            judge's answers; by default they are kept for this run alone.
        teacher_name: How the report calls the teacher where none is asked.
        teacher_instruction: What the teacher is told before each input; by default the task's
            instruction, which the student reads.
        budget: What the teacher's and the judge's answers may cost, and what tokens do; by default
            there is no cap, and the public list's price of the model.
        notes: What else the reader of the report should know of the inputs, a sentence each.
        progress: Is told how the run goes on.

    Returns:
        What was found out; its ``student`` is ``None`` unless the decision is ``distil``.

    Raises:
        InputError: No input has an answer.
        TeacherError: The teacher or the judge fails.
        UsageError: A value cannot be used, or the extra ``generation`` is not installed.
        WriterError: What is to compute the answers is not there, or fails.
    """
    check_kinds(
        task,
        GenerationTask,
        teacher,
        budget,
        progress,
        student_model=student_model,
        encoder=encoder,
    )
    promise = Promise(target, confidence)
    check_promise(promise, seed, minimum_coverage)
    settings = TeachingSettings(rounds, learning_rate, seconds, seed)
    settings.check()
    acceptance = Acceptance(accept)
    through = WriteThrough.read(write_through, task.name, models)
    require_chrf()
    _check_judge(acceptance, judge)
    told = progress or Silent()
    real, left_out = leave_out_synthetic(inputs)
    similarity = Embedder(str(encoder)) if acceptance.needs_encoder else None
    told.stage(f"loading {student_model}")
    model, tokenizer = load_pretrained(student_model)
    if through is not None:
        through.rehearse(model, tokenizer)
    money = budget or Budget(ledger=task.name)
    # One store for all that is asked: the cap holds over teacher and judge together.
    with place_of_answers(store) as place:
        written = collect_written(
            _wanted(task, teacher_instruction), real, teacher, place, money, told
        )
        prompts = Prompts(tokenizer, task.instruction, _MOST_READ)
        pool = build_written_pool(real, written.texts, lambda text: len(prompts.tokens(text)))
        if not pool.examples:
            raise InputError("; ".join([_no_answers(task), *written.notes]))
        told.stage("grouping near-copies and splitting")
        divided = divide(pool.examples, np.zeros(len(pool.examples), np.int64), seed)
        around = divided.surroundings(pool.examples)
        parts = split_parts(pool, divided.splits.rows, around)
        window = window_of(model)
        limits = _limits(parts["train"], prompts, window)
        reading = Prompts(tokenizer, task.instruction, limits.read)
        cut = sum(reading.is_cut(around.inner(example.text)) for example in pool.examples)
        notes = [
            *notes,
            *describe_surroundings(around),
            *written.notes,
            *left_out,
            *_describe_unfit([parts["train"], parts["validation"]], reading, window),
        ]
        name = teacher.name if teacher else teacher_name
        judging = JudgingDesk(task, judge, place, money, told) if judge else None
        compare = partial(acceptance.accept, judge=judging, similarity=similarity)
        own = [Pair(text, answer, answer) for text, answer in zip(*parts["train"], strict=True)]
        told.stage(f"comparing the teacher's own answers by {acceptance.rule}")
        rule = measure_rule(acceptance, repeated_pairs(pool), own, compare, judge)
        known = Known(
            task,
            promise,
            summarise(pool, divided, [*notes, *warn_of_rule(rule.rule, rule.by_chance)], cut),
            name,
            measure_costs(pool.examples, written.bought, name, money),
            rule,
            around,
            divided.newer,
        )
        refused = refuse_too_few(divided, promise)
        if refused is not None:
            return known.without_student(refused)
        if judging is not None:
            judging.rehearse(own)
        taught = teach(model, reading, parts["train"], parts["validation"], settings, told)
        writer = Writer.of_trained(model, tokenizer, task.instruction, limits, parts["train"].texts)
        if through is not None:
            writer = through.move(writer, model, task.name, told)
        how = Certifying(compare, minimum_coverage, seed, told)
        found = certify_writer(known, writer, shown_name(str(student_model)), taught, parts, how)
        return _finished(found, pool, divided, judging)


def _finished(
    found: GenerationDistillation, pool: WrittenPool, divided: Divided, judging: JudgingDesk | None
) -> GenerationDistillation:
    """Add what the judge's answers have to be known for, and the inputs that certified."""
    certified_on = [
        (pool.examples[row].text, pool.answers[row])
        for row in np.sort(divided.splits.rows["certify"]).tolist()
    ]
    warnings = [*found.data.warnings, *(judging.notes() if judging is not None else [])]
    return replace(found, data=found.data._replace(warnings=warnings), certified_on=certified_on)


def _wanted(task: GenerationTask, told: str | None) -> Wanted:
    asked_by = task if told is None else replace(task, instruction=told)
    return Wanted(task.name, "texts", lambda asked: asked.as_answerer(asked_by))


def _check_judge(acceptance: Acceptance, judge: Teacher | None) -> None:
    if acceptance.needs_judge and judge is None:
        raise UsageError(
            f"rule {acceptance.rule!r} asks a judge, and there is none: name a model that compares "
            "answers, such as a locum.ChatTeacher"
        )
    if judge is None:
        return
    require_teacher(judge)
    if not acceptance.needs_judge:
        raise UsageError(
            f"there is a judge, {judge.name!r}, and rule {acceptance.rule!r} does not ask it: "
            "leave it out, or accept 'judge', or 'chrF>=0.9 or judge'"
        )


def _no_answers(task: GenerationTask) -> str:
    return (
        f"no input of task {task.name!r} has an answer of under {MOST_WRITTEN:,} tokens: give "
        "inputs with the teacher's answers, or a teacher to ask"
    )


def _limits(train: Part, prompts: Prompts, window: int) -> Limits:
    """Return how much is read and written: a quarter more than the longest answer learned from."""
    longest = max((len(prompts.tokens(answer)) for answer in train.answers), default=1) + 1
    written = max(1, min(math.ceil(_SPARE * longest), window // 2))
    around = len(prompts.prompt("")) + _SLACK
    return Limits(read=max(1, min(_MOST_READ, window - written - around)), written=written)


def _describe_unfit(parts: Sequence[Part], reading: Prompts, window: int) -> list[str]:
    """Return what to say of answers that are not learned from, as they do not fit into a model."""
    unfit = sum(count_unfit(part, reading, window) for part in parts)
    total = sum(len(part.texts) for part in parts)
    said = (
        f"{unfit:,} of {total:,} answers to learn from do not fit, after their inputs, into the "
        f"{window:,} tokens that the student has positions for, and were left out"
    )
    return [said] if unfit else []
