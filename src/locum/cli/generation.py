"""What ``locum distill`` does for tasks whose answers are free text."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.cli.task_inputs import describe_told
from locum.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from locum.cli.task_inputs import Given
    from locum.config import Settings
    from locum.schema import GenerationTask
    from locum.store import Database
    from locum.teachers import Teacher

__all__ = ["DeclaredGeneration", "WriterFlags", "find_generation", "make_judge", "refuse_for_texts"]


class WriterFlags(NamedTuple):
    """What the command line says of a student that writes; ``None`` where it says nothing."""

    student_model: str | None = None
    accept: str | None = None
    judge: str | None = None
    judge_model: str | None = None
    write_through: str | None = None


class DeclaredGeneration(NamedTuple):
    """A task, and how its student is made and judged.

    Args:
        task: The task.
        student_model: What the student is before it is trained.
        accept: When its answers are accepted.
        write_through: What computes them; ``None`` for the process that asks.
        told: What a teacher is told before each input, where that is not the task's instruction.
        notes: What should be known of how the task was found.
    """

    task: GenerationTask
    student_model: str
    accept: str
    write_through: str | None
    told: str | None
    notes: list[str]

    @property
    def needs_encoder(self) -> bool:
        """Whether answers are compared by their embeddings."""
        from locum.writers import Acceptance

        return Acceptance(self.accept).needs_encoder


def make_judge(
    flags: WriterFlags,
    settings: Settings,
    database: Database | None,
    told: Callable[[str], None],
) -> Teacher | None:
    """Return the model that compares answers; ``None`` where none is named.

    Args:
        flags: Of the command line.
        settings: Of ``locum.toml``.
        database: The store; there is one where a judge is named.
        told: Is told how it goes on.

    Raises:
        UsageError: It cannot be made.
    """
    from locum.cli.teachers import TeacherFlags, make_teacher, require_model

    if flags.judge is None or database is None:
        return None
    require_model("judge", flags.judge, flags.judge_model)
    return make_teacher(TeacherFlags((flags.judge,), flags.judge_model), settings, database, told)


def find_generation(
    name: str,
    flags: WriterFlags,
    instruction: str | None,
    settings: Settings,
    given: Given,
    *,
    has_others: bool,
    has_teacher: bool,
) -> DeclaredGeneration | None:
    """Return the task whose answers are free text; ``None`` where they are labels or JSON.

    Args:
        name: Of the task.
        flags: Of the command line.
        instruction: Likewise.
        settings: Of ``locum.toml``.
        given: The inputs.
        has_others: Whether the command line or the settings say that answers are labels or JSON.
        has_teacher: Whether there is a teacher to ask for what has no answer.

    Raises:
        UsageError: Answers are free text, and there is nothing to make a student from, or nothing
            says what the teacher is to write.
    """
    from locum.schema import GenerationTask
    from locum.writers import DEFAULT_RULE, Acceptance

    declared = settings.generations.get(name)
    is_asked_for = flags != WriterFlags()
    notes: list[str] = []
    if has_others:
        _refuse_given(flags)
        return None
    if declared is None and not is_asked_for:
        notes = _found_free_text(given)
        if not notes:
            return None
    model = flags.student_model or settings.students.model
    if model is None:
        found = notes[0] if notes else f"task {name!r} answers in free text"
        raise UsageError(
            f"{found}: a student that writes is made from a small language model, "
            "--student-model FOLDER_OR_HUB_NAME; or give --labels, or --schema, where the answers "
            "are no free text"
        )
    if flags.judge_model is not None and flags.judge is None:
        raise UsageError("--judge-model says which model of --judge is asked: add --judge URL")
    task = declared.task if declared else GenerationTask(name)
    if instruction is not None:
        task = GenerationTask(name, instruction)
    accept = flags.accept or (declared.accept if declared else None) or DEFAULT_RULE
    if Acceptance(accept).needs_judge and flags.judge is None:
        raise UsageError(
            f"rule {accept!r} asks a judge, and none is named: add --judge URL --judge-model NAME"
        )
    through = flags.write_through or settings.students.write_through
    is_told = not has_teacher or instruction is not None or bool(task.instruction)
    told = None if is_told else _told(name, given)
    notes += [describe_told(told)] if told else []
    return DeclaredGeneration(task, model, accept, through, told, notes)


def _told(name: str, given: Given) -> str | None:
    """What recorded calls told their teacher; ``None`` where no input is without an answer.

    Raises:
        UsageError: There are such inputs, and nothing is known.
    """
    open_ones = sum(example.answer is None or example.cut_off for example in given.examples)
    if not open_ones:
        return None
    if given.instruction is not None:
        return given.instruction
    raise UsageError(
        f"{open_ones:,} inputs of task {name!r} have no whole answer, and nothing says what the "
        "teacher is to write: add --instruction TEXT, as the application tells it, or "
        "--instruction '' where the inputs say all of it"
    )


def _found_free_text(given: Given) -> list[str]:
    """Say that answers are free text, in a sentence; nothing where they are not."""
    from locum.dataset import are_free_text

    answers = [example.answer for example in given.examples if example.answer is not None]
    if not answers or not are_free_text(answers):
        return []
    different = len(set(answers))
    return [
        f"the answers are free text, as {len(answers):,} of them hold {different:,} different ones"
    ]


def _refuse_given(flags: WriterFlags) -> None:
    given = {f"--{name.replace('_', '-')}": value for name, value in flags._asdict().items()}
    wrong = [name for name, value in given.items() if value is not None]
    if wrong:
        raise UsageError(
            f"{', '.join(wrong)} cannot be used where answers are labels or JSON: leave it out"
        )


def refuse_for_texts(given: dict[str, bool]) -> None:
    """Refuse options that change nothing where answers are free text.

    Args:
        given: Which were given.

    Raises:
        UsageError: One was given.
    """
    wrong = [name for name, is_given in given.items() if is_given]
    if wrong:
        raise UsageError(
            f"{', '.join(wrong)} cannot be used where answers are free text: leave it out"
        )
