"""``locum.toml``: the tasks of a project."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from locum.errors import UsageError
from locum.schema import Task

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["CONFIG_FILE", "RedactionSettings", "load_task", "load_tasks"]

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


class _TaskSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    instruction: str = "Classify the text."
    labels: Annotated[dict[str, str] | list[str], Field(description="names, or name = meaning")]
    examples: dict[str, str] = {}


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    tasks: dict[str, _TaskSettings] = {}


def load_tasks(path: Path) -> dict[str, Task]:
    """Return the tasks that a ``locum.toml`` declares, by name.

    Raises:
        UsageError: The file is missing, is not TOML, or holds something unexpected.
    """
    try:
        settings = _Settings.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path}: {where}: {first['msg']}") from None
    return {name: _to_task(name, declared) for name, declared in settings.tasks.items()}


def load_task(path: Path, name: str) -> Task:
    """Return one task of a ``locum.toml``.

    Raises:
        UsageError: As `load_tasks`, or the file declares no task of that name.
    """
    tasks = load_tasks(path)
    if name not in tasks:
        declared = ", ".join(tasks) or "none"
        raise UsageError(f"{path} declares no task {name!r} (declared: {declared})")
    return tasks[name]


def _to_task(name: str, declared: _TaskSettings) -> Task:
    meanings = declared.labels if isinstance(declared.labels, dict) else {}
    return Task(
        name=name,
        labels=tuple(declared.labels),
        instruction=declared.instruction,
        descriptions=meanings,
        examples=declared.examples,
    )
