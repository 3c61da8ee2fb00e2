"""From a student and the calls that it learned from to a plan of its promotion."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from locum.errors import InputError, QualityGateError
from locum.export import CertifiedExtractor, CertifiedStudent, CertifiedWriter, warn_of_rule
from locum.extraction import find_objects, without_values
from locum.promotion.comparing import check_comparable
from locum.promotion.forms import check_form
from locum.promotion.framer import Framer
from locum.promotion.model_names import undated
from locum.promotion.plan import Plan, PromptTokens
from locum.promotion.recognition import LEAST_SHARE, foresee, learn_recognition
from locum.promotion.varying import most_varied
from locum.promotion.wording import Worded, word_labels, word_objects
from locum.traffic import has_thought, is_stored, split_request, thought_frame
from locum.traffic.json_requests import asked_schema, object_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from locum.export import AnyStudent
    from locum.promotion.frame import Frame
    from locum.promotion.recognition import Foreseen, Recognition
    from locum.promotion.varying import Varying
    from locum.promotion.wording import LabelWording, ObjectWording
    from locum.schema import Call, JsonObject

__all__ = ["Prepared", "keep_plan", "prepare_plan"]

_FEWEST_FOR_A_LINE = 10
# Their integrations note the model that an answer names, in the place of the one that was asked.
_TELL_WHAT_ANSWERED = frozenset({"langfuse"})
# A token is about four characters of English.
_TOKENS_OF_ENGLISH = PromptTokens(0.0, 0.25)


class Prepared(NamedTuple):
    """A plan, and what it was made from.

    Args:
        plan: The plan.
        calls: How many recorded calls were looked at.
        recognised: How many of them it recognises.
        stored: How many of these the provider was to keep; a student answers no such calls.
        unworded: Labels that are left to the teacher, as it is not known how it writes them.
        foreseen: Of calls that go on changing, how many of the newer ones the older ones would
            have let recognise; ``None`` of others.
        varying: What goes on changing in them; likewise.
        warnings: What else should be known before it answers, a sentence each.
    """

    plan: Plan
    calls: int
    recognised: int
    stored: int
    unworded: tuple[str, ...]
    foreseen: Foreseen | None = None
    varying: Varying | None = None
    warnings: tuple[str, ...] = ()

    def to_object(self) -> JsonObject:
        """Return it as JSON, the plan left aside."""
        foreseen, varying = self.foreseen, self.varying
        said = {name: value for name, value in self._asdict().items() if name != "plan"}
        return {
            **said,
            "foreseen": foreseen and foreseen._asdict(),
            "varying": varying and varying._asdict(),
        }


class _Seen(NamedTuple):
    """A recorded call that a student could have answered."""

    frame: Frame
    rest: JsonObject
    text: str
    answer: str
    thought: str
    call: Call


def prepare_plan(
    student: AnyStudent,
    calls: Iterable[Call],
    is_shared: Callable[[str], bool] = lambda fingerprint: not fingerprint,
    framer: Framer | None = None,
) -> Prepared:
    """Return how a student's calls are recognised and answered.

    Args:
        student: The student.
        calls: The recorded calls that it learned from, and was certified on.
        is_shared: Tells whether calls of tasks with another name have a fingerprint as well.
        framer: Makes frames of calls, as the gateway will; by default by the defaults.

    Raises:
        InputError: There are none, or none that it could answer; or hardly two are alike but for
            their inputs; or they have nothing in common that tells them from others; or the
            teacher's answers say more than the student's can, or look otherwise.
        QualityGateError: The student has no certificate for whole answers.
    """
    certificate = student.certificate
    if certificate is None:
        raise QualityGateError(
            f"the student of {student.task.name!r} is certified for single fields alone, and a "
            "gateway answers with whole objects: use locum predict --partial"
        )
    framer = framer or Framer()
    seen, others = _usable(calls, framer)
    count = len(seen) + others.total()
    if not count:
        raise InputError(
            f"the store knows no call from which this student of {student.task.name!r} learned: it "
            "learned from a file or another store, was saved by an earlier Locum, three of its "
            "task were made since, or its calls were deleted; distil the task from recorded "
            f"calls: locum distill {student.task.name}"
        )
    if not seen:
        told = [f"; {most:,} of them have {what}" for what, most in others.most_common(1)]
        raise InputError(
            f"of the {count:,} calls that the student of {student.task.name!r} learned from, none "
            "is one that a gateway's student can answer: it needs the model's name, one answer of "
            "text, no tools, no images, and the user's message last"
            f"{''.join(told)}: record calls that it can answer by locum gateway, and distil the "
            "task from those"
        )
    recognition = _with_undated(_recognise(student, seen), seen)
    if not recognition.frames:
        raise _nothing_common(student.task.name, seen)
    foreseen = foresee([one.frame for one in seen], [one.call.facts.time for one in seen])
    varying = most_varied((one.frame, one.rest) for one in seen) if foreseen else None
    seen = [one for one in seen if recognition.admits(one.frame, one.text)]
    if any(map(is_shared, {one.call.facts.fingerprint for one in seen})):
        recognition = recognition._replace(by_name=True)
    if recognition.by_name and any(one.call.facts.task is None for one in seen):
        raise InputError(
            f"nothing tells the calls of {student.task.name!r} from others: they have no "
            "instruction, and no beginning of all inputs, of their own; let the application name "
            "them by the header x-locum-task, and distil the task again"
        )
    labels, objects, texts = _wordings(student, seen)
    plan = Plan(
        recognition=recognition,
        labels=labels,
        objects=objects,
        prompt_tokens=_prompt_tokens(seen),
        call_usd=_mean([one.call.facts.cost_usd for one in seen]),
        call_ms=_median([one.call.facts.latency_ms for one in seen]),
        target=certificate.target,
        confidence=certificate.confidence,
        coverage=certificate.coverage,
        teacher=student.teacher,
        models=_models(seen),
        texts=texts,
        patterns=framer.patterns,
        thoughts=_thoughts(seen),
    )
    stored = sum(is_stored(one.call.facts.endpoint, one.call.request) for one in seen)
    unworded = _unworded(student, labels)
    return Prepared(plan, count, len(seen), stored, unworded, foreseen, varying, _warnings(student))


def keep_plan(student: AnyStudent, plan: Plan) -> Prepared:
    """Return a student's plan as it is, where not all of its calls can be looked at any more."""
    return Prepared(plan, 0, 0, 0, _unworded(student, plan.labels), warnings=_warnings(student))


