"""Students that stand in behind a gateway, for tests: small real ones, and their real teacher."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from locum.config import LimitSettings, RedactionSettings, UpstreamSettings
from locum.evaluation import Certificate
from locum.export import CertifiedExtractor, CertifiedStudent
from locum.extraction import distill_extraction
from locum.promotion import prepare_plan, read_artefact_files, write_plan
from locum.redaction import Redactor
from locum.store import CallStore, PromotionStore, open_database
from locum.students.linear import LinearStudent
from locum.traffic import make_call
from tests.gateway_clients import CHAT, Answer, ask, happens, post
from tests.gateways import running_gateway
from tests.json_traffic import SHORT_SCHEMA, make_answers, make_short_mails, make_short_task
from tests.traffic import LABELS, make_examples, make_task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from locum.export import AnyStudent
    from locum.promotion.prepare import Prepared
    from locum.schema import Call, Endpoint, JsonObject
    from locum.store import Promotion
    from tests.gateways import Running, Upstream

MESSAGES = "/v1/messages"
RESPONSES = "/v1/responses"
MODEL = "teacher-1"
INSTRUCTION = "Which team should answer?"
SURE = {
    "billing": "invoice ba do ki",
    "shipping": "parcel ba do ki",
    "returns": "broken ba do ki",
}
"""A text on which the student is sure, by its label."""
UNSURE = "ba do ki lu me no ra su"
"""A text that says nothing, so that the student defers."""
LIMITED: tuple[dict[str, Any], ...] = ({"max_tokens": 1}, {"max_tokens": 2}, {"stop": ["Ship"]})
"""Settings that some of the recorded calls have."""
CERTIFICATE = Certificate(
    threshold=0.7,
    target=0.9,
    confidence=0.95,
    coverage=0.8,
    agreement=0.98,
    lower_bound=0.92,
    all_requests=0.92,
    inputs=500,
    answered=400,
    disagreements=8,
)


@cache
def label_student() -> CertifiedStudent:
    """A student of three labels that is sure where a text holds a telling word."""
    examples = make_examples(300, noise=0.0)
    distributions = [example.distribution or {} for example in examples]
    soft = [[distribution[label] for label in LABELS] for distribution in distributions]
    model = LinearStudent(LABELS).fit([example.text for example in examples], _array(soft))
    return CertifiedStudent(
        make_task(), model, 1.0, CERTIFICATE, MODEL, redaction=RedactionSettings()
    )


@cache
def object_student() -> CertifiedExtractor:
    """A student that answers mails in JSON, without their summaries."""
    task = make_short_task(leave_out=["summary"])
    examples = make_answers(make_short_mails(200))
    found = distill_extraction(task, examples, target=0.85, family="linear", teacher_name=MODEL)
    assert found.student is not None
    return found.student


def _array(rows: list[list[float]]) -> Any:  # noqa: ANN401 - of numpy
    import numpy as np

    return np.array(rows)


# What is asked.


def chat_request(text: str, instruction: str = INSTRUCTION, **more: Any) -> JsonObject:  # noqa: ANN401 - JSON
    """A chat completion of a task; ``None`` takes a parameter out."""
    messages = [{"role": "system", "content": instruction}, {"role": "user", "content": text}]
    request = {"model": MODEL, "temperature": 0, "messages": messages, **more}
    return {name: value for name, value in request.items() if value is not None}


def message_request(text: str, **more: Any) -> JsonObject:  # noqa: ANN401 - JSON
    """The same, to Anthropic's API."""
    messages = [{"role": "user", "content": text}]
    asked = {"model": MODEL, "system": INSTRUCTION, "max_tokens": 32}
    return {**asked, "messages": messages, **more}


def response_request(text: str, /, **more: Any) -> JsonObject:  # noqa: ANN401 - JSON
    """The same, to OpenAI's Responses API; ``None`` takes a parameter out."""
    asked = {"model": MODEL, "temperature": 0, "store": False, "instructions": INSTRUCTION}
    request = {**asked, "input": text, **more}
    return {name: value for name, value in request.items() if value is not None}


