"""The inputs of a task and the task itself, as several commands take them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from locum.cli.places import begins_fingerprint, open_existing, parse_columns, whole_name
from locum.cli.recorded_calls import RecordedCalls
from locum.cli.recorded_notes import describe_outdated, show_moment
from locum.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.config import RedactionSettings, Settings
    from locum.schema import Example, JsonObject, Task

__all__ = [
    "Declared",
    "Given",
    "declare_task",
    "describe_told",
    "mind_answers",
    "name_task",
    "one_file",
    "read_inputs",
    "refuse_file_flags",
]

_SHOWN_CHARACTERS = 60


class Given(NamedTuple):
    """Inputs.

    Args:
        examples: The inputs, with what is known of them.
        source: Where they stem from.
        notes: What should be known of them, a sentence each.
        teacher: Who answered them.
        schema: What their answers had to satisfy, where more than half of the calls say so.
        instruction: What their teacher was told besides them, where that was the same in more than
            half of the calls and a teacher is to be asked again; empty where it was told nothing.
        columns: Which column of a file each kind of value was read from.
    """

    examples: list[Example]
    source: str
    notes: list[str]
    teacher: str | None = None
    schema: JsonObject | None = None
    instruction: str | None = None
    columns: Mapping[str, str] = MappingProxyType({})


class Declared(NamedTuple):
    """A task, and what should be known of how it was found."""

    task: Task
    notes: list[str]


def one_file(calls: Path | None, inputs: Path | None, *, has_teacher: bool) -> Path | None:
    """Return the one file that was given, if any.

    Args:
        calls: One with the teacher's answers.
        inputs: One to ask a teacher about.
        has_teacher: Whether there is one to ask.

    Raises:
        UsageError: Both were given, or nobody is there to ask.
    """
    if calls and inputs:
        raise UsageError("give either --calls FILE, or --inputs FILE with --teacher and --model")
    if inputs and not has_teacher:
        raise UsageError("--inputs needs a teacher to ask: add --teacher URL and --model NAME")
    return calls or inputs


def name_task(task: str, file: Path | None, place: str | Path, settings: Settings) -> str:
    """Return the name of a task whose calls may be given by the beginning of their fingerprint.

    Args:
        task: What was given.
        file: The file that its inputs are in; ``None`` where they are recorded calls.
        place: The store of recorded calls.
        settings: Those of the project.

    Raises:
        InputError: The store cannot be read.
    """
    from locum.store import CallFilter, stream_sums

    if file is not None or not begins_fingerprint(task):
        return task
    declared = {*settings.tasks, *settings.extractions, *settings.generations}
    with open_existing(place) as database:
        sums = list(stream_sums(database, CallFilter(task=task)))
    named = {one.task for one in sums if one.task is not None}
    return whole_name(task, declared | named | {one.fingerprint for one in sums})


def read_inputs(
    task: str,
    file: Path | None,
    column: list[str] | None,
    encoding: str,
    place: str | Path,
    redaction: RedactionSettings,
    *,
    to_ask: str | None = None,
    has_teacher: bool = True,
    since: float | None = None,
) -> Given:
    """Return the inputs of a file, else those of recorded calls.

    Args:
        task: Name of the task.
        file: The file, if one was given.
        column: What ``--column`` says of it.
        encoding: What ``--encoding`` says of it.
        place: The store of recorded calls.
        redaction: What is taken out of recorded calls, also of those that are older than it is: a
            student takes it out of all that it is asked.
        to_ask: Who is to be asked about the file's inputs, if somebody is; there is a note on those
            that came with an answer.
        has_teacher: Whether a teacher may be asked, so that it matters what recorded calls told
            theirs.
        since: Recorded calls of before this moment, in seconds since 1970, are left out, as those
            are of which nobody knows when they were sent; by default none is.

    Raises:
        InputError: The file cannot be read or holds none; or there is no store, or none of its
            calls of this task has a whole answer.
        UsageError: A column or the encoding does not exist, or is named where there is no file, or
            a moment where there is one; or all inputs came with an answer, so that nobody would be
            asked.
    """
    if file is None:
        refuse_file_flags(column, encoding)
        return _recorded_inputs(task, place, redaction, has_teacher=has_teacher, since=since)
    if since is not None:
        raise UsageError("--since is about recorded calls, and a file is given: leave one out")
    given = _file_inputs(file, parse_columns(column or []), encoding)
    return mind_answers(given, to_ask) if to_ask else given


def mind_answers(given: Given, teacher: str) -> Given:
    """Return inputs that a teacher is to be asked about, with a note on those that have an answer.

    Recorded calls all have one, and are asked about for its probabilities.

    Args:
        given: The inputs.
        teacher: Who is to be asked.

    Raises:
        UsageError: All have one: nobody would be asked.
    """
    from locum.dataset import likely_answer

    answered = sum(likely_answer(example) is not None for example in given.examples)
    if not answered or not given.columns:
        return given
    column = given.columns.get("answer") or given.columns.get("soft_label", "answer")
    said = (
        f"{answered:,} of {len(given.examples):,} inputs came with an answer in column {column!r}, "
        f"which counts as the teacher's: {teacher} is not asked about them"
    )
    cure = f"where it is people's, say so: --column human={column}"
    if answered == len(given.examples):
        raise UsageError(
            f"{said}; {cure}; where it is the teacher's, there is nothing to buy: give the file to "
            "locum distill by --calls alone"
        )
    return given._replace(notes=[*given.notes, f"{said}; {cure}"])


def refuse_file_flags(column: list[str] | None, encoding: str) -> None:
    """Refuse what is said of a file where none was given.

    Raises:
        UsageError: A column is named, or an encoding other than the usual one.
    """
    said = f"--column {column[0]!r}" if column else f"--encoding {encoding!r}"
    if column or encoding.casefold() not in {"utf-8", "utf8"}:
        raise UsageError(f"{said} is about a file, and none is given: give one, or leave it out")


def _file_inputs(file: Path, columns: dict[str, str], encoding: str) -> Given:
    from locum.dataset import read_examples

    read = read_examples(file, columns, encoding)
    used = ", ".join(f"{kind} from {name!r}" for kind, name in read.columns.items())
    notes = [*read.skipped.describe(), *read.unread]
    return Given(read.examples, f"{file} ({used})", notes, columns=read.columns)


def _recorded_inputs(
    task: str,
    place: str | Path,
    redaction: RedactionSettings,
    *,
    has_teacher: bool,
    since: float | None,
) -> Given:
    """Return the inputs of recorded calls: those that name the task, or that an audit found."""
    from locum.audit import calls_of_task
    from locum.dataset import describe_placeholders, examples_of_calls
    from locum.redaction import Redactor
    from locum.store import CallFilter, CallStore, PromotionStore, ShadowStore
    from locum.traffic import redact_call

    redactor = Redactor(redaction)
    with open_existing(place) as database:
        store = CallStore(database)
        untimed = store.untimed()
        seen = RecordedCalls(untimed, timed=since is not None, has_teacher=has_teacher)
        chosen = seen.chosen(calls_of_task(database, task, CallFilter(since=since)))
        recorded = seen.counted(redact_call(call, redactor) for call in chosen)
        broken = ShadowStore(database).last_break(task)
        examples, skipped = examples_of_calls(recorded, store.deferred(), untimed, broken)
        is_promoted = PromotionStore(database).find(task) is not None
    moment = "" if since is None else f" since {show_moment(since)}"
    if not examples:
        raise InputError(
            f"no recorded call of task {task!r}{moment} has a whole answer ({skipped.total:,} have "
            "none): record some with locum gateway or locum import, see their tasks with locum "
            "calls, or give a file"
        )
    alone = f"learned from the recorded calls{moment} alone, as --since says"
    notes = [
        *skipped.describe(),
        *[alone] * bool(moment),
        *seen.describe(task, is_promoted=is_promoted),
        *describe_placeholders([example.text for example in examples], redactor),
        *describe_outdated(task, examples, broken),
    ]
    source = f"recorded calls{moment}"
    return Given(examples, source, notes, seen.teacher, seen.schema, seen.instruction)


def _describe_left_out(answers: Mapping[str, int]) -> list[str]:
    """Return what there is to say of answers that are no label, as they are of several lines."""
    if not answers:
        return []
    [first, *_], count = answers, sum(answers.values())
    said = "answers are" if count > 1 else "answer is"
    shown = first[:_SHOWN_CHARACTERS]
    return [f"{count:,} {said} of several lines, such as {shown!r}, and a label is one line"]


def describe_told(instruction: str) -> str:
    """Say that a teacher is told what the recorded calls told theirs."""
    shown = " ".join(instruction.split())[:_SHOWN_CHARACTERS]
    return (
        f"the teacher is told what more than half of the recorded calls say, {shown!r}: "
        "--instruction says otherwise"
    )


def declare_task(
    name: str, settings: Settings, labels: str | None, instruction: str | None, given: Given
) -> Declared:
    """Return the task as the flags say, else as ``locum.toml`` says, else as the calls show.

    Raises:
        UsageError: It answers otherwise than with labels, or a value cannot be used.
        InputError: The answers are no closed label set.
    """
    from locum.dataset import infer_labels, likely_answer
    from locum.schema import Task

    other = {
        **dict.fromkeys(settings.extractions, "in JSON"),
        **dict.fromkeys(settings.generations, "in free text"),
    }
    if name in other:
        raise UsageError(
            f"task {name!r} answers {other[name]}, and this takes tasks that answer with labels: "
            "only locum distill and locum predict know both"
        )
    task, notes = settings.tasks.get(name), list[str]()
    chosen = tuple(label.strip() for label in labels.split(",")) if labels is not None else None
    if task is not None and chosen is not None:
        meanings = {label: task.descriptions.get(label, "") for label in chosen}
        shown = {text: label for text, label in task.examples.items() if label in chosen}
        task = replace(task, labels=chosen, descriptions=meanings, examples=shown)
    elif chosen is not None:
        task = Task(name, chosen)
    elif task is None:
        found = [answer for e in given.examples if (answer := likely_answer(e))]
        inferred = infer_labels(found)
        task = Task(name, inferred.labels)
        notes = [f"{other!r} counts as {label!r}" for other, label in inferred.merged.items()]
        notes += _describe_left_out(inferred.left_out)
        if settings.tasks:
            declared = ", ".join(settings.tasks)
            notes.append(
                f"the settings declare no task {name!r} (declared: {declared}): its labels are "
                "those of the answers"
            )
    if not instruction and task.instruction == Task.instruction and given.instruction:
        instruction = given.instruction
        notes.append(describe_told(instruction))
    return Declared(replace(task, instruction=instruction) if instruction else task, notes)
