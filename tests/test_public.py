"""What ``import locum`` offers, and what it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import locum


def test_public_names_are_these() -> None:
    assert locum.__all__ == [
        "AnswerFile",
        "BatchTeacher",
        "Budget",
        "CertifiedExtractor",
        "CertifiedStudent",
        "ChatTeacher",
        "Distillation",
        "DistilledClassifier",
        "Example",
        "Extraction",
        "ExtractionDistillation",
        "ExtractionTask",
        "FunctionTeacher",
        "LocalTeacher",
        "LocumError",
        "MessagesTeacher",
        "Panel",
        "Prediction",
        "Task",
        "Votes",
        "distill",
        "distill_extraction",
        "distill_module",
        "load",
        "load_task",
        "write_report",
    ]


def test_every_public_name_can_be_had() -> None:
    assert all(getattr(locum, name) is not None for name in locum.__all__)
    assert dir(locum) == locum.__all__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = locum.nonsense


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import locum", {"numpy", "scipy", "pydantic", "aiohttp", "rich", "typer"}),
        ("import locum.cli", {"numpy", "scipy", "pydantic", "aiohttp", "jinja2"}),
        ("import locum; locum.load", {"scipy", "aiohttp", "rich", "typer", "jinja2", "pygal"}),
    ],
)
def test_an_import_brings_no_heavy_module(statement: str, unwanted: set[str]) -> None:
    code = f"{statement}; import sys; print(*sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert unwanted & set(output.split()) == set()