def mail_request(text: str, **more: Any) -> JsonObject:  # noqa: ANN401 - JSON
    """A mail that is to be answered in JSON."""
    form = {"type": "json_schema", "json_schema": {"name": "mail", "schema": SHORT_SCHEMA}}
    return chat_request(text, "Say what the mail is about.", response_format=form, **more)


def chat_response(said: str, number: int = 0) -> JsonObject:
    """A teacher's answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": said}, "logprobs": None}
    return {
        "id": f"chatcmpl-teacher{number:020}",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [{**choice, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 2, "total_tokens": 14},
    }


def message_response(said: str, number: int = 0) -> JsonObject:
    """The same, of Anthropic's API."""
    return {
        "id": f"msg_teacher{number:020}",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [{"type": "text", "text": said}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 12, "output_tokens": 2},
    }


def response_response(said: str, number: int = 0) -> JsonObject:
    """The same, of OpenAI's Responses API."""
    part = {"type": "output_text", "text": said, "annotations": [], "logprobs": []}
    message = {"id": f"msg_{number}", "type": "message", "role": "assistant", "content": [part]}
    return {
        "id": f"resp_teacher{number:020}",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": f"{MODEL}-2026-01-01",
        "output": [{**message, "status": "completed"}],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {"input_tokens": 12, "output_tokens": 2, "total_tokens": 14},
    }


_RESPONSE_OF = {
    "chat": chat_response,
    "messages": message_response,
    "responses": response_response,
}


def record(
    request: JsonObject,
    said: str,
    number: int = 0,
    endpoint: Endpoint = "chat",
    task: str | None = "support",
) -> Call:
    """A recorded call, made as the gateway's recorder makes it."""
    return make_call(
        source="gateway",
        endpoint=endpoint,
        request=request,
        response=_RESPONSE_OF[endpoint](said, number),
        time=1_760_000_000.0 + number,
        redactor=Redactor(),
        latency_ms=500.0,
        task=task,
        cost_usd=0.001,
    )


def spelled(label: str) -> str:
    """How the teacher writes a label."""
    return f"{label.title()}."


@cache
def label_calls() -> list[Call]:
    """What the student of labels learned from, in both APIs."""
    calls = []
    for number, example in enumerate(make_examples(60, noise=0.0)):
        said = spelled(str(example.answer))
        calls.append(record(chat_request(example.text), said, number))
        asked = message_request(example.text)
        calls.append(record(asked, said, 1_000 + number, endpoint="messages"))
    for number, limits in enumerate(LIMITED * 10):
        calls.append(record(chat_request(f"text {number}", **limits), "Billing.", 2_000 + number))
    return calls


@cache
def mail_calls() -> list[Call]:
    """What the student of mails learned from."""
    return [
        record(mail_request(mail.text), fenced(mail.answer), number, task="mail")
        for number, mail in enumerate(make_short_mails(40))
    ]


def fenced(answer: JsonObject) -> str:
    """How the teacher writes an object."""
    return f"```json\n{orjson.dumps(answer).decode()}\n```"


# Who is promoted.


class Promoted(NamedTuple):
    """A student in a store."""

    promotion: Promotion
    prepared: Prepared


def promote(
    place: str | Path,
    folder: Path,
    student: AnyStudent | None = None,
    calls: Sequence[Call] | None = None,
    *,
    percent: float = 100.0,
    shadow: float = 1e-9,
) -> Promoted:
    """Promote a student into a store; by default that of labels, and hardly ever shadowed.

    Args:
        place: The store.
        folder: Where the student is saved first.
        student: The student.
        calls: What it learned from.
        percent: As of the command.
        shadow: Likewise.
    """
    student = student or label_student()
    if calls is None:
        calls = label_calls() if isinstance(student, CertifiedStudent) else mail_calls()
    artefact = read_artefact_files(student.save(folder))
    prepared = prepare_plan(student, calls)
    with open_database(place) as database:
        CallStore(database).add(calls)
        promotion = PromotionStore(database).promote(
            student.task.name,
            artefact.sha256,
            artefact.files,
            write_plan(prepared.plan),
            percent=percent,
            shadow=shadow,
        )
    return Promoted(promotion, prepared)


