"""A student's answer as its client gets it."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from locum.promotion import StudentAnswer, random_name
from locum.serving.answer_template import make_template
from locum.serving.wire import STATUS_LINES

if TYPE_CHECKING:
    from locum.promotion import AnswerText
    from locum.serving.answer_template import AnswerTemplate
    from locum.serving.recogniser import OurCall
    from locum.serving.student_answers import Said

__all__ = ["WrittenAnswer", "write_answer", "write_known_answer"]

_NAME_DIGITS, _REQUEST_DIGITS = 56, 24
_MOST_TEMPLATES = 1_024
_JSON = b"application/json"
_EVENTS = b"text/event-stream; charset=utf-8"
_HEAD = STATUS_LINES[200] + b"\r\ncontent-type: %b\r\n%b\r\nx-locum-confidence: %.4f\r\n%b: req_%b"


class WrittenAnswer(NamedTuple):
    """An answer as it is sent.

    Args:
        head: Status line and headers.
        body: The body, in the form of the API that was called.
        answer: What is said; ``None`` where a template was filled in.
    """

    head: bytes
    body: bytes
    answer: StudentAnswer | None


def write_answer(ours: OurCall, said: Said) -> WrittenAnswer | None:
    """Write an answer as the API gives it; ``None`` where the student must not answer.

    Args:
        ours: The call.
        said: What the student says.
    """
    answer = _answer(ours, said)
    if answer is None:
        return None
    return WrittenAnswer(_head(ours, said, answer.name), _body(ours, answer), answer)


def write_known_answer(ours: OurCall, said: Said) -> WrittenAnswer | None:
    """Do as `write_answer` does for a call like one before, by the template of such an answer."""
    if not said.answered:
        return None
    templates, key = ours.kind.templates, (ours.stand_in.promotion.artefact, said.text)
    template = templates.get(key)
    if template is None:
        # Objects and texts are hardly ever said twice.
        if ours.stand_in.plan.labels and key not in templates:
            _keep_template(templates, key, ours, said)
        return write_answer(ours, said)
    name = random_name(_NAME_DIGITS)
    tokens = ours.stand_in.plan.prompt_tokens.count(ours.text)
    body = template.fill(int(time.time()), tokens, name)
    return WrittenAnswer(_head(ours, said, name), body, None)


def _keep_template(
    templates: dict[tuple[str, str], AnswerTemplate | None],
    key: tuple[str, str],
    ours: OurCall,
    said: Said,
) -> None:
    """Keep the template of an answer, or that it has none."""
    if len(templates) >= _MOST_TEMPLATES:
        templates.clear()
    answer = None if ours.wants_chances else _answer(ours, said)
    templates[key] = None if answer is None else make_template(answer, partial(_body, ours))


def _answer(ours: OurCall, said: Said) -> StudentAnswer | None:
    worded = _word(ours, said)
    if worded is None:
        return None
    plan, model = ours.stand_in.plan, ours.kind.frame.model
    return StudentAnswer(
        text=worded.text,
        model=plan.models.get(model, model),
        prompt_tokens=plan.prompt_tokens.count(ours.text),
        completion_tokens=worded.tokens,
        chances=_chances(ours, said),
        created=int(time.time()),
        artefact=ours.stand_in.promotion.artefact,
        name=random_name(_NAME_DIGITS),
    )


def _body(ours: OurCall, answer: StudentAnswer) -> bytes:
    kind = ours.kind
    write = kind.form.stream if kind.ask.stream else kind.form.body
    return write(answer, kind.ask, kind.repeated)


def _head(ours: OurCall, said: Said, name: str) -> bytes:
    kind = ours.kind
    media = _EVENTS if kind.ask.stream else _JSON
    request = name[-_REQUEST_DIGITS:].encode()
    own = (media, ours.stand_in.head, said.confidence, kind.form.request_id, request)
    return _HEAD % own


def _word(ours: OurCall, said: Said) -> AnswerText | None:
    """The answer as the teacher would write it; ``None`` where the student must not answer."""
    worded = (
        ours.stand_in.plan.word(ours.kind.frame.fingerprint, said.text) if said.answered else None
    )
    if worded is None or worded.tokens > ours.kind.ask.most_tokens:
        return None
    return None if any(stop in worded.text for stop in ours.kind.ask.stops) else worded


def _chances(ours: OurCall, said: Said) -> list[tuple[str, float]]:
    """What might have been said, worded as the teacher would; that which is said comes first."""
    plan, fingerprint = ours.stand_in.plan, ours.kind.frame.fingerprint
    worded = [(plan.word(fingerprint, text), text, chance) for text, chance in said.chances]
    return [(known.text if known else text, chance) for known, text, chance in worded]
