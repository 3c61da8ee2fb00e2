"""Nodes of a syntax tree, without the comments between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ast_grep_py import SgNode

__all__ = ["COMMENTS", "children_of", "name_text"]

COMMENTS = frozenset({"comment", "line_comment", "block_comment"})
# A heredoc's text stands wherever its line ends, in the midst of other things.
_NO_CODE = COMMENTS | {"heredoc_body"}


def children_of(node: SgNode | None) -> list[SgNode]:
    """Return the named children of a node that are code; none where there is no node."""
    if node is None:
        return []
    return [child for child in node.named_children() if child.kind() not in _NO_CODE]


def name_text(node: SgNode | None) -> str:
    """Return the text of a node; empty where there is none."""
    return "" if node is None else node.text()
