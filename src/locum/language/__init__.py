"""Language models: a causal student trained on texts and on a teacher's token distributions."""

from locum.language.documents import (
    Document,
    conversation,
    end_token,
    passage,
    prompted,
    read_documents,
)
from locum.language.history import TrainingStep
from locum.language.packing import Packed, pack
from locum.language.settings import LanguageLoss, LanguageSettings
from locum.language.teachers import ModelTeacher, TokenTeacher
from locum.language.training import LanguageTraining, train_language_model

__all__ = [
    "Document",
    "LanguageLoss",
    "LanguageSettings",
    "LanguageTraining",
    "ModelTeacher",
    "Packed",
    "TokenTeacher",
    "TrainingStep",
    "conversation",
    "end_token",
    "pack",
    "passage",
    "prompted",
    "read_documents",
    "train_language_model",
]
