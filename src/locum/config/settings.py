"""All that ``locum.toml`` says."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import Field, ValidationError

from locum.config.gateway_settings import GatewaySettings
from locum.config.section import Section, describe_fault
from locum.config.teacher_settings import TeacherSettings
from locum.errors import UsageError
from locum.schema import GenerationTask, OwnPrice, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CONFIG_FILE",
    "ExtractionSettings",
    "GenerationSettings",
    "RedactionSettings",
    "Settings",
    "StoreSettings",
    "StudentSettings",
    "load_settings",
    "load_task",
]

CONFIG_FILE = "locum.toml"


@dataclass(frozen=True)
class RedactionSettings:
    """What is taken out of calls before they reach the disk; credentials always are.

    Args:
        off: Kinds of personal data that are left in.
        patterns: Regular expressions of one's own, by the name of their placeholder.
    """

    off: frozenset[str] = frozenset()
    patterns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ExtractionSettings:
    """A task whose answers are JSON: ``[tasks.NAME]`` with a ``schema``.

    Args:
        schema: JSON file, or ``module:Class`` of a pydantic model.
        folder: Where a relative path begins.
        instruction: What the teacher is asked to do; ``None`` where that is not said.
        leave_out: Fields that the student's answers need not have.
    """

    schema: str
    folder: Path
    instruction: str | None = None
    leave_out: tuple[str, ...] = ()


class GenerationSettings(NamedTuple):
    """A task whose answers are free text: ``[tasks.NAME]`` with neither labels nor a schema.

    Args:
        task: The task.
        accept: When a student's answer is as good as the teacher's; ``None`` where that is not
            said.
    """

    task: GenerationTask
    accept: str | None = None


class StoreSettings(Section):
    """Where calls are kept: ``[store]``.

    Args:
        url: ``postgresql://...``, or a path of a SQLite file, which begins at the folder of the
            settings; by default a file in the home.
    """

    url: Annotated[str, Field(min_length=1)] | None = None


class StudentSettings(Section):
    """What students are made from: ``[students]``.

    Args:
        encoder: Folder or hub name of a sentence encoder; by default a small English one.
        embeddings: Folder or hub name of static token embeddings; by default they are distilled
            from the encoder.
        model: Folder or hub name of a causal language model, from which students are made that
            write.
        write_through: What computes what those write: ``llama.cpp``, or the URL of a server; by
            default the process that asks.
    """

    encoder: str | None = None
    embeddings: str | None = None
    model: str | None = None
    write_through: str | None = None


class _Price(Section):
    input: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    output: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    cached_input: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class _Redaction(Section):
    off: list[str] = []
    patterns: dict[str, str] = {}


class _TaskSettings(Section):
    instruction: str | None = None
    labels: dict[str, str] | list[str] | None = None
    answers: str | None = Field(None, alias="schema")
    leave_out: list[str] = []
    accept: str | None = None
    examples: dict[str, str] = {}


class _File(Section):
    tasks: dict[str, _TaskSettings] = {}
    teachers: dict[str, TeacherSettings] = {}
    prices: dict[str, _Price] = {}
    gateway: GatewaySettings = GatewaySettings()
    store: StoreSettings = StoreSettings()
    students: StudentSettings = StudentSettings()
    redaction: _Redaction = _Redaction()


@dataclass(frozen=True)
class Settings:
    """All that a ``locum.toml`` says; ``prices`` are by model."""

    tasks: Mapping[str, Task] = field(default_factory=dict)
    extractions: Mapping[str, ExtractionSettings] = field(default_factory=dict)
    generations: Mapping[str, GenerationSettings] = field(default_factory=dict)
    teachers: Mapping[str, TeacherSettings] = field(default_factory=dict)
    prices: Mapping[str, OwnPrice] = field(default_factory=dict)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    students: StudentSettings = field(default_factory=StudentSettings)
    redaction: RedactionSettings = field(default_factory=RedactionSettings)


def load_settings(path: Path) -> Settings:
    """Return what a ``locum.toml`` says.

    Raises:
        UsageError: The file is missing, is not TOML, or holds something unexpected.
    """
    try:
        file = _File.model_validate(tomllib.loads(path.read_text("utf-8-sig")))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise UsageError(f"{path}: {describe_fault(_File, error)}") from None
    except (ValueError, RecursionError) as error:  # also of numbers and nesting without end
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    return Settings(
        tasks={
            name: _to_task(path, name, declared)
            for name, declared in file.tasks.items()
            if declared.labels is not None and declared.answers is None
        },
        extractions={
            name: _to_extraction(path, name, declared)
            for name, declared in file.tasks.items()
            if declared.answers is not None
        },
        generations={
            name: _to_generation(path, name, declared)
            for name, declared in file.tasks.items()
            if declared.answers is None and declared.labels is None
        },
        teachers=file.teachers,
        prices={
            model: OwnPrice(price.input, price.output, price.cached_input)
            for model, price in file.prices.items()
        },
        gateway=file.gateway,
        store=_to_store(path, file.store),
        students=file.students,
        redaction=RedactionSettings(frozenset(file.redaction.off), file.redaction.patterns),
    )


def load_task(path: str | Path, name: str) -> Task:
    """Return one task of a ``locum.toml``.

    Raises:
        UsageError: As `load_settings`, or the file declares no task of that name.
    """
    tasks = load_settings(Path(path)).tasks
    if name not in tasks:
        declared = ", ".join(tasks) or "none"
        raise UsageError(f"{path} declares no task {name!r} (declared: {declared})")
    return tasks[name]


def _to_store(path: Path, declared: StoreSettings) -> StoreSettings:
    if declared.url is None or "://" in declared.url:
        return declared
    return StoreSettings(url=str(path.parent / declared.url))


def _to_task(path: Path, name: str, declared: _TaskSettings) -> Task:
    if declared.leave_out or declared.accept:
        raise UsageError(
            f"{path}: tasks.{name}: expected leave_out with a schema alone, and accept with "
            "neither labels nor a schema"
        )
    labels = declared.labels or []
    meanings = labels if isinstance(labels, dict) else {}
    return Task(
        name=name,
        labels=tuple(labels),
        instruction=declared.instruction or Task.instruction,
        descriptions=meanings,
        examples=declared.examples,
    )


def _to_extraction(path: Path, name: str, declared: _TaskSettings) -> ExtractionSettings:
    if declared.labels is not None or declared.examples or declared.accept:
        raise UsageError(
            f"{path}: tasks.{name}: a task with a schema has neither labels nor examples, nor "
            "accept"
        )
    return ExtractionSettings(
        declared.answers or "", path.parent, declared.instruction, tuple(declared.leave_out)
    )


def _to_generation(path: Path, name: str, declared: _TaskSettings) -> GenerationSettings:
    if declared.leave_out or declared.examples:
        raise UsageError(
            f"{path}: tasks.{name}: expected labels with examples, or a schema with leave_out; a "
            "task with neither labels nor a schema answers in free text, and has none of these"
        )
    return GenerationSettings(GenerationTask(name, declared.instruction or ""), declared.accept)