def _usable(calls: Iterable[Call], framer: Framer) -> tuple[list[_Seen], Counter[str]]:
    """Return the calls that a student could have answered, and what others have instead."""
    seen, others = list[_Seen](), Counter[str]()
    for call in calls:
        split = split_request(call.request, call.facts.endpoint)
        answer = object_text(call.request, call.response) if call.response else None
        if isinstance(split, str):
            others[split] += 1
        elif answer is None:
            others["no answer of text"] += 1
        elif not split.rest.get("model"):
            # What names no model was no request: nothing says how the application's calls look.
            others["no model's name"] += 1
        else:
            frame, thought = framer.frame(split.rest), thought_frame(call.response or {})
            seen.append(_Seen(frame, split.rest, split.text, answer, thought, call))
    return seen, others


def _recognise(student: AnyStudent, seen: Sequence[_Seen]) -> Recognition:
    """Learn how calls are recognised, and by no part of a value that an extractor reads."""
    frames, texts = [one.frame for one in seen], [one.text for one in seen]
    if not isinstance(student, CertifiedExtractor):
        return learn_recognition(frames, texts)
    answers = find_objects([one.answer for one in seen])
    return learn_recognition(frames, texts, lambda around: without_values(around, texts, answers))


def _with_undated(recognition: Recognition, seen: Sequence[_Seen]) -> Recognition:
    """Recognise a model by the name without its date, too, where a log tells which one answered."""
    told = {one.frame.model for one in seen if one.call.facts.source in _TELL_WHAT_ANSWERED}
    dated = [frame for frame in recognition.frames if frame.model in told]
    asked = {frame._replace(model=undated(frame.model)) for frame in dated}
    return recognition._replace(frames=recognition.frames | asked)


