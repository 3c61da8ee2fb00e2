"""Language models that learn from larger ones.

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
    from locum.language.export import GgufType as GgufType
    from locum.language.export import save_folder as save_folder
    from locum.language.export import save_gguf as save_gguf
    from locum.language.layers import block_influence as block_influence
    from locum.language.layers import drop_layers as drop_layers
    from locum.language.layers import most_influential as most_influential
    from locum.language.plain import as_plain as as_plain
    from locum.language.vocabularies import SharedVocabulary as SharedVocabulary
    from locum.language.vocabularies import shared_vocabulary as shared_vocabulary
    from locum.language.width import Importance as Importance
    from locum.language.width import measure_importance as measure_importance
    from locum.language.width import prune_width as prune_width

_HOMES = {
    "AlignedTeacher": "aligned_teacher",
    "GgufType": "export",
    "Importance": "width",
    "SharedVocabulary": "vocabularies",
    "as_plain": "plain",
    "block_influence": "layers",
    "drop_layers": "layers",
    "measure_importance": "width",
    "merged": "adapters",
    "most_influential": "layers",
    "prune_width": "width",
    "save_folder": "export",
    "save_gguf": "export",
    "shared_vocabulary": "vocabularies",
    "with_adapters": "adapters",
}

__all__ = [
    "AlignedTeacher",
    "GgufType",
    "Importance",
    "SharedVocabulary",
    "as_plain",
    "block_influence",
    "drop_layers",
    "measure_importance",
    "merged",
    "most_influential",
    "prune_width",
    "save_folder",
    "save_gguf",
    "shared_vocabulary",
    "with_adapters",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
