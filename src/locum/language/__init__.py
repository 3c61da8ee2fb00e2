"""Language models: a causal student trained on texts and on a teacher's token distributions.

Everything here needs ``pip install 'locum[lm]'``; torch is imported where it is used.
"""

from locum.language.cached_teacher import CachedTeacher, fill_cache
from locum.language.distill import LanguageDistillation, Mode, distill_language_model
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
from locum.language.layers import block_influence, drop_layers, most_influential
from locum.language.origin import Origin
from locum.language.packing import Packed, pack
from locum.language.server_teacher import ServerTeacher
from locum.language.settings import LanguageLoss, LanguageSettings
from locum.language.teachers import ModelTeacher, TokenTeacher
from locum.language.training import LanguageTraining, train_language_model
from locum.language.width import Importance, measure_importance, prune_width

__all__ = [
    "CachedTeacher",
    "DistributionCache",
    "Document",
    "Drawn",
    "DrawnTokens",
    "Importance",
    "LanguageDistillation",
    "LanguageLoss",
    "LanguageSettings",
    "LanguageTraining",
    "Listed",
    "Mode",
    "ModelTeacher",
    "Origin",
    "Packed",
    "ServerTeacher",
    "TokenTeacher",
    "TopTokens",
    "TrainingStep",
    "block_influence",
    "conversation",
    "distill_language_model",
    "drop_layers",
    "end_token",
    "fill_cache",
    "list_tokens",
    "measure_importance",
    "most_influential",
    "pack",
    "passage",
    "prompted",
    "prune_width",
    "read_documents",
    "train_language_model",
]
