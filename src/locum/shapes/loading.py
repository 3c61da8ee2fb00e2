"""JSON Schemas by name: a file, or a class in a module."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from locum.errors import UsageError
from locum.shapes.source import schema_of

__all__ = ["load_schema"]


def load_schema(name: str, folder: Path | None = None) -> dict[str, Any]:
    """Return the schema in a JSON file, or of a class such as a pydantic model.

    Args:
        name: Path of the file, or ``module:Class``.
        folder: Where a relative path begins; by default where the program runs.

    Raises:
        UsageError: There is no such file or class, or it tells no schema.
    """
    path = (folder or Path()) / name
    if path.is_file():
        try:
            return schema_of(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the schema {path} cannot be read: {error}") from None
    module, colon, attribute = name.partition(":")
    if not (colon and attribute) or path.suffix == ".json":
        raise UsageError(
            f"there is no schema {path}: expected a file that holds a JSON Schema, or module:Class "
            "of a pydantic model"
        )
    try:
        return schema_of(getattr(import_module(module), attribute))
    except (ImportError, AttributeError) as error:
        raise UsageError(f"the schema {name!r} cannot be had: {error}") from None
