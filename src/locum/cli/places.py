"""Where a project keeps its tasks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import ArtefactError, UsageError
from locum.schema import MANIFEST, check_name

if TYPE_CHECKING:
    from locum.schema import Task

__all__ = [
    "HOME_VARIABLE",
    "TaskFolder",
    "declared_task",
    "find_artefact",
    "parse_columns",
    "task_folder",
]

HOME_VARIABLE = "LOCUM_HOME"
_DEFAULT_HOME = Path(".locum")


class TaskFolder(NamedTuple):
    """The files of one task.

    Args:
        student: The artefact.
        report: The report.
        labels: The teacher's answers, shared by all tasks of the home.
    """

    student: Path
    report: Path
    labels: Path


def task_folder(name: str, home: Path | None) -> TaskFolder:
    """Return where a task's files lie: ``--home``, else ``LOCUM_HOME``, else ``.locum``.

    Raises:
        UsageError: The name could lead elsewhere.
    """
    check_name(name)
    base = home or Path(os.environ.get(HOME_VARIABLE) or _DEFAULT_HOME)
    return TaskFolder(base / name / "student", base / name / "report.html", base / "labels.sqlite")


def find_artefact(task: str, home: Path | None) -> Path:
    """Return the folder of a student, given by its task's name or by a path to it.

    Raises:
        ArtefactError: There is none at any of the places.
        UsageError: The name could lead elsewhere.
    """
    is_path = os.sep in task or bool(os.altsep and os.altsep in task)
    by_name = [] if is_path else [task_folder(task, home).student]
    places = [*by_name, Path(task), Path(task) / "student"]
    for place in places:
        if (place / MANIFEST).is_file():
            return place
    tried = ", ".join(map(str, places))
    raise ArtefactError(
        f"there is no student {task!r} (looked in {tried}): distil the task first, or give the "
        "folder of a student"
    )


def declared_task(name: str, config: Path | None) -> Task | None:
    """Return the task that ``config`` declares, else what ``./locum.toml`` says of it, if anything.

    Raises:
        UsageError: ``config`` was given and does not declare it, or the file is broken.
    """
    from locum.config import CONFIG_FILE, load_task, load_tasks

    if config is not None:
        return load_task(config, name)
    default = Path(CONFIG_FILE)
    return load_tasks(default).get(name) if default.is_file() else None


def parse_columns(given: list[str]) -> dict[str, str]:
    """Return what ``--column KIND=NAME`` options say.

    Raises:
        UsageError: One has another form.
    """
    columns = {}
    for pair in given:
        kind, equals, name = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--column {pair!r}: expected KIND=NAME, such as text=question")
        columns[kind.strip()] = name
    return columns
