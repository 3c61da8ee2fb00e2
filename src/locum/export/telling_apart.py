"""Whether the rule of a student that writes tells its teacher's answers apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locum.evaluation import Share

__all__ = ["tells_apart", "warn_of_rule"]

_MANY_BY_CHANCE = 0.2


def tells_apart(by_chance: Share | None) -> bool:
    """Tell whether a rule does not clearly accept many answers to other inputs.

    Args:
        by_chance: Share of the teacher's answers that it accepts as answers to other inputs, where
            these were answered by another text; ``None`` where that is not known.
    """
    return by_chance is None or by_chance.interval.low <= _MANY_BY_CHANCE


def warn_of_rule(rule: str, by_chance: Share | None) -> list[str]:
    """Return what to say of a rule that hardly tells answers apart.

    Args:
        rule: As it is written.
        by_chance: As of `tells_apart`.
    """
    if by_chance is None or tells_apart(by_chance):
        return []
    said = (
        f"{rule} accepts {by_chance.value:.1%} of the teacher's answers as answers to other "
        "inputs, which it answered by another text: it hardly tells them apart, and what it "
        "certifies says little; take a rule with a higher number, or a judge"
    )
    return [said]