def stored_files(store: PromotionStore, artefact: str) -> dict[str, bytes]:
    """Return the files of a promoted student as they were kept."""
    return {
        name: b"".join(store.piece(artefact, name, part) for part in range(pieces))
        for name, pieces in store.pieces(artefact).items()
    }


def change(
    place: str | Path,
    task: str = "support",
    *,
    percent: float | None = None,
    shadow: float | None = None,
) -> Promotion:
    """Promote the student that was promoted already, with other shares."""
    with open_database(place) as database:
        store = PromotionStore(database)
        was = store.find(task)
        assert was is not None
        return store.promote(
            task,
            was.artefact,
            stored_files(store, was.artefact),
            was.plan,
            percent=was.percent if percent is None else percent,
            shadow=was.shadow if shadow is None else shadow,
        )


def demote(place: str | Path, task: str = "support") -> None:
    """Let the teacher answer again."""
    with open_database(place) as database:
        assert PromotionStore(database).end(task, "demoted", "") is not None


def states(gateway: Running) -> list[str]:
    """The states of a gateway's students."""
    stand_ins = gateway.gateway._roster.stand_ins  # noqa: SLF001 - no page tells it
    return [stand_in.link.state for stand_in in stand_ins if stand_in.link is not None]


def student_pid(gateway: Running) -> int:
    [stand_in] = gateway.gateway._roster.stand_ins  # noqa: SLF001 - to do it harm
    assert stand_in.link is not None
    process = stand_in.link._process  # noqa: SLF001
    assert process is not None
    return process.pid


def wait_until_ready(gateway: Running, students: int = 1) -> None:
    """Wait until the students of a gateway have been loaded."""
    assert happens(lambda: states(gateway) == ["ready"] * students), states(gateway)


LIMITS = LimitSettings(student_seconds=5.0)
"""A student has time enough, also on a machine that has much to do."""


def upstreams(url: str) -> dict[str, UpstreamSettings]:
    """One teacher, asked in both APIs."""
    return {
        "openai": UpstreamSettings(url=url),
        "anthropic": UpstreamSettings(url=url, api="anthropic"),
    }


@contextmanager
def serving(
    home: Path, upstream: Upstream, limits: LimitSettings = LIMITS, shadow: float = 1e-9
) -> Iterator[Running]:
    """Run a gateway whose student is ready."""
    promote(home / "calls.sqlite", home / "support", shadow=shadow)
    with running_gateway(home, upstreams(upstream.url), limits) as running:
        wait_until_ready(running)
        yield running


# How it is asked.


def send(gateway: Running, request: JsonObject, *headers: str, path: str = CHAT) -> Answer:
    """Send a call."""
    if path == MESSAGES:
        headers = ("anthropic-version: 2023-06-01", *headers)
    return ask(gateway, post(orjson.dumps(request), *headers, path=path))


def route(gateway: Running, request: JsonObject, *headers: str, path: str = CHAT) -> str:
    """Send a call, and return who answered it."""
    answer = send(gateway, request, *headers, path=path)
    assert answer.status == 200, answer.body
    return answer.headers["x-locum-route"]


def said(answer: Answer) -> str:
    """What an answer of any API says."""
    body = orjson.loads(answer.body)
    if "output" in body:
        return str(body["output"][0]["content"][0]["text"])
    if "content" in body:
        return str(body["content"][0]["text"])
    return str(body["choices"][0]["message"]["content"])
