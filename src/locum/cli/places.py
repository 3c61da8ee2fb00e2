"""Where a project keeps its tasks."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import ArtefactError, InputError, UsageError
from locum.replacing import read_whole
from locum.schema import MANIFEST, check_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from locum.config import Settings
    from locum.store import Database

__all__ = [
    "HOME_VARIABLE",
    "TaskFolder",
    "begins_fingerprint",
    "find_artefact",
    "open_existing",
    "open_store",
    "parse_columns",
    "project_settings",
    "store_place",
    "students_folder",
    "task_folder",
    "whole_name",
]

HOME_VARIABLE = "LOCUM_HOME"
_DEFAULT_HOME = Path(".locum")
_STORE = "locum.sqlite"
# No task can have this name.
_PROMOTED = ".promoted"
_FINGERPRINT = re.compile("[0-9a-f]{12}")
_BEGINNING = re.compile("[0-9a-f]{6,11}")


class TaskFolder(NamedTuple):
    """The files of one task.

    Args:
        student: The artefact.
        report: The report.
        refreshed: That of a refresh which promoted nothing, so that the student is another's.
        synthetic: Inputs that a model wrote.
        models: Weights that servers of others are to have.
    """

    student: Path
    report: Path
    refreshed: Path
    synthetic: Path
    models: Path


def task_folder(name: str, home: Path | None) -> TaskFolder:
    """Return where a task's files lie, in the home.

    Raises:
        UsageError: The name could lead elsewhere.
    """
    check_name(name)
    folder = _base(home) / name
    return TaskFolder(
        folder / "student",
        folder / "report.html",
        folder / "refresh.html",
        folder / "synthetic.jsonl",
        folder / "models",
    )


def begins_fingerprint(name: str) -> bool:
    """Tell whether a name could be the beginning of a fingerprint."""
    return _BEGINNING.fullmatch(name) is not None


def whole_name(name: str, known: Collection[str]) -> str:
    """Return the fingerprint that a name is the beginning of, else the name as it is.

    So the same calls are one task, however much of their fingerprint is given.

    Args:
        name: What was given.
        known: Fingerprints and other names; where the given one is among them, it stays.
    """
    if name in known or not begins_fingerprint(name):
        return name
    found = {one for one in known if one.startswith(name) and _FINGERPRINT.fullmatch(one)}
    return found.pop() if len(found) == 1 else name


def store_place(home: Path | None, settings: Settings) -> str | Path:
    """Return where calls and answers are kept: as the settings say, else in the home.

    Args:
        home: The home that was asked for.
        settings: Those of the project.
    """
    declared = settings.store.url
    if declared is None:
        return _base(home) / _STORE
    return declared if "://" in declared else Path(declared)


def students_folder(home: Path | None) -> Path:
    """Return where a gateway unpacks promoted students, in the home."""
    return _base(home).resolve() / _PROMOTED


def open_existing(place: str | Path, *, to_read: bool = False) -> Database:
    """Open the store to use what is in it; none is made.

    Args:
        place: Where it is.
        to_read: Nothing is to be written, so that one that cannot be written will do.

    Raises:
        InputError: There is none, or it cannot be opened.
    """
    from locum.store import open_database

    if isinstance(place, Path) and not place.is_file():
        raise InputError(
            f"there is no store of calls at {place}: record some with locum gateway, or import "
            "some with locum import"
        )
    return open_database(place, to_read=to_read)


@contextmanager
def open_store(place: str | Path, *, dry_run: bool) -> Iterator[Database]:
    """Open the store, and make it when there is none.

    Args:
        place: Where it is.
        dry_run: Nothing is to be left behind: where there is none, an empty one is opened that is
            thrown away.

    Raises:
        InputError: It cannot be opened.
    """
    from locum.store import open_database

    with ExitStack() as stack:
        if dry_run and isinstance(place, Path) and not place.is_file():
            place = Path(stack.enter_context(TemporaryDirectory())) / _STORE
        yield stack.enter_context(open_database(place))


def _base(home: Path | None) -> Path:
    """``--home``, else ``LOCUM_HOME``, else ``.locum``."""
    return home or Path(os.environ.get(HOME_VARIABLE) or _DEFAULT_HOME)


def find_artefact(task: str, home: Path | None) -> Path:
    """Return the folder of a student, given by its task's name or by a path to it.

    Raises:
        ArtefactError: There is none at any of the places.
        UsageError: The name could lead elsewhere.
    """
    is_path = os.sep in task or bool(os.altsep and os.altsep in task)
    by_name = [] if is_path else [task_folder(_name_at(task, home), home).student]
    places = [*by_name, Path(task), Path(task) / "student"]
    for place in places:
        if read_whole(place, _holds_student):
            return place
    tried = ", ".join(map(str, places))
    raise ArtefactError(
        f"there is no student {task!r} (looked in {tried}): distil the task first, or give the "
        "folder of a student"
    )


def _holds_student(folder: Path) -> bool:
    return (folder / MANIFEST).is_file()


def _name_at(task: str, home: Path | None) -> str:
    """The name that a task's folder has."""
    base = _base(home)
    if not begins_fingerprint(task) or not base.is_dir():
        return task
    return whole_name(task, [one.name for one in base.iterdir()])


def project_settings(config: Path | None) -> Settings:
    """Return what ``config`` says, else what ``./locum.toml`` says, if there is one.

    Raises:
        UsageError: ``config`` was given and is missing, or the file is broken, or no file: such as
            a link to nothing, or the folder that Docker makes where a file to mount is missing.
    """
    from locum.config import CONFIG_FILE, RedactionSettings, Settings, load_settings

    path = config or Path(CONFIG_FILE)
    if config is None and not _is_there(path):
        return Settings()
    settings = load_settings(path)
    if settings.redaction != RedactionSettings():
        # Loaded where somebody has settings of their own alone.
        from locum.redaction import Redactor

        try:
            Redactor(settings.redaction)
        except UsageError as error:
            raise UsageError(f"{path}: redaction: {error}") from None
    return settings


def _is_there(path: Path) -> bool:
    """Whether something has this name, be it no file, or where nobody can look."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


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
