"""From texts and a teacher to a smaller language model in a folder."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import orjson

from locum.errors import UsageError
from locum.language.asking import Asking, ask_before
from locum.language.origin import Origin, make_student
from locum.language.settings import LanguageSettings
from locum.language.texts import read_texts
from locum.teachers.pretrained import Pretrained

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from transformers import PreTrainedModel

    from locum.language.history import TrainingStep
    from locum.language.teachers import TokenTeacher
    from locum.language.texts import Texts

__all__ = ["LanguageDistillation", "distill_language_model"]
