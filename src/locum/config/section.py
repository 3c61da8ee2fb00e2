"""A table of ``locum.toml``: strict, so that nothing in it is passed over unread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import ValidationError

__all__ = ["Count", "Seconds", "Section", "describe_fault"]

_NOT_SHOWN = {"missing", "model_type", "dict_type"}

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0)]


class Section(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def describe_fault(section: type[Section], error: ValidationError) -> str:
    """Return the first fault of a section's tables, and where it is.

    A value is shown where it is one of a known key and no table: others may be secrets.

    Args:
        section: What was to be read.
        error: Why it could not be.
    """
    first = error.errors()[0]
    *tables, _ = where = first["loc"]
    place, value = ".".join(map(str, where)), first["input"]
    if first["type"] == "extra_forbidden":
        return f"{place}: no such key: expected one of {', '.join(_known_keys(section, tables))}"
    if first["type"] in _NOT_SHOWN or isinstance(value, dict | list):
        return f"{place}: {first['msg']}"
    return f"{place}: {first['msg']} (got {value!r})"


def _known_keys(section: type[Section], where: Sequence[int | str]) -> list[str]:
    """Return the keys that the table at a place may have."""
    found: Any = section
    for part in where:
        # A table of tables holds the same under each name.
        found = _fields(found)[part] if hasattr(found, "model_fields") else get_args(found)[-1]
    return [str(key) for key in _fields(found)]


def _fields(section: type[Section]) -> dict[int | str, Any]:
    fields = section.model_fields.items()
    return {field.alias or name: field.annotation for name, field in fields}
