"""Names of tasks that nobody named."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING

from locum.audit.rules import Rule, is_generic
from locum.traffic.strict_json import canonical_json

if TYPE_CHECKING:
    from locum.audit.instructions import InstructionGroup

__all__ = ["name_task"]

_WORDS = 4
_DIGITS = 6
_LETTERS = 14
_SAID = frozenset({"agent", "conversation", "examples"})
_PLAIN = re.compile("[a-z][a-z0-9]*")
_LEFT_OUT_WORDS = """
    a about all an and any are as assistant be below by can context do each exactly following for
    from give given have if in input instruction into is it its me must no not of on one only or
    output please question response should task text that the their them these this to was what when
    whether which who will with you your
"""
_LEFT_OUT = frozenset(_LEFT_OUT_WORDS.split())


def name_task(group: InstructionGroup, rule: Rule) -> str:
    """Return the name of a task: words of what is asked, and digits of a hash of all fixed words.

    Marks do not count, so that a change of the sample, which may move the edge of a gap, seldom
    changes the name.
    """
    known = {
        "form": group.form,
        "instruction": group.pattern.fixed_words,
        "kind": rule.kind,
        "turns": rule.turns,
        "prompt": rule.pattern.fixed_words,
    }
    digits = sha256(canonical_json(known)).hexdigest()[:_DIGITS]
    told = () if is_generic(" ".join(group.pattern.fixed_words)) else group.pattern.fixed_words
    words = [*rule.pattern.fixed_words, *told] if rule.kind != "any" else list(told)
    plain = [word.lower()[:_LETTERS] for word in words if word.lower() not in _LEFT_OUT]
    chosen = list(dict.fromkeys(word for word in plain if _PLAIN.fullmatch(word)))[:_WORDS]
    kind = [rule.kind] if rule.kind in _SAID else []
    return "-".join([*kind, *(chosen or ([] if kind else ["calls"])), digits])
