"""JSON Schemas by name: a file, or a class in a module."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from locum.errors import UsageError
from locum.shapes.source import schema_of

__all__ = ["load_schema"]

_SHOWN = 100


def load_schema(name: str, folder: Path | None = None) -> dict[str, Any]:
    """Return the schema in a JSON file, or of a class such as a pydantic model.

    Args:
        name: Path of the file, or ``module:Class``, or the schema itself as JSON.
        folder: Where a relative path begins; by default where the program runs.

    Raises:
        UsageError: There is no such file or class, or it tells no schema.
    """
    if name.lstrip().startswith("{"):
        return schema_of(name)
    path = (folder or Path()) / name
    try:
        if path.is_file():
            return schema_of(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the schema {name[:_SHOWN]!r} cannot be read: {error}") from None
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    module, _, attribute = name.partition(":")
    if not (module and attribute) or module[0] == "." or path.suffix == ".json":
        raise UsageError(
            f"there is no schema {name[:_SHOWN]!r}: expected a file that holds a JSON Schema, or "
            "module:Class of a pydantic model"
        )
    return schema_of(_attribute(name, module, attribute))


def _attribute(name: str, module: str, attribute: str) -> object:
    try:
        found: object = getattr(import_module(module), attribute)
    except Exception as error:  # whatever a module outside Locum raises
        shown = f"{type(error).__name__}: {error}"
        raise UsageError(f"the schema {name[:_SHOWN]!r} cannot be had: {shown}") from error
    return found