def _nothing_common(task: str, seen: Sequence[_Seen]) -> InputError:
    """Say why no calls would be recognised: what of them is a new one in nearly every call."""
    varying = most_varied((one.frame, one.rest) for one in seen)
    return InputError(
        f"no call of {task!r} would be recognised: of the {len(seen):,} that its student learned "
        f"from, no {LEAST_SHARE:.0%} have instruction, output format, model and settings in "
        f"common; {varying.part} has {varying.values:,} values: let the application send the same "
        "in all calls, and distil the task from those"
    )


def _wordings(
    student: AnyStudent, seen: Sequence[_Seen]
) -> tuple[dict[str, dict[str, LabelWording]], dict[str, ObjectWording], tuple[str, ...]]:
    """How answers are worded, by the fingerprint of their calls: labels, objects, and texts."""
    answers: defaultdict[str, list[Worded]] = defaultdict(list)
    for one in seen:
        answers[one.frame.fingerprint].append(Worded(one.answer, _tokens_of_answer(one.call)))
    if isinstance(student, CertifiedExtractor):
        for one in seen:
            _check_required(student, one.call)
        check_form(student.task, [one.answer for one in seen])
        return {}, {name: word_objects(given) for name, given in answers.items()}, ()
    if isinstance(student, CertifiedWriter):
        check_comparable(student.task.name, student.rule)
        return {}, {}, tuple(sorted(answers))
    classes = student.classes_
    return {name: word_labels(classes, given) for name, given in answers.items()}, {}, ()


def _tokens_of_answer(call: Call) -> int | None:
    """Return how many tokens an answer took; not known where thoughts took most of them."""
    return None if has_thought(call.response or {}) else call.facts.output_tokens


def _thoughts(seen: Sequence[_Seen]) -> dict[str, str]:
    """Tags of thoughts that answers most often begin with, by the fingerprint of their calls."""
    frames: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in seen:
        frames[one.frame.fingerprint][one.thought] += 1
    common = {name: given.most_common(1)[0][0] for name, given in frames.items()}
    return {name: frame for name, frame in common.items() if frame}


def _unworded(student: AnyStudent, labels: dict[str, dict[str, LabelWording]]) -> tuple[str, ...]:
    """Labels that are worded in no kind of call."""
    if not isinstance(student, CertifiedStudent):
        return ()
    worded = {label for wordings in labels.values() for label in wordings}
    return tuple(label for label in student.classes_ if label not in worded)


def _warnings(student: AnyStudent) -> tuple[str, ...]:
    """What the certificate of a student does not say."""
    if not isinstance(student, CertifiedWriter):
        return ()
    return tuple(warn_of_rule(student.rule, student.by_chance))


def _check_required(student: CertifiedExtractor, call: Call) -> None:
    """Refuse a student whose objects lack what a call's ``response_format`` asks for."""
    required = (asked_schema(call.request) or {}).get("required") or ()
    lacking = [field for field in student.task.leave_out if field in required]
    if lacking:
        raise InputError(
            f"calls of {student.task.name!r} require the field {lacking[0]!r}, which its student "
            "leaves out: make it optional in the application's schema, or distil without "
            f"--leave-out {lacking[0]}"
        )


def _models(seen: Sequence[_Seen]) -> dict[str, str]:
    """How answers most often name the model that was asked for, such as with a date."""
    names: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in seen:
        named = (one.call.response or {}).get("model")
        if isinstance(named, str) and named:
            names[one.frame.model][named] += 1
        if one.call.facts.source in _TELL_WHAT_ANSWERED:
            names[undated(one.frame.model)][one.frame.model] += 1
    return {asked: given.most_common(1)[0][0] for asked, given in names.items()}


def _prompt_tokens(seen: Sequence[_Seen]) -> PromptTokens:
    """Fit a line through the lengths of inputs and the tokens of their prompts."""
    known = [
        (len(one.text), one.call.facts.input_tokens)
        for one in seen
        if one.call.facts.input_tokens is not None
    ]
    lengths = [length for length, _ in known]
    if len(known) < _FEWEST_FOR_A_LINE or len(set(lengths)) == 1:
        return _TOKENS_OF_ENGLISH
    line = statistics.linear_regression(lengths, [tokens for _, tokens in known])
    return PromptTokens(max(line.intercept, 0.0), max(line.slope, 0.0))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
