"""Language models: a causal student trained on texts and on a teacher's token distributions."""

from locum.language.cached_teacher import CachedTeacher, fill_cache
from locum.language.distribution_cache import DistributionCache
from locum.language.distributions import Drawn, DrawnTokens, Listed, TopTokens, list_tokens
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
    "CachedTeacher",
    "DistributionCache",
    "Document",
    "Drawn",
    "DrawnTokens",
    "LanguageLoss",
    "LanguageSettings",
    "LanguageTraining",
    "Listed",
    "ModelTeacher",
    "Packed",
    "TokenTeacher",
    "TopTokens",
    "TrainingStep",
    "conversation",
    "end_token",
    "fill_cache",
    "list_tokens",
    "pack",
    "passage",
    "prompted",
    "read_documents",
    "train_language_model",
]
