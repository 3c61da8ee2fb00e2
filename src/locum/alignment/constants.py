"""Constants by which a teacher says that there is nothing: an empty text, ``N/A``, ``-1``."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from locum.alignment.evidence import shares_read
from locum.alignment.leaf_values import value_key
from locum.alignment.places import TextPlaces
from locum.alignment.tokens import tokenize
from locum.schema import is_placeholder
from locum.shapes.shape import ITEM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.alignment.evidence import FieldEvidence, SeenValue
    from locum.shapes.shape import JsonScalar

__all__ = ["find_constant", "is_blank", "show_constant"]

_LEAST_SHARE, _LEAST_TIMES = 0.02, 5
_MOST_TRIED = 50  # places of a constant


def find_constant(field: FieldEvidence, texts: Sequence[str]) -> JsonScalar:
    """Return the value that a field has where its text holds none; ``None`` where there is no such.

    It is an empty text, however rare; else the most frequent of those that mostly do not stand in
    their text, in no spelling and by no normaliser, and make up at least a fiftieth of the field's
    values. What redaction put in a value's place says that there is one.

    Args:
        field: What was seen of it.
        texts: What the teacher was asked about.
    """
    if field.path[-1] == ITEM:  # what says nothing in a list is not in it
        return None
    missed = [
        seen
        for seen in field.seen
        if seen.fits and not seen.copied and not is_placeholder(seen.value)
    ]
    blank = next((seen.value for seen in missed if is_blank(seen.value)), None)
    if blank is not None:
        return blank
    least = max(_LEAST_TIMES, _LEAST_SHARE * len(field.seen))
    for key, times in Counter(value_key(seen.value) for seen in missed).most_common():
        if times < least:
            return None
        own = [seen for seen in field.seen if value_key(seen.value) == key]
        if not _stands(field, own, texts):
            return own[0].value
    return None


def show_constant(constant: JsonScalar) -> str:
    """Return a constant as people read it, an empty text by its quotes."""
    return json.dumps(constant, ensure_ascii=False)


def is_blank(value: JsonScalar) -> bool:
    """Tell whether a value is a text of nothing, or of white space."""
    return isinstance(value, str) and not value.strip()


def _stands(field: FieldEvidence, own: Sequence[SeenValue], texts: Sequence[str]) -> bool:
    """Tell whether half of a value's occurrences or more can be read in their texts."""
    tried = own[:: -(-len(own) // _MOST_TRIED)]
    shares = shares_read([field._replace(seen=tuple(tried))], texts)[field.path]
    alike = sum(bool(_places(texts[seen.row]).copies(seen.value)) for seen in tried) / len(tried)
    return max(alike, *shares.values()) >= 0.5


def _places(text: str) -> TextPlaces:
    return TextPlaces(text, tokenize(text))
