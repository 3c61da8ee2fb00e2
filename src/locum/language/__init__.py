"""Language models: a causal student trained on texts and on a teacher's token distributions.

Everything here needs ``pip install 'locum[lm]'``. Names are imported when they are first used, so
that torch is loaded by those who need it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from locum.language.adapters import merged as merged
    from locum.language.adapters import with_adapters as with_adapters
    from locum.language.aligned_teacher import AlignedTeacher as AlignedTeacher
    from locum.language.cached_teacher import CachedTeacher as CachedTeacher
    from locum.language.cached_teacher import fill_cache as fill_cache
    from locum.language.distill import LanguageDistillation as LanguageDistillation
    from locum.language.distill import distill_language_model as distill_language_model
    from locum.language.distribution_cache import DistributionCache as DistributionCache
    from locum.language.distributions import Drawn as Drawn
    from locum.language.distributions import DrawnTokens as DrawnTokens
    from locum.language.distributions import Listed as Listed
    from locum.language.distributions import TopTokens as TopTokens
    from locum.language.distributions import list_tokens as list_tokens
    from locum.language.documents import Document as Document
    from locum.language.documents import conversation as conversation
    from locum.language.documents import end_token as end_token
    from locum.language.documents import passage as passage
    from locum.language.documents import prompted as prompted
    from locum.language.documents import read_documents as read_documents
    from locum.language.export import GgufType as GgufType
    from locum.language.export import save_folder as save_folder
    from locum.language.export import save_gguf as save_gguf
    from locum.language.history import TrainingStep as TrainingStep
    from locum.language.layers import block_influence as block_influence
    from locum.language.layers import drop_layers as drop_layers
    from locum.language.layers import most_influential as most_influential
    from locum.language.measuring import cross_entropy as cross_entropy
    from locum.language.origin import Origin as Origin
    from locum.language.packing import Packed as Packed
    from locum.language.packing import pack as pack
    from locum.language.plain import as_plain as as_plain
    from locum.language.projected_teacher import ProjectedTeacher as ProjectedTeacher
    from locum.language.server_teacher import ServerTeacher as ServerTeacher
    from locum.language.settings import LanguageLoss as LanguageLoss
    from locum.language.settings import LanguageSettings as LanguageSettings
    from locum.language.settings import Mode as Mode
    from locum.language.teachers import ModelTeacher as ModelTeacher
    from locum.language.teachers import TokenTeacher as TokenTeacher
    from locum.language.training import LanguageTraining as LanguageTraining
    from locum.language.training import train_language_model as train_language_model
    from locum.language.vocabularies import SharedVocabulary as SharedVocabulary
    from locum.language.vocabularies import shared_vocabulary as shared_vocabulary
    from locum.language.width import Importance as Importance
    from locum.language.width import measure_importance as measure_importance
    from locum.language.width import prune_width as prune_width

_HOMES = {
    "AlignedTeacher": "aligned_teacher",
    "CachedTeacher": "cached_teacher",
    "DistributionCache": "distribution_cache",
    "Document": "documents",
    "Drawn": "distributions",
    "DrawnTokens": "distributions",
    "GgufType": "export",
    "Importance": "width",
    "LanguageDistillation": "distill",
    "LanguageLoss": "settings",
    "LanguageSettings": "settings",
    "LanguageTraining": "training",
    "Listed": "distributions",
    "Mode": "settings",
    "ModelTeacher": "teachers",
    "Origin": "origin",
    "Packed": "packing",
    "ProjectedTeacher": "projected_teacher",
    "ServerTeacher": "server_teacher",
    "SharedVocabulary": "vocabularies",
    "TokenTeacher": "teachers",
    "TopTokens": "distributions",
    "TrainingStep": "history",
    "as_plain": "plain",
    "block_influence": "layers",
    "conversation": "documents",
    "cross_entropy": "measuring",
    "distill_language_model": "distill",
    "drop_layers": "layers",
    "end_token": "documents",
    "fill_cache": "cached_teacher",
    "list_tokens": "distributions",
    "measure_importance": "width",
    "merged": "adapters",
    "most_influential": "layers",
    "pack": "packing",
    "passage": "documents",
    "prompted": "documents",
    "prune_width": "width",
    "read_documents": "documents",
    "save_folder": "export",
    "save_gguf": "export",
    "shared_vocabulary": "vocabularies",
    "train_language_model": "training",
    "with_adapters": "adapters",
}

__all__ = [
    "AlignedTeacher",
    "CachedTeacher",
    "DistributionCache",
    "Document",
    "Drawn",
    "DrawnTokens",
    "GgufType",
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
    "ProjectedTeacher",
    "ServerTeacher",
    "SharedVocabulary",
    "TokenTeacher",
    "TopTokens",
    "TrainingStep",
    "as_plain",
    "block_influence",
    "conversation",
    "cross_entropy",
    "distill_language_model",
    "drop_layers",
    "end_token",
    "fill_cache",
    "list_tokens",
    "measure_importance",
    "merged",
    "most_influential",
    "pack",
    "passage",
    "prompted",
    "prune_width",
    "read_documents",
    "save_folder",
    "save_gguf",
    "shared_vocabulary",
    "train_language_model",
    "with_adapters",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
