"""The loop for JSON answers as a whole, on mails whose right answers are known."""

from __future__ import annotations

import dataclasses
import json
import math
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from locum.alignment import AlignmentReport
from locum.config import RedactionSettings
from locum.errors import InputError, UsageError
from locum.evaluation import Promise
from locum.export import CertifiedExtractor, UnitCertificates
from locum.extraction import ExtractionDistillation, distill_extraction, schema_of_answers
from locum.extraction.answers import refuse_lists
from locum.extraction.certifying import certify_units, decide_on_objects
from locum.extraction.hindrances import find_hindrances
from locum.extractors import Unit, Verdicts
from locum.redaction import Redactor
from locum.schema import Example, Task
from locum.shapes import Checker, ExtractionTask
from tests.json_traffic import (
    INTENTS,
    SCHEMA,
    SHORT_SCHEMA,
    Mail,
    make_answers,
    make_mails,
    make_short_mails,
    make_short_task,
    make_task,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from locum.schema import Extraction, JsonObject

TARGET = 0.85
VAGUE = 0.1
BLANKS = ["", " ", "\n\t \r\n", "\u00a0"]


@pytest.fixture(scope="module")
def result() -> ExtractionDistillation:
    """A distillation of 450 mails, of which a tenth do not say what is asked for."""
    mails = make_mails(450, vague=VAGUE)
    return distill_extraction(make_task(), make_answers(mails), target=TARGET, family="linear")


@pytest.fixture(scope="module")
def student(result: ExtractionDistillation) -> CertifiedExtractor:
    """Its student."""
    assert result.student is not None
    return result.student


@pytest.fixture(scope="module")
def fresh() -> list[Mail]:
    """Mails that took no part."""
    return make_mails(300, seed=1, vague=VAGUE)


@pytest.fixture(scope="module")
def found(student: CertifiedExtractor, fresh: Sequence[Mail]) -> list[Extraction]:
    """What the student says of them."""
    return student.predict([mail.text for mail in fresh])


@pytest.fixture(scope="module")
def short() -> ExtractionDistillation:
    """A distillation with few fields."""
    return distill_short(make_short_mails(200))


def distill_short(
    mails: Sequence[Mail], task: ExtractionTask | None = None, *, partial: bool = False
) -> ExtractionDistillation:
    """Distil mails with few fields."""
    examples = make_answers(mails)
    return distill_extraction(
        task or make_short_task(), examples, target=TARGET, family="linear", partial=partial
    )


def student_of(distillation: ExtractionDistillation) -> CertifiedExtractor:
    assert distillation.student is not None, distillation.decision.reason
    return distillation.student


def test_a_good_teacher_is_distilled(result: ExtractionDistillation) -> None:
    assert result.decision.verdict == "distil"
    certificate = result.certificate
    assert certificate is not None
    assert certificate.coverage > 0.8
    assert certificate.lower_bound >= certificate.target == TARGET
    assert f"may answer {certificate.coverage:.1%} of inputs" in result.decision.reason
    assert result.evaluation is not None
    assert result.evaluation.agreement.value > 0.8
    assert result.student is not None
    assert result.student.certificate == certificate


def test_each_field_is_had_as_its_values_are(result: ExtractionDistillation) -> None:
    kinds = {unit.path: unit.kind for unit in result.units}
    assert kinds == {
        ("intent",): "closed",
        ("urgent",): "closed",
        ("order", "number"): "spans",
        ("order", "total"): "spans",
        ("items",): "spans",
        ("summary",): "written",
    }
    fields = {field.path: field.kind for unit in result.units for field in unit.fields}
    assert fields["order", "number"] == fields["items", "[]", "product"] == "copied"
    assert fields["order", "total"] == "normalised"
    assert result.alignment is not None
    assert result.alignment.whole == result.alignment.answers == result.data.splits["train"]


def test_the_splits_hold_every_input_once_and_a_call_is_priced(
    result: ExtractionDistillation,
) -> None:
    data = result.data
    assert sum(data.splits.values()) + data.unused == data.inputs == 450
    assert data.missing == 0
    assert data.problems == []
    assert not data.repairs
    assert result.costs.cost_per_1000_usd == pytest.approx(0.2)
    assert result.costs.latency_p50_ms == 900.0


def test_every_object_satisfies_the_schema(
    found: Sequence[Extraction], student: CertifiedExtractor
) -> None:
    checker = Checker(SCHEMA)
    odd = ["RX-12345", "$1,2", "9 x", "I ordered 3 x oak shelf and and and", "\0", "€" * 30]
    objects = [one.answer for one in (*found, *student.predict(odd)) if one.answer is not None]
    assert len(objects) > 290
    assert [checker.problem(value) for value in objects] == [None] * len(objects)


def test_the_promise_holds_on_fresh_inputs(
    result: ExtractionDistillation, found: Sequence[Extraction], fresh: Sequence[Mail]
) -> None:
    certificate = result.certificate
    assert certificate is not None
    answered = [(one, mail) for one, mail in zip(found, fresh, strict=True) if one.answered]
    coverage = len(answered) / len(fresh)
    spread = certificate.coverage * (1 - certificate.coverage)
    noise = math.sqrt(spread * (1 / certificate.inputs + 1 / len(fresh)))
    assert abs(coverage - certificate.coverage) < 3 * noise
    assert np.mean([one.answer == mail.answer for one, mail in answered]) >= TARGET


def test_what_a_text_does_not_say_is_not_known(student: CertifiedExtractor) -> None:
    vague = student.predict([mail.text for mail in make_mails(100, seed=2, vague=1.0)])
    clear = student.predict([mail.text for mail in make_mails(100, seed=2)])
    sure, unsure = ([one.fields["intent"].confidence for one in of] for of in (clear, vague))
    assert np.mean(sure) > np.mean(unsure) + 0.1
    assert np.mean([one.answered for one in clear]) > np.mean([one.answered for one in vague])


def test_single_fields_keep_their_own_promise(
    student: CertifiedExtractor, found: Sequence[Extraction], fresh: Sequence[Mail]
) -> None:
    certified = {path for path, one in student.field_certificates.items() if one.value}
    assert {("urgent",), ("order", "number"), ("items",)} <= certified
    for path in ("urgent", "order.number", "order.total", "items"):
        told = [
            one.fields[path].value == value_at(mail.answer, path)
            for one, mail in zip(found, fresh, strict=True)
            if one.fields[path].accepted
        ]
        assert len(told) > 200, path
        assert np.mean(told) >= TARGET, path


def value_at(answer: JsonObject, path: str) -> object:
    value: Any = answer
    for name in path.split("."):
        value = value[name]
    return value


def test_of_an_answered_text_every_field_is_accepted(found: Sequence[Extraction]) -> None:
    for one in found:
        assert not one.answered or all(field.accepted for field in one.fields.values())
    assert any(
        not one.answered and any(field.accepted for field in one.fields.values()) for one in found
    )


def test_answer_says_what_predict_says(
    student: CertifiedExtractor, found: Sequence[Extraction], fresh: Sequence[Mail]
) -> None:
    for one, mail in zip(found[:150], fresh[:150], strict=True):
        assert student.answer_text(mail.text) == (one.answer if one.answered else None)
    assert {one.answered for one in found[:150]} == {True, False}
    assert student.answer_text("") is None


def test_disagreements_are_shown_the_surest_first(result: ExtractionDistillation) -> None:
    assert result.evaluation is not None
    shown = result.evaluation.disagreements
    assert shown
    sure = [one.confidence for one in shown]
    assert sure == sorted(sure, reverse=True)
    for one in shown:
        assert json.loads(one.student) != json.loads(one.teacher)


@pytest.mark.parametrize("blank", BLANKS)
def test_of_a_blank_text_nothing_is_answered_or_accepted(
    student: CertifiedExtractor, blank: str
) -> None:
    assert student.certificate is not None
    always = student.certificate._replace(threshold=0.0)
    lax = dataclasses.replace(
        student,
        certificate=always,
        field_certificates={
            path: UnitCertificates(always, always) for path in student.field_certificates
        },
    )
    (said,) = lax.predict([blank])
    assert not said.answered
    assert not any(field.accepted for field in said.fields.values())
    assert lax.answer_text(blank) is None
    (other,) = lax.predict(["a"])
    assert other.answered
    assert all(field.accepted for field in other.fields.values())


def test_a_task_of_labels_is_for_another_function() -> None:
    labels = Task("support", ("billing", "returns"))
    with pytest.raises(
        UsageError, match=r"expected a locum.ExtractionTask; it is for locum.distill$"
    ):
        distill_extraction(labels, ["x"])  # type: ignore[arg-type]


def test_an_encoder_may_lie_at_a_path(tmp_path: Path) -> None:
    task = ExtractionTask("facts", {"type": "object", "properties": {"a": {"type": "string"}}})
    with pytest.raises(InputError, match="no input"):
        distill_extraction(task, ["x"], encoder=tmp_path)


def test_one_string_is_not_a_list_of_texts(student: CertifiedExtractor) -> None:
    with pytest.raises(UsageError, match="is one text: give a list of texts"):
        student.predict("a text")
    assert student.predict([]) == []


ORDERS = RedactionSettings(patterns={"order": r"\b(?:RX|QB|TL)-\d{5}\b"})


@pytest.fixture(scope="module")
def redacting() -> CertifiedExtractor:
    """A student that learned from mails, and answers, without the numbers of orders."""
    redactor = Redactor(ORDERS)
    redacted = [
        dataclasses.replace(example, text=text, answer=answer)
        for example in make_answers(make_short_mails(200))
        for text, answer in [redactor.redact([example.text, example.answer]).values]
    ]
    assert not any("RX-" in f"{example.text}{example.answer}" for example in redacted)
    distilled = distill_extraction(make_short_task(), redacted, target=TARGET, family="linear")
    return dataclasses.replace(student_of(distilled), redaction=ORDERS)


def test_what_was_taken_out_of_a_text_is_put_back_into_its_answer(
    redacting: CertifiedExtractor,
) -> None:
    mails = [mail for mail in make_short_mails(60, seed=2) if mail.answer["number"]]
    said = redacting.predict([mail.text for mail in mails])
    assert sum(one.answered for one in said) > 0.8 * len(mails) > 20
    for one, mail in zip(said, mails, strict=True):
        assert redacting.answer_text(mail.text) == (one.answer if one.answered else None)
        assert "ORDER" not in json.dumps([one.answer, one.fields["number"].value])
        if one.answered:
            assert one.answer is not None
            assert one.answer["number"] == mail.answer["number"]
            assert one.fields["number"].value == mail.answer["number"]
    unread = dataclasses.replace(redacting, redaction=None)
    hidden = Redactor(ORDERS).redact_text(mails[0].text)
    assert unread.predict([hidden])[0].answer == {
        **(said[0].answer or {}),
        "number": "[ORDER_1]",
    }


def test_a_placeholder_that_was_learned_is_never_taken_for_what_a_text_holds() -> None:
    desks = {"refund": "[EMAIL_1]", "delivery": "[EMAIL_1]"}
    mails = make_short_mails(250)
    answers = [{"desk": desks.get(mail.answer["intent"], "[EMAIL_2]")} for mail in mails]
    desk = {"enum": ["[EMAIL_1]", "[EMAIL_2]"]}  # nothing but a schema makes these closed values
    schema = {"type": "object", "properties": {"desk": desk}, "required": ["desk"]}
    examples = [
        Example(mail.text, json.dumps(answer)) for mail, answer in zip(mails, answers, strict=True)
    ]
    distilled = distill_extraction(
        ExtractionTask("desks", schema), examples, target=TARGET, family="linear"
    )
    student = dataclasses.replace(student_of(distilled), redaction=RedactionSettings())
    text = f"{make_short_mails(1, seed=4)[0].text} I am eve@evil.com"
    (said,) = student.predict([text])
    assert said.answer is None
    assert student.answer_text(text) is None
    assert (said.confidence, said.answered) == (0, False)
    assert said.fields["desk"] == (None, 0.0, False)
    assert student.predict([f"{text} or [EMAIL_1], [EMAIL_2]"])[0].answer in [
        {"desk": "[EMAIL_1]"},
        {"desk": "[EMAIL_2]"},
    ]


def test_the_same_seed_gives_the_same_result(short: ExtractionDistillation) -> None:
    again = distill_short(make_short_mails(200))
    assert again.decision == short.decision
    assert again.certificate == short.certificate
    assert again.data == short.data
    assert again.evaluation == short.evaluation
    assert again.units == short.units
    texts = [mail.text for mail in make_short_mails(20, seed=3)]
    assert student_of(again).predict(texts) == student_of(short).predict(texts)


def test_too_few_inputs_say_how_many_more() -> None:
    few = make_answers(make_mails(40))
    result = distill_extraction(make_task(), few)
    assert result.decision.verdict == "collect_more"
    assert result.decision.more_inputs is not None
    assert 300 < result.decision.more_inputs < 1000
    assert "not enough inputs: 40 leave 8 to certify on" in result.decision.reason
    assert result.student is None
    assert result.certificate is None
    assert result.evaluation is None
    assert result.units == ()
    other = distill_extraction(make_task(), few, seed=1)
    assert other.data.training_sha256 != result.data.training_sha256
    assert other.data.splits == result.data.splits


def test_an_owners_test_set_stays_and_times_order_the_rest() -> None:
    examples = [
        dataclasses.replace(example, time=float(number), held_out=number < 7)
        for number, example in enumerate(make_answers(make_mails(50)))
    ]
    data = distill_extraction(make_task(), examples).data
    assert data.by_time
    assert data.splits["test"] == 7


def test_near_copies_count_once() -> None:
    examples = make_answers(make_mails(40))
    copies = [dataclasses.replace(one, text=one.text.upper()) for one in examples]
    data = distill_extraction(make_task(), [*examples, *copies]).data
    assert data.exact_duplicates == 40
    assert data.unused == data.splits["certify"] + data.splits["test"] > 0


def test_copies_of_one_template_and_long_texts_are_told() -> None:
    examples = make_answers(make_mails(40))
    copies = [dataclasses.replace(examples[0], text=examples[0].text.upper()) for _ in range(6)]
    long = [dataclasses.replace(one, text=f"{one.text} {'x ' * 10_000}") for one in examples[1:3]]
    said = distill_extraction(make_task(), [*examples, *copies, *long]).data.warnings
    assert any("the largest group of near-copies holds 15% of the inputs" in one for one in said)
    told = "2 texts of over 20,000 characters: the student reads so many from the start, and defers"
    assert any(told in one for one in said)


@pytest.fixture(scope="module")
def summarised() -> list[Mail]:
    """Mails all of whose answers hold free text."""
    return make_short_mails(200, summarised=1.0)


def test_free_text_in_every_answer_is_refused_with_the_cures(summarised: Sequence[Mail]) -> None:
    result = distill_short(summarised)
    assert result.decision.verdict == "do_not_distil"
    reason = result.decision.reason
    assert "summary is written by the teacher in 100% of its answers" in reason
    assert "different; 0.0% of its values stand in the text as they are" in reason
    assert "--leave-out summary makes a student without" in reason
    assert "--partial one that gives the other fields alone" in reason
    assert result.student is None
    assert result.certificate is None
    assert result.evaluation is not None
    assert result.evaluation.agreement.value == 0


def test_fields_that_stand_at_one_place_are_named_with_the_cure() -> None:
    names = {name: {"type": "string"} for name in ("order", "parcel")}
    schema = {"type": "object", "properties": names, "required": [*names]}
    mails = make_short_mails(400, numbered=1.0)
    numbers = [str(mail.answer["number"]) for mail in mails]
    examples = [
        Example(mail.text, json.dumps(dict.fromkeys(names, number)))
        for mail, number in zip(mails, numbers, strict=True)
    ]
    task = ExtractionTask("orders", schema)
    decision = distill_extraction(task, examples, family="linear").decision
    assert decision.verdict == "do_not_distil"
    assert "parcel stands where order does in 240 of 240 answers" in decision.reason
    assert decision.reason.endswith("--leave-out parcel makes a student without")
    without = ExtractionTask("orders", schema, leave_out=("parcel",))
    assert distill_extraction(without, examples, family="linear").decision.verdict == "distil"


def test_a_field_that_the_text_does_not_tell_is_named_with_the_cure() -> None:
    generator = random.Random(1)  # noqa: S311 - no secret
    sure = [0.9, 0.92, 0.95, 0.97, 0.99]
    schema = open_schema()
    schema["properties"]["sure"] = {"enum": sure}
    mails = [
        mail._replace(
            answer={
                "intent": mail.answer["intent"],
                "urgent": mail.answer["urgent"],
                "sure": generator.choice(sure),
            }
        )
        for mail in make_short_mails(400)
    ]
    decision = distill_short(mails, ExtractionTask("mail", schema)).decision
    assert decision.verdict == "do_not_distil"
    assert "what the text does not tell is not learned: sure agrees with the" in decision.reason
    cure = "--leave-out sure makes a student without, --partial one that gives the other fields"
    assert cure in decision.reason
    assert "intent agrees" not in decision.reason
    without = distill_short(mails, ExtractionTask("mail", schema, leave_out=("sure",)))
    assert without.decision.verdict == "distil"
    assert "--leave-out" not in without.decision.reason
    alone = distill_short(mails, ExtractionTask("mail", schema), partial=True)
    assert "--leave-out" not in alone.decision.reason


def open_schema() -> dict[str, Any]:
    """A schema that names fewer fields than answers have, and allows the others."""
    properties = {name: SHORT_SCHEMA["properties"][name] for name in ("intent", "urgent")}
    return {"type": "object", "properties": properties, "required": [*properties]}


def test_fields_that_the_schema_does_not_name_are_told_with_the_cure(
    summarised: Sequence[Mail],
) -> None:
    mails = [
        mail._replace(answer={**mail.answer, "none": [], "meta": {"why": number}})
        for number, mail in enumerate(summarised)
    ]
    schema = open_schema()
    refused = distill_short(mails, ExtractionTask("mail", schema)).decision
    assert refused.verdict == "do_not_distil"
    assert "the student gives no field that the schema does not name" in refused.reason
    assert "the teacher's answers have meta (100%), " in refused.reason
    assert "summary (100%); add them to it, or --leave-out meta " in refused.reason
    assert refused.reason.endswith("--leave-out summary makes a student without")
    assert "none (" not in refused.reason
    names = ("meta", "number", "summary")
    result = distill_short(mails, ExtractionTask("mail", schema, leave_out=names))
    assert result.decision.verdict == "distil"
    assert "does not name" not in result.decision.reason
    [told] = [one for one in result.data.warnings if "as was asked for" in one]
    assert told == "the student's answers have no meta, number, summary, as was asked for"


def test_inner_fields_that_the_schema_does_not_name_are_told_by_their_path() -> None:
    schema = open_schema()
    schema["properties"]["items"] = {
        "type": "array",
        "items": {"type": "object", "properties": {"size": {"type": "integer"}}},
    }
    answer: JsonObject = {
        "intent": "refund",
        "urgent": True,
        "items": [{"size": 4, "why": "said"}, {"why": 1}],
    }
    task = ExtractionTask("mail", schema)
    none = AlignmentReport((), 1, 1)
    [found] = find_hindrances(task.shape, [], [answer], none, partial=False)
    assert found.said.endswith("have items[].why (100%)")
    assert found.cure == (
        'add them to it, or forbid items[].why in it ("additionalProperties": false) to do without'
    )
    assert found.fields == ()
    assert not find_hindrances(task.shape, [], [{}], none, partial=False)


def test_only_a_field_that_an_answer_has_can_be_left_out_of_an_open_schema(
    summarised: Sequence[Mail],
) -> None:
    task = ExtractionTask("mail", open_schema(), leave_out=["sumary"])
    with pytest.raises(UsageError, match=r"'sumary', which neither the schema names .* nor any of"):
        distill_short(summarised, task)


def test_without_the_free_text_it_is_distilled(summarised: Sequence[Mail]) -> None:
    result = distill_short(summarised, make_short_task(leave_out=["summary"]))
    student = student_of(result)
    assert result.certificate is not None
    assert "--leave-out" not in result.decision.reason
    assert "the student's answers have no summary, as was asked for" in result.data.warnings
    assert [unit.path for unit in result.units] == [("intent",), ("urgent",), ("number",)]
    for one, mail in zip(
        student.predict([m.text for m in summarised[:20]]), summarised, strict=False
    ):
        assert one.answer is not None
        assert set(one.answer) == set(one.fields) == {"intent", "urgent", "number"}
        assert mail.answer["summary"]


def test_beside_the_free_text_single_fields_are_distilled(summarised: Sequence[Mail]) -> None:
    result = distill_short(summarised, partial=True)
    student = student_of(result)
    assert result.certificate is None
    assert student.certificate is None
    reason = result.decision.reason
    assert reason.startswith("not with whole objects (")
    assert "--leave-out summary makes a student without" in reason
    assert "--partial" not in reason
    texts = [mail.text for mail in make_short_mails(60, seed=4, summarised=1.0)]
    found = student.predict(texts)
    assert not any(one.answered for one in found)
    assert [student.answer_text(text) for text in texts] == [None] * 60
    assert not any(one.fields["summary"].accepted for one in found)
    accepted = [one.fields["intent"] for one in found if one.fields["intent"].accepted]
    assert len(accepted) > 30
    assert {field.value for field in accepted} <= set(INTENTS)


def test_a_field_that_is_mostly_empty_is_not_certified_for_its_values() -> None:
    result = distill_short(make_short_mails(200, seed=1, numbered=0.25))
    student = student_of(result)
    certificates = student.field_certificates["number",]
    assert certificates.value is None
    assert certificates.nothing is not None
    alone = dataclasses.replace(student, certificate=None)
    found = alone.predict([mail.text for mail in make_short_mails(100, seed=5, numbered=0.5)])
    fields = [one.fields["number"] for one in found]
    given = [field for field in fields if field.value is not None]
    assert len(given) > 10
    assert not any(field.accepted for field in given)
    assert sum(field.accepted for field in fields if field.value is None) > 10


def judged(given: NDArray[np.bool_], agrees: NDArray[np.bool_]) -> Verdicts:
    """Verdicts on one unit that is surer the later it stands, of objects that have no other."""
    sure = np.linspace(0.5, 0.99, len(given))
    said = given.reshape(-1, 1)
    values: list[JsonObject | None] = [{} for _ in given]
    of_unit = (sure.reshape(-1, 1), agrees.reshape(-1, 1), said, said)
    return Verdicts(values, sure, agrees, *of_unit)


UNIT = Unit(("number",), "spans", ())
PROMISE = Promise(TARGET, 0.95)


def test_values_and_nothing_are_tested_apart() -> None:
    given = np.arange(400) % 4 == 0
    right = judged(given, np.ones(400, np.bool_))
    wrong_values = judged(given, ~given)
    of_right = certify_units(right, right, [UNIT], PROMISE)[UNIT.path]
    of_wrong = certify_units(wrong_values, wrong_values, [UNIT], PROMISE)[UNIT.path]
    assert of_right.value is not None
    assert of_right.nothing is not None
    assert (of_right.value.inputs, of_right.nothing.inputs) == (100, 300)
    assert of_wrong == UnitCertificates(None, of_right.nothing)
    never = judged(np.zeros(400, np.bool_), np.ones(400, np.bool_))
    assert certify_units(never, never, [UNIT], PROMISE)[UNIT.path].value is None
    assert of_right.accept(0.5, given=True) == (of_right.value.threshold <= 0.5)
    assert not of_wrong.accept(1.0, given=True)
    assert of_wrong.accept(1.0, given=False)


@pytest.mark.parametrize("partial", [False, True])
def test_values_alone_are_worth_having_where_they_are_asked_for(partial: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    given = np.ones(400, np.bool_)
    seen = judged(given, given)
    by_unit = certify_units(seen, seen, [UNIT], PROMISE)
    nothing_right = judged(given, ~given)
    asked = ((nothing_right, nothing_right), 2000, PROMISE, 0.05)
    decision = decide_on_objects(None, by_unit, *asked, partial=partial)
    assert decision.verdict == ("distil" if partial else "do_not_distil")
    assert ("values of 1 of the 1 fields by themselves" in decision.reason) == partial
    without = {UNIT.path: UnitCertificates(None, by_unit[UNIT.path].value)}
    assert decide_on_objects(None, without, *asked, partial=partial).verdict == "do_not_distil"


_GOOD = make_mails(1)[0].answer
_WRITTEN = json.dumps(_GOOD)


def changed(**fields: object) -> str:
    return json.dumps(_GOOD | fields)


USABLE: dict[str, tuple[str, list[str]]] = {
    "as it should be": (_WRITTEN, []),
    "prose around": (f"Here is the object:\n{_WRITTEN}\nI hope it helps.", []),
    "a code fence": (f"```json\n{json.dumps(_GOOD, indent=2)}\n```", []),
    "a key twice": (f'{{"urgent": 7, {_WRITTEN[1:]}', ["duplicate key"]),
    "a boolean as text": (changed(urgent="Yes"), ["boolean as text"]),
    "a number as text": (
        changed(order={"number": None, "total": "1,250.00"}),
        ["number as text"],
    ),
    "an intent in capitals": (changed(intent="REFUND "), ["enum spelling"]),
    "a field too many": (changed(mood="glum"), ["unexpected field"]),
    "two at once": (changed(intent="Refund", mood=1), ["enum spelling", "unexpected field"]),
    "no total": (changed(order={"number": None}), ["missing null"]),
    "the same twice": (f"{_WRITTEN} {_WRITTEN}", ["repeated object"]),
}
UNUSABLE: dict[str, tuple[str, str]] = {
    "no object": ("I cannot say.", "there is no JSON object in the answer"),
    "empty": ("", "there is no JSON object in the answer"),
    "cut off": (_WRITTEN[:-5], "the JSON object is cut off"),
    "a comma too many": (f"{_WRITTEN[:-1]},}}", "the JSON object is not valid"),
    "two": (f"{_WRITTEN} {changed(urgent=None)}", "several different JSON objects"),
    "a field too few": (json.dumps({"intent": "refund"}), "is a required property"),
    "another intent": (changed(intent="a haiku"), "intent: "),
    "a wrong type": (changed(items="none at all, sorry"), "items: "),
    "NaN": (_WRITTEN.replace('"urgent": ', '"urgent": NaN, "x": '), "NaN is no JSON number"),
}


@pytest.mark.parametrize(("answer", "repairs"), USABLE.values(), ids=USABLE)
def test_answers_that_can_only_mean_one_object_are_put_right(
    answer: str, repairs: list[str]
) -> None:
    examples = make_answers(make_mails(30))
    odd = [dataclasses.replace(example, answer=answer) for example in examples[:10]]
    data = distill_extraction(make_task(), [*odd, *examples[10:]]).data
    assert data.inputs == 30
    assert data.problems == []
    assert data.repairs == dict.fromkeys(repairs, 10)
    assert data.warnings == []


@pytest.mark.parametrize(("answer", "problem"), UNUSABLE.values(), ids=UNUSABLE)
def test_answers_that_are_no_object_of_the_schema_are_counted_and_shown(
    answer: str, problem: str
) -> None:
    examples = make_answers(make_mails(30))
    odd = [dataclasses.replace(example, answer=answer) for example in examples[:10]]
    missing = [dataclasses.replace(example, answer=None) for example in examples[10:13]]
    data = distill_extraction(make_task(), [*odd, *missing, *examples[13:]]).data
    assert (data.inputs, data.missing) == (17, 3)
    assert not data.repairs
    (found,) = data.problems
    assert problem in found.problem
    assert found.answers == 10
    assert found.example == answer[:120]
    (warning,) = data.warnings
    assert "10 of 27 answers (37.0%) are no object of the schema and were left out" in warning
    assert f"{found.problem} (10)" in warning


def test_no_usable_answer_is_an_error() -> None:
    with pytest.raises(InputError, match="no input of task 'mail' has an answer"):
        distill_extraction(make_task(), [Example("a text"), Example("another")])
    with pytest.raises(InputError, match="there are no inputs"):
        distill_extraction(make_task(), [])
    with pytest.raises(InputError) as caught:
        distill_extraction(make_task(), [Example("a", answer="no"), Example("b", answer="{")])
    message = str(caught.value)
    assert "none of the 2 answers of task 'mail' is an object of its schema; 2 times: " in message
    assert "(such as 'no'): correct the schema, or the answers" in message
    assert "redaction" not in message


def test_answers_that_a_schema_refuses_for_their_placeholders_are_told() -> None:
    call = {"type": "object", "properties": {"phone": {"type": "integer"}}}
    recorded = [Example("call [PHONE_1]", answer='{"phone": "[PHONE_1]"}')]
    with pytest.raises(InputError, match=r"hold placeholders of redaction: .*\[redaction\] off"):
        distill_extraction(ExtractionTask("call", call), recorded)


@pytest.mark.parametrize("lists", ["[{}]", "Here you are:\n```json\n[{}]\n```"])
def test_answers_that_are_lists_are_refused_with_the_cure(lists: str) -> None:
    mails = make_short_mails(40)
    several = [", ".join([json.dumps(mail.answer)] * (n % 3)) for n, mail in enumerate(mails)]
    texts = [lists.replace("{}", objects) for objects in several]
    examples = [Example(mail.text, text) for mail, text in zip(mails, texts, strict=True)]
    said = "40 of 40 answers are lists of objects, of which 27 hold none or several, .*items"
    with pytest.raises(UsageError, match=said):
        distill_extraction(make_short_task(), examples)
    with pytest.raises(UsageError, match=said):
        schema_of_answers(texts)


def test_objects_that_stand_in_lists_alone_are_read() -> None:
    answers = [json.dumps([mail.answer]) for mail in make_short_mails(40)]
    assert {"intent", "urgent"} <= schema_of_answers(answers).schema["properties"].keys()
    refuse_lists([*answers, None, '{"a": [{}, {}]}', "no [1] {}", "[1, 2]", "[" * 9_999, "[{]"])


def test_only_fields_that_there_are_can_be_left_out() -> None:
    with pytest.raises(UsageError, match=r"leave out 'mood', .* \(it has intent, urgent, number"):
        make_short_task(leave_out=["mood"])
    with pytest.raises(UsageError, match=r"leave out 'order\.number'"):
        make_task(leave_out=["order.number"])


def test_a_schema_that_cannot_be_used_is_refused_with_a_reason_for_each_field() -> None:
    properties = SHORT_SCHEMA["properties"] | {
        "extra": {"type": "object"},
        "grid": {"type": "array", "items": {"type": "array", "items": {"type": "string"}}},
    }
    with pytest.raises(UsageError) as caught:
        ExtractionTask("mail", {**SHORT_SCHEMA, "properties": properties})
    first, *reasons = str(caught.value).splitlines()
    assert first == "the schema cannot be used, because of 2 fields:"
    assert reasons[0].startswith("- extra is an object without properties")
    assert reasons[1].startswith("- grid is a list of lists")


@pytest.mark.parametrize(
    "bad",
    [
        {"target": 1.0},
        {"target": math.nan},
        {"confidence": 0.0},
        {"seed": -1},
        {"minimum_coverage": 1.5},
        {"minimum_coverage": math.nan},
        {"family": "static"},
        {"seconds": 0.0},
        {"max_bytes": 0},
    ],
)
def test_values_that_cannot_be_used(bad: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="expected"):
        distill_extraction(make_task(), make_answers(make_mails(5)), **bad)


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(InputError, match="half a surrogate pair"):
        distill_extraction(
            make_task(), [*make_answers(make_mails(5)), Example("\ud800", answer="{}")]
        )


def test_synthetic_inputs_are_left_out_and_told() -> None:
    real = make_answers(make_mails(30))
    written = [dataclasses.replace(e, synthetic=True) for e in make_answers(make_mails(40, seed=9))]
    found = distill_extraction(make_task(), [*real, *written])
    assert found.data.inputs == 30
    assert found.data.warnings[0].startswith("40 synthetic inputs were left out")


def test_a_field_that_no_student_can_have_may_be_left_out() -> None:
    schema = {
        **SHORT_SCHEMA,
        "properties": {**SHORT_SCHEMA["properties"], "meta": {"type": "object"}},
    }
    with pytest.raises(UsageError, match="meta"):
        ExtractionTask("mail", schema)
    task = ExtractionTask("mail", schema, leave_out=["meta"])
    mails = make_short_mails(30)
    answers = [Example(m.text, answer=json.dumps({**m.answer, "meta": {"a": 1}})) for m in mails]
    found = distill_extraction(task, answers)
    assert found.data.inputs == 30
    assert not found.data.problems
    assert not found.data.repairs


def test_like_problems_count_together() -> None:
    mails = make_short_mails(30)
    wrong = [{**mail.answer, "intent": f"none {row}"} for row, mail in enumerate(mails[:10])]
    answers = [mail.answer for mail in mails[10:]]
    given = [
        Example(m.text, answer=json.dumps(a))
        for m, a in zip(mails, [*wrong, *answers], strict=True)
    ]
    found = distill_extraction(make_short_task(), given)
    assert [problem.answers for problem in found.data.problems] == [10]


def test_what_is_enough_ends_the_search() -> None:
    examples = make_answers(make_short_mails(200))
    result = distill_extraction(make_short_task(), examples, target=TARGET, coverage=0.4)
    assert [family.name for family in result.families] == ["linear"]
    assert result.omitted["encoder"].startswith("not needed: linear is foreseen to answer")
    assert "linear is the cheapest that is foreseen to answer 40.0%" in result.decision.reason


def test_a_bound_on_the_size_holds() -> None:
    with pytest.raises(UsageError, match=r"no student is within 1,000 bytes \(linear: it takes"):
        distill_extraction(
            make_short_task(),
            make_answers(make_short_mails(200)),
            target=0.8,
            max_bytes=1_000,
            family="linear",
        )
