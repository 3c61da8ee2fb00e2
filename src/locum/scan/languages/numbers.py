"""Numbers as most languages write them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locum.scan.tree import Literal, Opaque

if TYPE_CHECKING:
    from ast_grep_py import SgNode

    from locum.scan.languages.lowering import Lowering
    from locum.scan.tree import Expression

__all__ = ["number"]

_SUFFIX = re.compile(r"(?<=[0-9.])[fFdDlLmMnuU]+$")


def number(low: Lowering, node: SgNode) -> Expression:
    """Return a number, with or without the suffix of its type."""
    del low
    text = node.text().replace("_", "")
    if not text.lower().startswith("0x"):
        text = _SUFFIX.sub("", text)
    try:
        return Literal(int(text, 0))
    except ValueError:
        pass
    try:
        return Literal(float(text))
    except ValueError:
        return Opaque([])
