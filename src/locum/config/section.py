"""A table of ``locum.toml``: strict, so that nothing in it is passed over unread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

__all__ = ["Count", "Seconds", "Section", "Variable", "describe_fault"]

_NOT_SHOWN = {"missing", "model_type", "dict_type"}

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0)]
# The name of an environment variable.
Variable = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def describe_fault(section: type[Section], error: ValidationError) -> str:
    """Return the first fault of a section's tables, and where it is.

    A name that its dots have divided comes before what its table lacks for that reason. A value is
    shown where it is one of a known key and no table: others may be secrets.

    Args:
        section: What was to be read.
        error: Why it could not be.
    """
    faults = error.errors()
    first = next((one for one in faults if _is_divided_name(section, one)), faults[0])
    *tables, key = where = first["loc"]
    place, value = ".".join(map(str, where)), first["input"]
    if first["type"] == "extra_forbidden":
        told = f"{place}: no such key: expected one of {', '.join(_known_keys(section, tables))}"
        if not _is_divided_name(section, first):
            return told
        *above, name = map(str, tables)
        return f'{told}; quote a name that holds a dot: [{".".join(above)}."{name}.{key}"]'
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] in _NOT_SHOWN or isinstance(value, dict | list):
        return f"{place}: {message}"
    return f"{place}: {message} (got {value!r})"


def _is_divided_name(section: type[Section], fault: ErrorDetails) -> bool:
    """Tell whether a fault is a table in one whose name the file chose, and not this program."""
    *tables, _ = fault["loc"]
    is_table = fault["type"] == "extra_forbidden" and isinstance(fault["input"], dict)
    return is_table and bool(tables) and not hasattr(_at(section, tables[:-1]), "model_fields")


def _known_keys(section: type[Section], where: Sequence[int | str]) -> list[str]:
    """Return the keys that the table at a place may have."""
    return [str(key) for key in _fields(_at(section, where))]


def _at(section: type[Section], where: Sequence[int | str]) -> Any:  # noqa: ANN401 - a type hint
    """Return what stands at a place: a section, or the hint of a table of tables."""
    found: Any = section
    for part in where:
        # A table of tables holds the same under each name.
        found = _fields(found)[part] if hasattr(found, "model_fields") else get_args(found)[-1]
    return found


def _fields(section: type[Section]) -> dict[int | str, Any]:
    fields = section.model_fields.items()
    return {field.alias or name: field.annotation for name, field in fields}
