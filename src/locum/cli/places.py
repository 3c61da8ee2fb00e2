"""Where a project keeps its tasks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from locum.schema import check_name

if TYPE_CHECKING:
    from locum.schema import Task

__all__ = ["HOME_VARIABLE", "TaskFolder", "declared_task", "find_artefact", "task_folder"]

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
    """Return the folder of a student, given by its task's name or by its own path."""
    if os.sep in task or (os.altsep and os.altsep in task):
        return Path(task)
    return task_folder(task, home).student


def declared_task(name: str, config: Path | None) -> Task | None:
    """Return the task that ``locum.toml`` declares, if there is one.

    Raises:
        UsageError: ``config`` was given and does not declare it, or the file is broken.
    """
    from locum.config import CONFIG_FILE, load_task, load_tasks

    if config is not None:
        return load_task(config, name)
    default = Path(CONFIG_FILE)
    return load_tasks(default).get(name) if default.is_file() else None
