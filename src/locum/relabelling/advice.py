"""What the measured gains say in words, and whether to buy more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from locum.relabelling.gain import Gain, Gains, Measure

__all__ = ["Advice", "Verdict", "advise"]

Verdict = Literal[
    "choosing_pays", "labels_pay", "chance_pays_more", "no_gain", "worse", "not_measured"
]


class Advice(NamedTuple):
    """What to make of a run.

    Args:
        verdict: What was found.
        buy_more: Whether more soft labels are worth buying.
        sentences: Why, in words with figures.
    """

    verdict: Verdict
    buy_more: bool
    sentences: list[str]


def advise(gains: Gains | None, left: int) -> Advice:
    """Say whether soft labels paid, and choosing them, by the loss on the recorded answers.

    Args:
        gains: What was measured; ``None`` where too few labels were bought to measure anything.
        left: Inputs that may still be asked about.
    """
    if gains is None:
        reason = "too few soft labels were bought to measure what they gain"
        return Advice("not_measured", left > 0, [reason, _go_on(left)])
    verdict = _judge(gains.measures[0])
    sentences = [_soft_labels(gains), _choosing(gains)]
    if verdict in _ENOUGH:
        return Advice(verdict, buy_more=False, sentences=[*sentences, _ENOUGH[verdict]])
    return Advice(verdict, left > 0, [*sentences, _go_on(left)])


_ENOUGH: dict[Verdict, str] = {
    "no_gain": "enough: more of these labels would cost money for a gain that does not show",
    "worse": (
        "enough: soft labels of some inputs among recorded answers of the others can do harm, as "
        "where the recorded answer is always the most probable label; locum distill learns from "
        "the answers alone where that does better"
    ),
}


def _judge(loss: Measure) -> Verdict:
    difference = loss.difference
    if _shows(difference) and _shows(loss.chosen):
        return "choosing_pays"
    if difference is not None and difference.interval.high < 0 and _shows(loss.control):
        return "chance_pays_more"
    if _shows(loss.bought):
        return "labels_pay"
    return "worse" if loss.bought.interval.high < 0 else "no_gain"


def _shows(gain: Gain | None) -> bool:
    return gain is not None and gain.interval.low > 0


def _soft_labels(gains: Gains) -> str:
    gain = gains.measures[0].bought
    spent = "" if gains.bought_usd is None else f" for ${gains.bought_usd:,.4f}"
    told = f"{gains.bought:,} soft labels{spent} {_change(gain, 'the loss')} nats"
    if _shows(gain) or gain.interval.high < 0:
        return told
    return f"{told}: the interval contains zero, so no gain can be shown"


def _choosing(gains: Gains) -> str:
    loss = gains.measures[0]
    if loss.chosen is None or loss.control is None or loss.difference is None:
        return "too few were drawn at random to say what choosing gained"
    told = (
        f"of them, the first {gains.chosen:,} chosen ones {_change(loss.chosen, 'it')}; "
        f"{gains.control:,} random ones for as much {_change(loss.control, 'it')}"
    )
    if _shows(loss.difference):
        return f"{told}: choosing paid{_times(loss.chosen, loss.control)}"
    if loss.difference.interval.high < 0:
        return f"{told}: chance did better"
    low, high = loss.difference.interval
    return (
        f"{told}: the interval of the difference ({low:.4f} to {high:.4f}) contains zero: "
        "choosing did not pay"
    )


def _times(chosen: Gain, control: Gain) -> str:
    """How many times as much a dollar buys, where chance gained anything that can be shown."""
    if not _shows(control):
        return ""
    return f", {chosen.value / control.value:.1f} times as much for each dollar"


def _go_on(left: int) -> str:
    if not left:
        return "nothing is left to ask about"
    return f"{left:,} inputs to learn from are left to ask about: a larger --budget buys more"


def _change(gain: Gain, what: str) -> str:
    low, high = gain.interval
    if gain.value < 0:
        return f"raised {what} by {-gain.value:.4f} ({-high:.4f} to {-low:.4f})"
    return f"lowered {what} by {gain.value:.4f} ({low:.4f} to {high:.4f})"
