"""What ``locum distill`` does for tasks whose answers are JSON."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from locum.cli.task_inputs import describe_told
from locum.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.cli.task_inputs import Given
    from locum.config import Settings
    from locum.schema import Example
    from locum.shapes import ExtractionTask

__all__ = [
    "DeclaredExtraction",
    "ExtractionFlags",
    "find_extraction",
    "refuse_for_json",
    "refuse_for_labels",
]
_FEWEST_OBJECTS = 0.5


class ExtractionFlags(NamedTuple):
    """What the command line says of an extraction task."""

    schema: str | None
    leave_out: tuple[str, ...]
    instruction: str | None


class DeclaredExtraction(NamedTuple):
    """A task, and what should be known of how it was found."""

    task: ExtractionTask
    notes: list[str]


def find_extraction(
    name: str, flags: ExtractionFlags, settings: Settings, given: Given, *, has_labels: bool
) -> DeclaredExtraction | None:
    """Return the task whose answers are JSON; ``None`` where they are labels.

    Its schema is that of the flags, else of ``locum.toml``, else the one that most of the recorded
    calls asked for, else what the answers share, where most of them are JSON objects. Lists of them
    are refused there, with what to ask for.

    Args:
        name: Of the task.
        flags: Of the command line.
        settings: Of ``locum.toml``.
        given: The inputs.
        has_labels: Whether the command line or the settings name labels.

    Raises:
        UsageError: A schema cannot be used, or fields are to be left out of labels.
    """
    from locum.shapes import ExtractionTask, load_schema

    declared = settings.extractions.get(name)
    notes: list[str] = []
    if flags.schema is not None or declared is not None:
        # A schema may be a class of a module in this folder; what is installed counts first.
        sys.path.append(str(Path.cwd()))
    if flags.schema is not None:
        schema = load_schema(flags.schema)
    elif declared is not None:
        schema = load_schema(declared.schema, declared.folder)
    elif not has_labels and _are_objects(given.examples):
        schema, notes = _inferred(given)
    elif flags.leave_out:
        raise UsageError("--leave-out is for answers in JSON, and these are labels")
    else:
        return None
    instruction = flags.instruction or (declared.instruction if declared else None)
    if not instruction and given.instruction:
        instruction = given.instruction
        notes = [*notes, describe_told(instruction)]
    left_out = flags.leave_out or (declared.leave_out if declared else ())
    told = {"instruction": instruction} if instruction else {}
    return DeclaredExtraction(ExtractionTask(name, schema, leave_out=left_out, **told), notes)


def _are_objects(examples: Sequence[Example]) -> bool:
    from locum.traffic.json_objects import count_listed, find_object

    answers = [example.answer for example in examples if example.answer is not None]
    found = 0
    for answer in answers:
        try:
            found += count_listed(answer) is not None or bool(find_object(answer).value)
        except ValueError:
            continue
    return found > _FEWEST_OBJECTS * len(answers)


def _inferred(given: Given) -> tuple[dict[str, object], list[str]]:
    """Return the schema that recorded calls asked for, else the one that the answers share."""
    if given.schema is not None:
        return given.schema, ["the schema is that of the recorded calls"]
    from locum.extraction import schema_of_answers

    answers = [example.answer for example in given.examples if example.answer is not None]
    found = schema_of_answers(answers)
    shown = ", ".join(found.schema["properties"])
    note = (
        f"the schema was inferred from {len(answers):,} answers ({shown}): --schema gives another"
    )
    return found.schema, [note, *found.notes]


def refuse_for_json(embeddings: str | None, labels: str | None, *, synthetic: bool) -> None:
    """Refuse options that change nothing where answers are JSON.

    Raises:
        UsageError: One was given.
    """
    given = {
        "--embeddings": embeddings is not None,
        "--labels": labels is not None,
        "--no-synthetic": not synthetic,
    }
    wrong = [name for name, is_given in given.items() if is_given]
    if wrong:
        raise UsageError(f"{', '.join(wrong)} cannot be used where answers are JSON: leave it out")


def refuse_for_labels(*, partial: bool) -> None:
    """Refuse options that change nothing where answers are labels.

    Raises:
        UsageError: One was given.
    """
    if partial:
        raise UsageError("--partial is for answers in JSON, and these are labels: leave it out")
