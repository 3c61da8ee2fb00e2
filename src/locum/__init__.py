"""Locum trains a small model to stand in for an expensive one, and proves where it may.

Names are imported when they are first used, so that ``import locum`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from locum.config import load_task as load_task
    from locum.distillation import Distillation as Distillation
    from locum.distillation import distill as distill
    from locum.errors import LocumError as LocumError
    from locum.export import CertifiedExtractor as CertifiedExtractor
    from locum.export import CertifiedStudent as CertifiedStudent
    from locum.export import load_artefact as load
    from locum.extraction import ExtractionDistillation as ExtractionDistillation
    from locum.extraction import distill_extraction as distill_extraction
    from locum.report import write_report as write_report
    from locum.schema import Example as Example
    from locum.schema import Extraction as Extraction
    from locum.schema import Prediction as Prediction
    from locum.schema import Task as Task
    from locum.shapes import ExtractionTask as ExtractionTask
    from locum.teachers import AnswerFile as AnswerFile
    from locum.teachers import BatchTeacher as BatchTeacher
    from locum.teachers import Budget as Budget
    from locum.teachers import ChatTeacher as ChatTeacher
    from locum.teachers import FunctionTeacher as FunctionTeacher
    from locum.teachers import LocalTeacher as LocalTeacher
    from locum.teachers import MessagesTeacher as MessagesTeacher
    from locum.teachers import Panel as Panel
    from locum.teachers import Votes as Votes
    from locum.training import DistilledClassifier as DistilledClassifier
    from locum.training import distill_module as distill_module

_HOMES = {
    "AnswerFile": ("locum.teachers", "AnswerFile"),
    "BatchTeacher": ("locum.teachers", "BatchTeacher"),
    "Budget": ("locum.teachers", "Budget"),
    "CertifiedExtractor": ("locum.export", "CertifiedExtractor"),
    "CertifiedStudent": ("locum.export", "CertifiedStudent"),
    "ChatTeacher": ("locum.teachers", "ChatTeacher"),
    "Distillation": ("locum.distillation", "Distillation"),
    "DistilledClassifier": ("locum.training", "DistilledClassifier"),
    "Example": ("locum.schema", "Example"),
    "Extraction": ("locum.schema", "Extraction"),
    "ExtractionDistillation": ("locum.extraction", "ExtractionDistillation"),
    "ExtractionTask": ("locum.shapes", "ExtractionTask"),
    "FunctionTeacher": ("locum.teachers", "FunctionTeacher"),
    "LocalTeacher": ("locum.teachers", "LocalTeacher"),
    "LocumError": ("locum.errors", "LocumError"),
    "MessagesTeacher": ("locum.teachers", "MessagesTeacher"),
    "Panel": ("locum.teachers", "Panel"),
    "Prediction": ("locum.schema", "Prediction"),
    "Task": ("locum.schema", "Task"),
    "Votes": ("locum.teachers", "Votes"),
    "distill": ("locum.distillation", "distill"),
    "distill_extraction": ("locum.extraction", "distill_extraction"),
    "distill_module": ("locum.training", "distill_module"),
    "load": ("locum.export", "load_artefact"),
    "load_task": ("locum.config", "load_task"),
    "write_report": ("locum.report", "write_report"),
}

__all__ = [
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


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    if name not in _HOMES:
        raise AttributeError(f"module 'locum' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return __all__
