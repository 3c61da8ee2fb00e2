"""What is kept of recorded calls so that a student can answer as its teacher did."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.config import RedactionSettings
from locum.errors import InputError, QualityGateError
from locum.promotion import (
    AnswerText,
    Frame,
    LabelWording,
    ObjectWording,
    Plan,
    Recognition,
    prepare_plan,
    read_artefact_files,
    read_plan,
    write_plan,
)
from locum.promotion.framer import Framer
from locum.promotion.recognition import Foreseen
from locum.promotion.token_lines import TokenLine
from locum.promotion.varying import Varying
from locum.promotion.wording import Worded, word_labels, word_objects
from locum.schema import Call
from locum.store import Promotion
from tests.json_traffic import SHORT_SCHEMA, make_short_mails
from tests.promoted import (
    CERTIFICATE,
    MODEL,
    chat_request,
    label_calls,
    label_student,
    mail_calls,
    mail_request,
    object_student,
    record,
    response_request,
)
from tests.traffic import LABELS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from locum.schema import JsonObject

USER = {"role": "user", "content": "x"}
FRAME = Frame("0123456789ab", MODEL, "settings", "turns")
PLAN = Plan(
    recognition=Recognition(frozenset({FRAME, FRAME._replace(model="")}), "b", "a", by_name=True),
    labels={"0123456789ab": {"billing": LabelWording("Billing.", 3), "x": LabelWording("", None)}},
    objects={"ba9876543210": ObjectWording("```json\n", "\n```")},
    prompt_tokens=TokenLine(10.0, 0.25),
    call_usd=0.001,
    call_ms=None,
    target=0.9,
    confidence=0.95,
    coverage=0.8,
    teacher=MODEL,
    thoughts={"ffffffffffff": "<think></think>"},
    answer_tokens={"ba9876543210": TokenLine(2.0, 0.5)},
)


def worded(answers: Sequence[str], labels: Sequence[str] = LABELS) -> dict[str, LabelWording]:
    return word_labels(labels, [Worded(answer, len(answer)) for answer in answers])


# Wording.


def test_a_label_is_written_as_the_teacher_most_often_writes_it() -> None:
    found = worded(["Billing", "Billing", "billing.", "**Shipping**", "nonsense"])
    assert found == {
        "billing": LabelWording("Billing", 7),
        "shipping": LabelWording("**Shipping**", 12),
    }


def test_a_label_inside_json_is_written_so() -> None:
    said = ['{"team": "billing"}', '{"team": "shipping"}', '```json\n{"team": "returns"}\n```']
    assert {label: text for label, (text, _) in worded(said).items()} == dict(
        zip(LABELS, said, strict=True)
    )


def test_a_label_that_was_never_answered_is_written_plainly_where_all_others_are() -> None:
    assert worded(["billing"])["returns"] == LabelWording("returns", None)
    assert worded(["billing"]).keys() == set(LABELS)
    assert worded(["Billing"]).keys() == {"billing"}


def test_answers_that_say_more_than_the_label_are_refused() -> None:
    reasons = [f'{{"why": "reason {number}", "team": "billing"}}' for number in range(9)]
    with pytest.raises(InputError, match=r"say more than the label 'billing'.*--schema"):
        worded(reasons)
    assert worded(["billing"] * 9 + reasons)["billing"].text == "billing"


def test_a_rare_label_in_as_many_spellings_is_the_teacher_s_alone() -> None:
    found = worded(["billing"] * 9 + ["Returns", "returns.", "**Returns**"])
    # One that was never answered is still written plainly, as all others are.
    assert found.keys() == {"billing", "shipping"}


def test_labels_that_are_left_to_the_teacher_are_told_of() -> None:
    said = ["Billing.", "Billing.", "Shipping.", "Shipping.", "Returns", "returns.", "**Returns**"]
    calls = [record(chat_request(f"text {n}"), answer, n) for n, answer in enumerate(said)]
    found = prepare_plan(label_student(), calls)
    assert found.unworded == ("returns",)
    [labels] = found.plan.labels.values()
    assert labels.keys() == {"billing", "shipping"}
    assert prepare_plan(label_student(), label_calls()).unworded == ()


@given(st.lists(st.sampled_from(["billing", "Billing", " BILLING ", '"shipping"', "x", ""])))
def test_what_is_written_means_the_label(answers: list[str]) -> None:
    try:
        found = worded(answers)
    except InputError:
        return
    for label, (text, _) in found.items():
        assert text in answers or text == label
        assert worded([text])[label].text == text


def test_a_fence_around_objects_is_kept_where_it_is_nearly_always_there() -> None:
    plain, fenced = Worded('{"a": {"b": 1}}', 5), Worded('```json\n{"a": {}}\n```', 5)
    assert word_objects([fenced] * 9 + [plain]) == ObjectWording("```json\n", "\n```")
    assert word_objects([fenced] * 8 + [plain] * 2) == ObjectWording()
    assert word_objects([plain] * 9 + [fenced]) == ObjectWording()
    assert word_objects([Worded("none", 1)]) == word_objects([]) == ObjectWording()
    said = [Worded(f'Here is number {n}: {{"a": {n}}}', 9) for n in range(10)]
    assert word_objects(said) == ObjectWording()


@pytest.mark.parametrize(
    ("answer", "before", "after"),
    [
        ('Order {0} is meant:\n\n```json\n{{"a": {0}}}\n```', "```json\n", "\n```"),
        ('<thinking>{0}?</thinking>\n<json>{{"a": {0}}}</json>', "<json>", "</json>"),
        ('```json\n{{"a": {0}}}\n```\n\nIs order {0} meant?', "```json\n", "\n```"),
        ('Order {0} is meant: {{"a": {0}}}', "", ""),
    ],
)
def test_a_fence_stays_where_what_stands_before_it_differs(
    answer: str, before: str, after: str
) -> None:
    said = [Worded(answer.format(number), 1) for number in range(20)]
    assert word_objects(said) == ObjectWording(before, after)


# The plan.


def kept(plan: JsonObject) -> Promotion:
    return Promotion("support", 1, "active", "aa", 100.0, 0.02, plan, 0.0, "")


def test_a_plan_comes_back_as_it_was_written() -> None:
    written = orjson.loads(orjson.dumps(write_plan(PLAN)))
    assert read_plan(kept(written)) == PLAN
    for student, calls in ((label_student(), label_calls()), (object_student(), mail_calls())):
        plan = prepare_plan(student, calls).plan
        assert read_plan(kept(orjson.loads(orjson.dumps(write_plan(plan))))) == plan


@pytest.mark.parametrize(
    "damage",
    [
        {"frames": [["a", "b", "c"]]},
        {"frames": None},
        {"target": "high"},
        {"target": None},
        {"labels": {"f": {"billing": "Billing"}}},
        {"prompt_tokens": [1.0]},
        {"added_next_year": 1},
        {"coverage": float("nan")},
    ],
)
def test_a_damaged_plan_is_refused(damage: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="locum distill support, then locum promote support"):
        read_plan(kept(write_plan(PLAN) | damage))


def test_no_part_of_a_plan_may_be_missing() -> None:
    written = write_plan(PLAN)
    # Without models, an answer names the one that was asked for; without texts, none is free text;
    # without patterns, it is not known which they were; without thoughts, none begins with them;
    # without the tokens of answers, these are estimated.
    for name in written.keys() - {"models", "texts", "patterns", "thoughts", "answer_tokens"}:
        with pytest.raises(InputError, match=f"made by another version of Locum.*{name}"):
            read_plan(kept({key: value for key, value in written.items() if key != name}))


def test_only_what_the_teacher_was_seen_to_write_is_said() -> None:
    assert PLAN.word("0123456789ab", "billing") == AnswerText("Billing.", 3)
    assert PLAN.word("0123456789ab", "shipping") is None
    assert PLAN.word("ffffffffffff", "billing") is None
    found = PLAN.word("ba9876543210", '{"a":1}')
    assert found == AnswerText('```json\n{"a":1}\n```', 12)
    written = PLAN._replace(texts=("ba9876543210", "f")).word
    assert written("ba9876543210", "a" * 12) == AnswerText("a" * 12, 8)
    assert written("f", "a" * 12) == AnswerText("a" * 12, 3)


# From calls to a plan.


def test_calls_of_both_apis_are_recognised_as_one_task() -> None:
    prepared = prepare_plan(label_student(), label_calls())
    plan = prepared.plan
    assert (prepared.calls, prepared.recognised) == (150, 150)
    assert {frame.model for frame in plan.recognition.frames} == {MODEL}
    assert len(plan.recognition.frames) == 5
    assert not plan.recognition.by_name
    [labels] = plan.labels.values()
    assert labels["billing"] == LabelWording("Billing.", 2)
    assert plan.call_usd == pytest.approx(0.001)
    assert plan.call_ms == 500.0
    promise = (plan.target, plan.confidence, plan.coverage)
    assert promise == (CERTIFICATE.target, CERTIFICATE.confidence, CERTIFICATE.coverage)


def test_calls_that_no_student_could_answer_are_passed_over() -> None:
    tools = [{"type": "function", "function": {"name": "find"}}]
    odd = record(chat_request("x", tools=tools), "Billing.", 7_000)
    silent = Call(label_calls()[0].facts, label_calls()[0].request, None)
    prepared = prepare_plan(label_student(), [*label_calls(), odd, silent])
    assert (prepared.calls, prepared.recognised) == (152, 150)
    with pytest.raises(InputError, match=r"of the 2 calls .* none is one that a gateway's student"):
        prepare_plan(label_student(), [odd, silent])
    with pytest.raises(InputError, match=r"last; 1 of them have 'tools': record calls that it can"):
        prepare_plan(label_student(), [odd])
    with pytest.raises(InputError, match="the store knows no call"):
        prepare_plan(label_student(), [])


@pytest.mark.parametrize(
    ("part", "vary"),
    [
        ("'max_tokens'", lambda n: {"max_tokens": 4_096 - n, "temperature": n % 3}),
        ("'stop'", lambda n: {"stop": [f"[{n}]"]}),
        ("the model", lambda n: {"model": f"fine-tuned-{n}"}),
        (
            "the instruction or the output format",
            lambda n: {
                "messages": [{"role": "system", "content": f"You help customer {n}."}, USER]
            },
        ),
    ],
    ids=["max_tokens", "stop", "model", "instruction"],
)
def test_calls_of_which_none_would_be_recognised_are_refused_with_what_varies(
    part: str, vary: Callable[[int], JsonObject]
) -> None:
    calls = [record(chat_request("x") | vary(n), "Billing.", n) for n in range(60)]
    with pytest.raises(InputError, match=rf"of the 60 .* no 2% .*; {part} has 60 values: let"):
        prepare_plan(label_student(), calls)
    same = [record(chat_request("x"), "Billing.", n) for n in range(60, 62)]
    assert prepare_plan(label_student(), [*calls, *same]).recognised == 2


def test_an_instruction_that_goes_on_changing_is_told_of() -> None:
    calls = [
        record(chat_request("x", f"Sort it. Today is 2026-11-{1 + n // 6:02d}."), "Billing.", n)
        for n in range(60)
    ]
    prepared = prepare_plan(label_student(), calls)
    assert (prepared.recognised, prepared.foreseen) == (60, Foreseen(30, 0))
    assert prepared.varying == Varying("the instruction or the output format", 10)
    same = prepare_plan(label_student(), label_calls())
    assert (same.foreseen, same.varying) == (None, None)


def test_what_varies_is_told_by_frames_as_they_are_made() -> None:
    asked = [
        chat_request("x")
        | {
            "max_tokens": 100 + n // 2,
            "messages": [{"role": "system", "content": f"You help 84.12.3.{n}."}, USER],
        }
        for n in range(200)
    ]
    kept = [record(one, "Billing.", n) for n, one in enumerate(asked)]
    calls = [Call(k.facts, one, k.response) for k, one in zip(kept, asked, strict=True)]
    framer = Framer(RedactionSettings(off=frozenset({"ip_address"})))
    with pytest.raises(InputError, match="'max_tokens' has 100 values"):
        prepare_plan(label_student(), calls, framer=framer)


def test_models_are_named_as_in_most_answers() -> None:
    asked = response_request("x")
    calls = [record(asked, "Billing.", n, endpoint="responses") for n in range(3)]
    chats = [record(chat_request("x"), "Billing.", 10 + n) for n in range(2)]
    plan = prepare_plan(label_student(), [*calls, *chats]).plan
    assert plan.models == {MODEL: f"{MODEL}-2026-01-01"}


@pytest.mark.parametrize(("source", "known"), [("langfuse", True), ("pairs", False)])
def test_a_log_of_what_answered_lets_a_model_be_asked_for_without_its_date(
    source: str, *, known: bool
) -> None:
    dated = "gpt-5.2-2026-01-01"
    calls = [record({**chat_request("x"), "model": dated}, "Billing.", n) for n in range(3)]
    calls = [one._replace(facts=dataclasses.replace(one.facts, source=source)) for one in calls]
    plan = prepare_plan(label_student(), calls).plan
    assert plan.recognition.may_name(dated)
    assert plan.recognition.may_name("gpt-5.2") is known
    assert plan.models.get("gpt-5.2") == (dated if known else None)


def test_calls_that_were_to_be_stored_are_counted() -> None:
    chat = [chat_request("x", store=store) for store in (True, False, None)]
    calls = [record(asked, "Billing.", number) for number, asked in enumerate(chat)]
    for number, store in enumerate([True, False, None], 10):
        asked = response_request("x", store=store)
        calls.append(record(asked, "Billing.", number, endpoint="responses"))
    prepared = prepare_plan(label_student(), calls)
    assert (prepared.recognised, prepared.stored) == (6, 3)


def test_bare_calls_have_to_be_named() -> None:
    asked = [{"model": MODEL, "messages": [{"role": "user", "content": text}]} for text in "abc"]
    named = [record(request, "Billing.", n) for n, request in enumerate(asked)]
    assert prepare_plan(label_student(), named).plan.recognition.by_name
    nameless = [record(request, "Billing.", n, task=None) for n, request in enumerate(asked)]
    with pytest.raises(InputError, match="x-locum-task"):
        prepare_plan(label_student(), nameless)


def test_a_student_without_a_certificate_for_whole_objects_is_not_promoted() -> None:
    partial = dataclasses.replace(object_student(), certificate=None)
    with pytest.raises(QualityGateError, match="certified for single fields alone"):
        prepare_plan(partial, mail_calls())


def test_a_student_whose_objects_look_otherwise_is_not_promoted() -> None:
    wrapped = [
        record(mail_request(mail.text), f'{{"mail": {orjson.dumps(mail.answer).decode()}}}', number)
        for number, mail in enumerate(make_short_mails(5))
    ]
    with pytest.raises(InputError, match=r"5 of the 5 answers .* \(wrapped object\)"):
        prepare_plan(object_student(), wrapped)


def test_a_field_that_calls_require_may_not_be_left_out() -> None:
    schema = {**SHORT_SCHEMA, "required": [*SHORT_SCHEMA["required"], "summary"]}
    form = {"type": "json_schema", "json_schema": {"name": "mail", "schema": schema}}
    [mail] = make_short_mails(1)
    said = orjson.dumps(mail.answer | {"summary": "s"}).decode()
    strict = record(mail_request(mail.text) | {"response_format": form}, said, 8_000)
    with pytest.raises(InputError, match="require the field 'summary'"):
        prepare_plan(object_student(), [strict])


def test_prompt_tokens_are_a_line_through_what_was_recorded() -> None:
    calls = [record(chat_request("x" * 4 * size), "Billing.", size) for size in range(10, 40)]
    counted = [
        Call(dataclasses.replace(call.facts, input_tokens=20 + size), call.request, call.response)
        for size, call in zip(range(10, 40), calls, strict=True)
    ]
    tokens = prepare_plan(label_student(), counted).plan.prompt_tokens
    assert tokens.fixed == pytest.approx(20)
    assert tokens.a_character == pytest.approx(0.25)
    assert tokens.count("x" * 400) == 120
    few = prepare_plan(label_student(), counted[:5]).plan.prompt_tokens
    assert few == TokenLine(0.0, 0.25)
    assert few.count("") == 1


@pytest.mark.parametrize("indent", [None, 2])
def test_tokens_of_objects_are_those_of_the_teacher_s_like_ones(indent: int | None) -> None:
    """A teacher may write them out more widely, and with a field that the student leaves out."""
    mails = make_short_mails(40)
    calls, said = [], []
    for number, mail in enumerate(mails):
        said.append(orjson.dumps(mail.answer).decode())
        written = json.dumps(mail.answer | {"summary": "s"}, indent=indent)
        call = record(mail_request(mail.text), written, number, task="mail")
        tokens = 9 + len(said[-1]) // 2
        calls.append(Call(dataclasses.replace(call.facts, output_tokens=tokens), *call[1:]))
    plan = prepare_plan(object_student(), calls).plan
    [fingerprint] = plan.objects
    for text in said:
        answer = plan.word(fingerprint, text)
        assert answer is not None
        assert answer.text == text
        assert abs(answer.tokens - (9 + len(text) // 2)) <= 1
    few = prepare_plan(object_student(), calls[:5]).plan.word(fingerprint, "x" * 400)
    assert few == AnswerText("x" * 400, 100)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 10**6)), min_size=1, max_size=30))
def test_prompt_tokens_are_never_negative(sizes: list[tuple[int, int]]) -> None:
    calls = [record(chat_request("x" * size), "Billing.") for size, _ in sizes]
    counted = [
        Call(dataclasses.replace(call.facts, input_tokens=tokens), call.request, call.response)
        for call, (_, tokens) in zip(calls, sizes, strict=True)
    ]
    tokens = prepare_plan(label_student(), counted).plan.prompt_tokens
    assert all(tokens.count("x" * size) >= 1 for size in (0, 1, 10**6))


# The student's files.


def test_all_files_of_a_student_are_read(tmp_path: Path) -> None:
    folder = object_student().save(tmp_path / "student")
    (folder / ".DS_Store").write_bytes(b"")
    found = read_artefact_files(folder)
    kept = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert found.files.keys() == kept - {".DS_Store"}
    assert all((folder / name).read_bytes() == content for name, content in found.files.items())
    (folder / "manifest.json").write_bytes(b"{}")
    assert read_artefact_files(folder).sha256 != found.sha256
