"""From a call of a model to what is to be said of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from locum.prices import sells_no_batches
from locum.scan.answers import Uses, answer_uses
from locum.scan.contexts import contexts_of
from locum.scan.findings import CallSite, Finding
from locum.scan.instructions import listed_answers, listed_fields
from locum.scan.models import model_name, tier_of
from locum.scan.rounds import needs_last_answer
from locum.scan.rules import RULES
from locum.scan.schemas import schema_shape
from locum.scan.sites import is_fixed
from locum.scan.values import Slot, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.scan.findings import Context, Severity, Tier
    from locum.scan.shapes import Shape
    from locum.scan.sites import ModelCall

__all__ = ["judge"]

_SHORT_ANSWER = 64
_NARROW_ANSWER = 256
_MOST_SLOTS = 6
_LONGEST_SHOWN = 120
_REPEATING: frozenset[Context] = frozenset({"web handler", "loop", "queue worker", "cron"})
_AT_ONCE = re.compile(
    r"\bgather\(|as_completed|ThreadPool|Promise\.all|TaskGroup|WhenAll|errgroup|WaitGroup"
)


class _Verdict(NamedTuple):
    rule: str
    reason: str
    evidence: list[str]


class _Reading(NamedTuple):
    """All that is read of a call before it is judged."""

    call: ModelCall
    site: CallSite
    shape: Shape | None
    uses: Uses
    listed: tuple[str, ...]
    named_fields: Shape | None
    is_task: bool


def judge(call: ModelCall, path: str) -> tuple[CallSite, list[Finding]]:
    """Return what is read of a call of a model, and the rules that it breaks.

    Args:
        call: The call.
        path: Of its file, as findings show it.
    """
    reading = _read(call)
    site = reading.site
    if site.tier == "local":
        return site, []
    verdicts = [one for one in (_first_rule(reading), _offline(reading)) if one is not None]
    return site, [_finding(reading, verdict, path) for verdict in verdicts]


def _read(call: ModelCall) -> _Reading:
    request = call.request
    call.ev.project.trace.steps = 0
    model = model_name(request.model)
    tier: Tier = "local" if request.is_local else tier_of(model)
    text = "\n".join(words(one) for one in request.words.texts())
    fixed = is_fixed(request)
    shape = _shape(call)
    uses = answer_uses(call.ev, call.call)
    listed = listed_answers(text) if fixed else ()
    named_fields = listed_fields(text) if fixed else None
    slots = {part for one in request.words.texts() for part in one.parts if isinstance(part, Slot)}
    is_agent = (request.tools is None or request.tools > 0) and not request.is_forced
    site = CallSite(
        sdk=call.sdk,
        language=call.ev.module.language,
        model=model,
        tier=tier,
        instruction=text if fixed else None,
        slots=len(slots),
        answers=_answers(shape, uses, listed, named_fields),
        schema=_fields(shape, named_fields),
        most_tokens=request.most_tokens,
        temperature=request.temperature,
        contexts=contexts_of(call.ev.without_callers(), call.function, call.loops),
    )
    open_words = request.words.is_conversation or request.words.has_media
    return _Reading(
        call=call,
        site=site,
        shape=shape,
        uses=uses,
        listed=listed,
        named_fields=named_fields,
        is_task=fixed and bool(slots) and not open_words and not is_agent,
    )


def _shape(call: ModelCall) -> Shape | None:
    shapes = [schema_shape(value, call.ev) for value in call.request.format]
    known = [shape for shape in shapes if shape is not None]
    full = [shape for shape in known if shape.is_closed or shape.fields]
    return next(iter(full or known), None)


def _answers(
    shape: Shape | None, uses: Uses, listed: tuple[str, ...], named_fields: Shape | None
) -> tuple[str, ...]:
    if shape is not None:
        return shape.answers if shape.is_closed else ()
    if named_fields is not None:
        return named_fields.answers if named_fields.is_closed else ()
    return listed or uses.labels


def _fields(shape: Shape | None, named_fields: Shape | None) -> tuple[str, ...]:
    if shape is not None:
        return shape.fields
    return named_fields.fields if named_fields is not None else ()


def _first_rule(reading: _Reading) -> _Verdict | None:
    if not reading.is_task:
        return None
    return _closed(reading) or _schema(reading) or _narrow(reading)


def _closed(reading: _Reading) -> _Verdict | None:  # noqa: PLR0911 - one for each form
    shape, uses = reading.shape, reading.uses
    if shape is not None:
        if not shape.is_closed:
            return None
        return _closed_by("The answer's schema allows no open field", shape.answers, reading)
    fields = reading.named_fields
    if fields is not None and fields.is_closed:
        return _closed_by(
            "The instruction asks for JSON without open fields", fields.answers, reading
        )
    if fields is not None:
        wanted = {field.lower().replace("_", "") for field in fields.fields}
        if not uses.is_set or not wanted or not wanted <= set(uses.fields):
            return None
    if uses.is_set or (uses.labels and not uses.is_free):
        return _closed_by("The answer is held against labels", uses.labels, reading)
    if reading.listed and fields is None:
        return _closed_by("The instruction lists the answers", reading.listed, reading)
    return None


def _closed_by(how: str, answers: tuple[str, ...], reading: _Reading) -> _Verdict:
    listed = ", ".join(answers[:8]) + (", ..." if len(answers) > 8 else "")
    return _Verdict(
        "closed-answer",
        "The instruction is fixed and the answer is one of a closed set.",
        [f"{how}: {listed}." if listed else f"{how}.", *_instruction(reading)],
    )


def _schema(reading: _Reading) -> _Verdict | None:
    if reading.shape is None and reading.named_fields is None:
        return None
    fields = ", ".join(reading.site.schema[:10])
    how = (
        "The answer is JSON of a fixed schema" if reading.shape else "The instruction names fields"
    )
    return _Verdict(
        "fixed-schema",
        "The instruction is fixed and the answer is JSON of a fixed schema.",
        [f"{how}: {fields}." if fields else f"{how}.", *_instruction(reading)],
    )


def _narrow(reading: _Reading) -> _Verdict | None:
    site = reading.site
    most, temperature = site.most_tokens, site.temperature
    is_narrow = most is not None and (
        most <= _SHORT_ANSWER or (temperature == 0 and most <= _NARROW_ANSWER)
    )
    if not is_narrow or not 0 < site.slots <= _MOST_SLOTS:
        return None
    bound = f"The answer has at most {most} tokens"
    cold = ", and the temperature is 0" if temperature == 0 else ""
    return _Verdict(
        "narrow-prompt",
        "The instruction is fixed and the answer is short.",
        [f"{bound}{cold}.", *_instruction(reading)],
    )


def _offline(reading: _Reading) -> _Verdict | None:
    site = reading.site
    contexts = set(site.contexts)
    repeated = contexts & {"loop", "queue worker"} or {"cron"} <= contexts
    if not reading.is_task or "web handler" in contexts or not repeated:
        return None
    if sells_no_batches(site.sdk) or not reading.call.request.sells_batches:
        return None
    if needs_last_answer(reading.call) or _may_wait(reading):
        return None
    return _Verdict(
        "offline-loop",
        "Calls are made one after the other where nobody waits, though batches cost less.",
        [f"The call stands in: {', '.join(site.contexts)}.", *_instruction(reading)],
    )


def _may_wait(reading: _Reading) -> bool:
    """Whether calls are made at once, and nothing tells that nobody waits for them."""
    told = {"queue worker", "cron", "command line"} & set(reading.site.contexts)
    return not told and reading.call.ev.module.mentions(_AT_ONCE)


def _instruction(reading: _Reading) -> Iterator[str]:
    if reading.site.instruction:
        yield _shown(reading.site.instruction)
    if reading.site.model:
        yield f"The model is {reading.site.model} ({reading.site.tier})."


def _shown(text: str) -> str:
    whole = " ".join(text.split())
    cut = whole if len(whole) <= _LONGEST_SHOWN else f"{whole[: _LONGEST_SHOWN - 1]}…"
    return f"The prompt is: {cut}"


def _finding(reading: _Reading, verdict: _Verdict, path: str) -> Finding:
    span = reading.call.call.span
    return Finding(
        rule=verdict.rule,
        severity=_severity(reading.site, verdict.rule),
        path=path,
        line=span.line,
        column=span.column,
        end_line=span.end_line,
        end_column=span.end_column,
        reason=verdict.reason,
        evidence=verdict.evidence,
        cure=RULES[verdict.rule].cure,
        site=reading.site,
    )


def _severity(site: CallSite, rule: str) -> Severity:
    usual = RULES[rule].severity
    is_dear = site.tier == "frontier" and bool(_REPEATING & set(site.contexts))
    if not is_dear or rule == "offline-loop":
        return usual
    return "warning" if usual == "note" else "error"
