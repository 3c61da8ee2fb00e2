"""Which values of a name may reach a place, where some of them are set by a condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locum.scan.tree import Binding, Span

__all__ = ["Arm", "Reaching", "reaching"]


class Arm(NamedTuple):
    """One of the ways that code may go by a condition.

    Args:
        choice: Where the whole of the condition and its arms stands.
        span: Where this arm stands.
        number: Which arm it is.
        going_on: Numbers of the arms after which the code goes on, where one arm is always taken.
        leaves: Whether it ends by leaving the function.
    """

    choice: Span
    span: Span
    number: int
    going_on: tuple[int, ...]
    leaves: bool


class Reaching(NamedTuple):
    """What a name may stand for.

    Args:
        options: What sets it, each with what is added to it afterwards.
        is_set: Whether it is set whichever way the code went.
    """

    options: list[tuple[Binding, list[Binding]]]
    is_set: bool


def reaching(bindings: Sequence[Binding], line: int) -> Reaching:
    """Return what a name may stand for in a line; in line 0, at the end.

    Args:
        bindings: Of the name, in the order of the text.
        line: Where it is used.
    """
    before = [one for one in bindings if not line or one.line <= line] or list(bindings)
    if not any(one.kind == "set" for one in before):
        before = list(bindings)
    possible = [one for one in before if not _is_past(one, line)]
    covered: set[tuple[Span, int]] = set()
    options: list[tuple[Binding, list[Binding]]] = []
    for number in reversed(range(len(possible))):
        one = possible[number]
        arms = _arms_around(one, line)
        if one.kind != "set" or any((arm.choice, arm.number) in covered for arm in arms):
            continue
        options.append((one, _added(possible, number)))
        if _covers(arms, covered):
            return Reaching(options, is_set=True)
    return Reaching(options, is_set=False)


def _is_past(binding: Binding, line: int) -> bool:
    """Whether the code that sets a name is left, or another is taken, where it is used."""
    return any(
        arm.leaves or (line > 0 and arm.choice.line <= line <= arm.choice.end_line)
        for arm in _arms_around(binding, line)
    )


def _arms_around(binding: Binding, line: int) -> tuple[Arm, ...]:
    """The arms that a name is set in, but for those that it is used in too."""
    return tuple(
        arm for arm in binding.arms if not line or not arm.span.line <= line <= arm.span.end_line
    )


def _covers(arms: tuple[Arm, ...], covered: set[tuple[Span, int]]) -> bool:
    """Whether one of these values is set whichever way the code goes, once these arms set one."""
    while arms:
        *around, arm = arms
        covered.add((arm.choice, arm.number))
        if not arm.going_on or any((arm.choice, one) not in covered for one in arm.going_on):
            return False
        arms = tuple(around)
    return True


def _added(bindings: Sequence[Binding], number: int) -> list[Binding]:
    """What is added to one of several values after it was set."""
    first = bindings[number]
    added: list[Binding] = []
    later: list[Binding] = []
    for one in bindings[number + 1 :]:
        if _excludes(first.arms, one.arms):
            continue
        if one.kind == "set":
            later.append(one)
        elif not any(one.arms[: len(other.arms)] == other.arms for other in later):
            added.append(one)
    return added


def _excludes(arms: tuple[Arm, ...], others: tuple[Arm, ...]) -> bool:
    """Whether two pieces of code stand in different arms of one choice."""
    taken = {arm.choice: arm.number for arm in arms}
    return any(taken.get(arm.choice, arm.number) != arm.number for arm in others)
