"""Conditions, in whose arms names get values that others do not see."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locum.scan.branches import Arm
from locum.scan.languages.lowering import span_of
from locum.scan.languages.nodes import children_of
from locum.scan.tree import Opaque

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ast_grep_py import SgNode

    from locum.scan.languages.lowering import Lowering
    from locum.scan.tree import Expression

__all__ = ["arms", "lower_catch", "lower_if"]

_BLOCKS = frozenset(
    {
        *("block", "statement_block", "compound_statement", "statement_list", "then", "else"),
        *("else_clause", "elif_clause", "else_if_clause", "expression_statement", "case_clause"),
        *("switch_case", "switch_default", "expression_case", "default_case", "switch_section"),
        *("switch_block_statement_group", "switch_rule", "case_statement", "default_statement"),
    }
)
_LEAVING = frozenset(
    {
        *("return_statement", "return", "raise_statement", "throw_statement", "throw_expression"),
        *("continue_statement", "next"),
    }
)
# Arms that are taken where no other is: by their kind, and of cases by their label.
_OTHERWISE = frozenset(
    {"else", "else_clause", "switch_default", "default_case", "default_statement"}
)
_CASES = frozenset({"case_clause", "switch_section", "switch_block_statement_group", "switch_rule"})
_CONDITIONAL = frozenset({"elif_clause", "else_if_clause", *_CASES})
_DEFAULT_LABEL = re.compile(r"default\b|case\s+_\s*:")


def arms(low: Lowering, choice: SgNode | None, nodes: Sequence[SgNode]) -> Iterator[SgNode]:
    """Yield the arms of a choice; what is walked before the next one stands in that arm."""
    if choice is None or not nodes:
        return
    leaving = [_leaves(node) for node in nodes]
    going_on = tuple(number for number, leaves in enumerate(leaving) if not leaves)
    around, whole = low.arms, span_of(choice)
    complete = going_on if _is_complete(choice, nodes) else ()
    for number, node in enumerate(nodes):
        low.arms = (*around, Arm(whole, span_of(node), number, complete, leaving[number]))
        yield node
    low.arms = around


def _is_complete(choice: SgNode, nodes: Sequence[SgNode]) -> bool:
    """Whether one of the arms is always taken."""
    if any(map(_is_otherwise, nodes)):
        return True
    last = choice.field("alternative")
    return last is not None and last.kind() not in _CONDITIONAL


def _is_otherwise(node: SgNode) -> bool:
    is_default = node.kind() in _CASES and _DEFAULT_LABEL.match(node.text()) is not None
    return is_default or node.kind() in _OTHERWISE


def _leaves(node: SgNode) -> bool:
    while node.kind() in _BLOCKS and children_of(node):
        node = children_of(node)[-1]
    return node.kind() in _LEAVING


def lower_if(low: Lowering, node: SgNode) -> Expression:
    """Walk an ``if`` with all that it may come to."""
    conditions = [node.field(name) for name in ("initializer", "condition")]
    starts = {one.range().start.index for one in conditions if one is not None}
    children = children_of(node)
    low.lower_all(child for child in children if child.range().start.index in starts)
    ways = [child for child in children if child.range().start.index not in starts]
    low.lower_all(arms(low, node, ways))
    return Opaque([])


def lower_catch(low: Lowering, node: SgNode) -> Expression:
    """Walk what is done with an error, in which case what was tried may have come to nothing."""
    for one in arms(low, node, [node]):
        low.opaque(one)
    return Opaque([])
