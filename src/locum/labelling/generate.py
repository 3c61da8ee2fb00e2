"""New inputs for a task: written by a model, then labelled by the teacher like any others."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from locum.labelling.diversity import compare_diversity
from locum.labelling.label import calls_by_text
from locum.labelling.material import Material
from locum.labelling.synthetic_file import SyntheticFile
from locum.labelling.writer import set_up_writer
from locum.labelling.writing import Writing, read_synthetic
from locum.teachers import LabellingDesk, LabelParser

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from locum.dataset import WrittenExample
    from locum.labelling.diversity import DiversityPair
    from locum.labelling.writing import Wish
    from locum.schema import Example, Task, TeacherAnswer
    from locum.store import Balance, LabelStore
    from locum.teachers import Budget, LabellingProgress, Tally, Teacher
    from locum.teachers.http import HttpTeacher

__all__ = ["AskedLabel", "Generated", "generate_inputs"]

_KEPT_ANSWER = 200
_LOW_SHARE = 0.7
_SHOWN = 5


class AskedLabel(NamedTuple):
    """How far writer and teacher mean the same by a label.

    Args:
        label: The label that texts were to have.
        texts: How many there are.
        labelled: Of them, those with an answer of the teacher.
        agreeing: Of these, those to which it gave that label.
    """

    label: str
    texts: int
    labelled: int
    agreeing: int


class Generated(NamedTuple):
    """What a run wrote.

    Args:
        writer: Who wrote.
        teacher: Who labelled.
        before: Texts that were there before.
        new: Texts that came.
        prompts: Prompts that were answered.
        unreadable: Of them, those whose answers held no list of texts.
        rejected: Texts that were not taken, by reason.
        lacking: Texts that are still lacking, by label.
        by_label: How far the teacher gives the labels that were asked for.
        diversity: Of all synthetic texts beside as many real ones.
        written: Counts of the calls that wrote.
        labelled: Counts of the calls that labelled.
        balance: Where the task's account stands after it.
        seconds: How long it took.
        notes: What should be known of it, a sentence each.
    """

    writer: str
    teacher: str
    before: int
    new: int
    prompts: int
    unreadable: int
    rejected: dict[str, int]
    lacking: dict[str, int]
    by_label: list[AskedLabel]
    diversity: DiversityPair | None
    written: Tally
    labelled: Tally
    balance: Balance
    seconds: float
    notes: list[str]


def generate_inputs(
    task: Task,
    teacher: Teacher,
    writer: HttpTeacher,
    examples: Sequence[Example],
    path: Path,
    store: LabelStore,
    budget: Budget,
    wish: Wish,
    *,
    clean: Callable[[str], str] = str,
    stage: Callable[[str], None] = lambda _: None,
    progress: Callable[[LabellingProgress], None] = lambda *_: None,
) -> Generated:
    """Write inputs until a file holds as many as are wished for, and label them.

    The file is complete after each round, so that a run that is stopped goes on where it was.

    Args:
        task: What the texts are for.
        teacher: Who labels them.
        writer: Who writes them.
        examples: The real inputs, with what is known of them.
        path: The file; it is made where there is none. One run alone may write it (`hold`).
        store: Where answers and spending are kept.
        budget: What all this may cost.
        wish: How many texts there are to be.
        clean: What is done to each text before anything else, such as redaction.
        stage: Is told what is being done.
        progress: Is told how far the calls are.

    Raises:
        InputError: The real inputs are too few, or a file or the store cannot be used.
        TeacherError: Writer or teacher fail altogether.
        UsageError: There is a cap and no price, or a number is out of range.
    """
    wish.check()
    started = time.monotonic()
    material = Material.of(task, teacher, examples, store)
    before = read_synthetic(path)
    file = SyntheticFile(path, task, examples, store)
    writing = Writing(task, material, wish, before, clean)
    asked = set_up_writer(writer, material)
    stems = calls_by_text(examples)
    with LabellingDesk(task, store, budget, progress, calls=stems) as desk:
        while not desk.tally.unasked and (prompts := writing.next_round()):
            stage(f"{writer.name} writes, {sum(writing.lacking.values()):,} texts are lacking")
            # What is written after recorded calls goes when these are deleted.
            stems |= {prompt.text: _calls_of(prompt.seeds) for prompt in prompts}
            answers = desk.buy(asked, task, [(prompt.text, prompt.draw) for prompt in prompts])
            if writing.take(prompts, answers):
                file.write(writing.rows)
        written = desk.tally
    rows = writing.rows
    # Those of earlier runs too: what is known of this teacher, prompt and labels costs nothing, and
    # their answers may be by others, or by fewer votes.
    with LabellingDesk(task, store, budget, progress) as desk:
        if rows:
            stage(f"{teacher.name} labels {len(rows):,} texts, those of earlier runs among them")
            answers = teacher.label(task, [row.text for row in rows], desk)
            pairs = zip(rows, answers, strict=True)
            rows = [_answered(task, row, answer, teacher.name) for row, answer in pairs]
            file.write(rows)
        labelled, balance = desk.tally, desk.balance()
    by_label = _by_label(task, rows)
    return Generated(
        writer=writer.name,
        teacher=teacher.name,
        before=len(before),
        new=len(rows) - len(before),
        prompts=writing.prompts,
        unreadable=writing.unreadable,
        rejected=dict(writing.rejected),
        lacking=writing.lacking,
        by_label=by_label,
        diversity=compare_diversity([row.text for row in rows], material.texts, wish.seed),
        written=written,
        labelled=labelled,
        balance=balance,
        seconds=time.monotonic() - started,
        notes=_notes(writing, by_label, written, labelled),
    )


def _calls_of(seeds: Sequence[Example]) -> list[str]:
    return [seed.call_id for seed in seeds if seed.call_id is not None]


def _answered(
    task: Task, row: WrittenExample, answer: TeacherAnswer | None, by: str
) -> WrittenExample:
    """The row with the teacher's answer; without one it keeps none of another teacher's."""
    if answer is None:
        return replace(row, answer=None, distribution=None, labelled_by=None)
    label = None if answer.refused else LabelParser(task.labels)(answer.text)
    return replace(
        row,
        answer=answer.text[:_KEPT_ANSWER] if label is None else task.labels[label],
        distribution=dict(zip(task.labels, answer.distribution, strict=True))
        if answer.distribution and any(answer.distribution)
        else None,
        labelled_by=by,
    )


def _by_label(task: Task, rows: Sequence[WrittenExample]) -> list[AskedLabel]:
    counts = {label: [0, 0, 0] for label in task.labels}
    for row in rows:
        if row.asked_label in counts:
            of_label = counts[row.asked_label]
            of_label[0] += 1
            of_label[1] += row.answer is not None
            of_label[2] += row.answer == row.asked_label
    return [AskedLabel(label, *of_label) for label, of_label in counts.items()]


def _notes(
    writing: Writing, by_label: Sequence[AskedLabel], written: Tally, labelled: Tally
) -> list[str]:
    notes = [*written.notes(), *(note for note in labelled.notes() if note not in written.notes())]
    if writing.lacking and not written.unasked:
        shown = ", ".join(f"{label!r} {n:,}" for label, n in list(writing.lacking.items())[:_SHOWN])
        notes.append(
            f"three rounds brought no new text of {len(writing.lacking)} labels, which still lack "
            f"some ({shown}): the writer repeats itself or answers with no list; describe the "
            "label, or try another writer"
        )
    low = [one for one in by_label if one.labelled and one.agreeing < _LOW_SHARE * one.labelled]
    if low:
        low.sort(key=lambda one: one.agreeing / one.labelled)
        shown = ", ".join(
            f"{one.label!r} {one.agreeing / one.labelled:.0%}" for one in low[:_SHOWN]
        )
        notes.append(
            f"writer and teacher differ over {len(low)} of {len(by_label)} labels (share that got "
            f"the label asked for: {shown}): they overlap, or their descriptions say too little"
        )
    return notes
