"""Whether a task is worth distilling, or what else is worth doing, and what that saves."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

from locum.audit.foresight import LIKELY
from locum.audit.hints import batch_hint, cache_hint, label_hint
from locum.audit.leaving_out import distil_command, student_without
from locum.audit.notes import change_of, left_to_the_model, notes_of, untimed
from locum.audit.probe import Probe, farthest_calls
from locum.audit.savings import Saving, is_recognised, saving_of_hint, saving_of_student, worth
from locum.audit.stand_ins import stood_in_for
from locum.audit.volumes import DAYS_A_MONTH
from locum.dataset import SHARES
from locum.distillation import least_certify_inputs, too_few
from locum.extraction.answers import ONE_OBJECT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locum.audit.foresight import Foresight
    from locum.audit.hints import Hint
    from locum.audit.tasks import Measures, TrafficTask
    from locum.evaluation import Promise
    from locum.schema import OwnPrice

__all__ = ["Verdict", "VerdictKind", "judge"]

VerdictKind = Literal[
    "distil",
    "leave_out",
    "change_prompt",
    "collect_more",
    "cache",
    "batch",
    "do_not_distil",
    "unknown",
]

_WORTH_CACHING = 0.1
_WORTH_TRYING = 0.25
_TALK = 0.5
_TWICE_AS_GOOD = 0.05


class Verdict(NamedTuple):
    """What to do with a task.

    Args:
        kind: ``distil`` now; ``leave_out`` fields of its objects, and distil; ``change_prompt``
            first, or what else its calls ask for, as a gateway would leave most of them to the
            model; ``collect_more`` calls first; ``cache`` exact repetitions; use a ``batch`` price;
            ``do_not_distil``; or ``unknown``, where it was not probed, or not for long enough.
        reason: Why, in a sentence with its figures.
        notes: What else is worth knowing or doing, a sentence each.
        saving: What it saves; for ``leave_out``, what it does where the fields are not needed; for
            ``change_prompt`` and ``collect_more``, what it will; nothing for the last two.
        more_calls: Calls to collect.
        months: Months after which what was paid for distilling is back, 0 where nothing is paid;
            ``None`` where that is not known, or nothing is saved.
    """

    kind: VerdictKind
    reason: str
    notes: tuple[str, ...] = ()
    saving: Saving | None = None
    more_calls: int | None = None
    months: float | None = None

    @property
    def saves_now(self) -> bool:
        """Whether what it saves needs nothing more."""
        return self.kind in {"distil", "cache", "batch"}


def judge(
    task: TrafficTask,
    probed: Probe | str | None,
    promise: Promise,
    prices: Mapping[str, OwnPrice] = MappingProxyType({}),
) -> Verdict:
    """Decide on a task.

    A student is worth having where a certificate of the minimum coverage is had with a chance of
    four in five. What is saved counts the calls that a student may answer, less the 2% that a
    gateway still sends to the model for comparison. Distilling recorded calls costs nothing but
    some minutes of a CPU; what more calls cost is counted at the task's mean cost of a call. Calls
    that a gateway leaves to the model, as no student could answer them or as their instruction,
    model or settings are ones that fewer than 2% of the calls have, are not saved; where most are
    such, what they ask for is to be changed first.

    Args:
        task: What was found of it.
        probed: What a probe found, or why there was none; ``None`` where none was asked for.
        promise: What was to be certified.
        prices: One's own prices, by model; for other models the public list's hold.
    """
    stands_in_the_way = _no_student(task)
    if stands_in_the_way is not None:
        found = Verdict("do_not_distil", stands_in_the_way)
    elif isinstance(probed, Probe):
        found = _by_probe(task, probed, promise)
    else:
        found = _unprobed(task, probed, promise)
    if task.volume.has_ended and not task.is_answered:
        return _ended(found, task)
    found = _with_hints(found, task, cache_hint(task), batch_hint(task), label_hint(task, prices))
    return found._replace(notes=(*stood_in_for(task), *found.notes, *untimed(task)))


def _ended(found: Verdict, task: TrafficTask) -> Verdict:
    """Nothing saves what is not asked any more, whatever could have been said of it."""
    volume = task.volume
    reason = (
        f"its calls have ended: the last one came {_days(volume.silent_days)} before the last one "
        f"of the log, and before that {_days(volume.longest_gap_days)} at most passed between two "
        "of those that were read; a prompt that was changed comes as a task of its own"
    )
    while_asked = f"while it was asked: {found.reason}"
    notes = (*stood_in_for(task), while_asked, *found.notes, *untimed(task))
    return Verdict("do_not_distil", reason, notes)


def _no_student(task: TrafficTask) -> str | None:
    """Say why no student can stand in, whatever is learned."""
    measures, output = task.measures, task.measures.output
    if output.kind == "tools" or measures.tools > _TALK:
        return "it uses tools: what the model does next hangs on what they answer"
    if output.kind == "lists":
        return f"its answers are lists of objects, and {ONE_OBJECT}"
    if output.kind == "free text":
        return _too_open(measures)
    if output.kind == "closed set" and len(output.labels) == 1:
        [(label, often)] = output.labels
        return _one_label(label, often)
    return None


def _too_open(measures: Measures) -> str:
    if measures.talk > _TALK:
        return (
            f"it is a conversation: {measures.turns:.1f} answers of the model come before each "
            "message on average, and a student reads the last message alone"
        )
    return (
        f"its answers are free text of {measures.answer_words:,.0f} words at the median, too "
        f"open to foretell a student (narrowness {measures.narrowness:.2f} of 1): locum "
        "distill with --student-model tries a small language model"
    )


def _one_label(label: str, often: float) -> str:
    if often == 1:
        return f"every answer is {label!r}: there is nothing to decide"
    return (
        f"{often:.0%} of its answers are {label!r}, and each other one was given once: a "
        "student of labels needs two that come again"
    )


def _by_probe(task: TrafficTask, probed: Probe, promise: Promise) -> Verdict:
    notes = [*probed.notes, *change_of(probed), *notes_of(task)]
    asked, student = f"{promise.target:.0%} agreement", student_without(probed.left_out)
    left = left_to_the_model(task)
    if probed.now.chance >= LIKELY and not is_recognised(task):
        most, *others = left
        saving = saving_of_student(task, probed, probed.now)
        reason = (
            f"{most.reason}; {most.cure}, {student} may answer {_span(probed.now)} of calls "
            f"at {asked}{worth(saving, task)}"
        )
        notes += [one.reason for one in others]
        return Verdict("change_prompt", reason, tuple(notes), saving)
    notes += [one.reason for one in left]
    if probed.now.chance >= LIKELY:
        saving = saving_of_student(task, probed, probed.now)
        reason = (
            f"{student} may answer {_span(probed.now)} of calls at {asked}"
            f"{worth(saving, task)}; its lessons are recorded already, so that it pays at once"
        )
        if probed.later and probed.later.coverage > probed.now.coverage + _TWICE_AS_GOOD:
            notes.append(f"twice as many calls would bring it to about {probed.later.coverage:.0%}")
        if probed.left_out:
            reason += f" where its application can do without {' and '.join(probed.left_out)}"
            notes.append(f"{distil_command(task.name, probed.left_out)} makes that student")
            return Verdict("leave_out", reason, tuple(notes), saving, months=0.0)
        return Verdict("distil", reason, tuple(notes), saving, months=0.0)
    if not probed.whole:
        reason = (
            f"its probe was cut short: small students that learned from "
            f"{probed.curve[-1].learned:,} inputs agree with the model in "
            f"{probed.agreement.value:.0%}, and larger ones need more time: --time gives it"
        )
        return Verdict("unknown", reason, tuple(notes))
    if probed.later is not None:
        return _collect(task, probed, probed.later, notes)
    return Verdict("do_not_distil", _too_little(probed, asked), tuple(notes))


def _too_little(probed: Probe, asked: str) -> str:
    agreement = f"{probed.agreement.value:.0%}"
    if probed.at_random is not None:
        return (
            f"its calls change with time: a small student of earlier ones agrees with the model on "
            f"{agreement} of later ones, and on none of them surely enough for {asked}; audit it "
            "again when more calls like the newest are recorded"
        )
    return (
        f"it is too diverse for a small student, which agrees with the model on {agreement} of "
        f"inputs that it did not learn from, and on none of them surely enough for {asked}, with "
        f"{farthest_calls(probed.now.calls):,} calls neither"
    )


def _collect(task: TrafficTask, probed: Probe, later: Foresight, notes: list[str]) -> Verdict:
    student = student_without(probed.left_out)
    more = _rounded((later.calls - probed.now.calls) / max(probed.usable, 1e-9))
    volume, saving = task.volume, saving_of_student(task, probed, later)
    # Where a student stands in, those that it does not choose come at the pace of its comparisons.
    at_its_pace = ""
    if volume.timed and not task.is_answered:
        at_its_pace = f" {_days(DAYS_A_MONTH * more / volume.calls_a_month)} at its pace,"
    reason = (
        f"{probed.now.calls:,} usable calls bring a certificate with a chance of "
        f"{probed.now.chance:.0%}; with about {more:,} more,{at_its_pace} {student} "
        f"would answer {_span(later)} of calls{worth(saving, task)}"
    )
    if probed.now.chance >= _WORTH_TRYING:
        command = distil_command(task.name, probed.left_out)
        notes = [
            *notes,
            f"distilling what is recorded costs minutes: try {command}",
        ]
    months = None
    if volume.cost_usd is not None and saving.dollars and saving.dollars.value:
        price = more * volume.cost_usd / (volume.calls * volume.priced)
        reason += f"; bought from the model now they cost ${price:,.2f}"
        if volume.timed:
            months = price / saving.dollars.value
            reason += f", back in {_months(months)}"
    return Verdict("collect_more", reason, tuple(notes), saving, more, months)


def _unprobed(task: TrafficTask, why: str | None, promise: Promise) -> Verdict:
    calls = task.volume.fair
    certify = round(SHARES["certify"] * calls)
    if certify < least_certify_inputs(promise):
        decision = too_few(calls, certify, promise)
        return Verdict("collect_more", decision.reason, more_calls=decision.more_inputs)
    if why is None:
        return Verdict("unknown", "it was not probed: what a student may answer is not known")
    return Verdict("do_not_distil", f"it could not be probed: {why}")


def _with_hints(
    found: Verdict, task: TrafficTask, cache: Hint | None, batch: Hint | None, label: Hint | None
) -> Verdict:
    """Add what else would save; where no student does now, the first of it is the verdict."""
    hints = [("cache", cache), ("batch", batch), ("label", label)]
    kind: VerdictKind | None = None
    later = found.saving if found.kind == "collect_more" else None
    if found.kind in {"do_not_distil", "unknown", "collect_more"}:
        if cache is not None and _is_worth(cache, task, later):
            kind = "cache"
        elif batch is not None and found.kind != "collect_more":
            kind = "batch"
    rest = tuple(hint.reason for name, hint in hints if hint is not None and name != kind)
    if kind is None:
        return found._replace(notes=(*found.notes, *rest))
    chosen = cache if kind == "cache" else batch
    assert chosen is not None, "the verdict is the hint's"
    saving = saving_of_hint(task, chosen)
    notes = (found.reason, *found.notes, *rest)
    return Verdict(kind, f"{chosen.reason}{worth(saving, task)}", notes, saving, months=0.0)


def _is_worth(cache: Hint, task: TrafficTask, later: Saving | None) -> bool:
    """Tell whether a cache saves enough, and more than a student will that more calls bring."""
    if cache.share < _WORTH_CACHING or later is None:
        return cache.share >= _WORTH_CACHING
    now = saving_of_hint(task, cache)
    if now.dollars is None or later.dollars is None:
        return now.calls.value > later.calls.value
    return now.dollars.value > later.dollars.value


def _span(foresight: Foresight) -> str:
    low, high = foresight.interval
    return f"{foresight.coverage:.0%} ({low:.0%} to {high:.0%})"


def _rounded(calls: float) -> int:
    """Round up to two digits: an estimate is no more exact."""
    unit = int(10 ** max(0, math.floor(math.log10(max(calls, 1))) - 1))
    return max(1, math.ceil(calls / unit) * unit)


def _days(days: float) -> str:
    if days < 2:
        return f"{24 * days:,.0f} hours"
    return f"{days:,.0f} days" if days < 90 else f"{days / DAYS_A_MONTH:,.0f} months"


def _months(months: float) -> str:
    return _days(months * DAYS_A_MONTH)
