"""Teachers that are asked for JSON, and what their log-probabilities say of closed values."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest

from locum.errors import UsageError
from locum.extraction import distill_extraction
from locum.extractors import HeadPlan, SpokenAnswer, find_values
from locum.schema import Example, OwnPrice, TokenPosition
from locum.shapes import ExtractionTask
from locum.teachers import Budget, ChatTeacher, MessagesTeacher, Votes
from tests.json_server import JsonModel, serving
from tests.json_traffic import SHORT_SCHEMA, make_short_mails, make_short_task

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAILS = make_short_mails(40)
TEXTS = [mail.text for mail in MAILS]
ANSWERS = {mail.text: json.dumps(mail.answer) for mail in MAILS}
PRICES = {"json-1": OwnPrice(input=1.0, output=2.0)}


@pytest.fixture
def model() -> Iterator[JsonModel]:
    with serving(JsonModel(ANSWERS.get)) as served:
        yield served


def test_a_chat_model_is_asked_with_the_schema(model: JsonModel, tmp_path: Path) -> None:
    task, store = make_short_task(), tmp_path / "answers.sqlite"
    teacher = ChatTeacher(model.url, "json-1", api_key="k")
    budget = Budget(prices=PRICES)
    first = distill_extraction(task, TEXTS, teacher, store=store, budget=budget)
    assert (first.data.inputs, first.data.missing, first.data.problems) == (40, 0, [])
    assert first.teacher == "json-1"
    assert first.costs.cost_per_1000_usd == pytest.approx(1000 * (50 * 1.0 + 20 * 2.0) / 1e6)
    assert len(model.requests) == 40
    request = model.requests[0]
    assert request["response_format"]["json_schema"]["schema"] == SHORT_SCHEMA
    assert "logprobs" not in request
    assert request["max_tokens"] == 1_024
    system, user = request["messages"]
    assert system["content"].startswith(task.instruction)
    assert '"intent"' in system["content"]
    assert user["content"] in ANSWERS
    again = distill_extraction(task, TEXTS, teacher, store=store, budget=budget)
    assert len(model.requests) == 40
    assert again.data == first.data


def test_answers_that_came_with_the_inputs_are_not_bought(model: JsonModel) -> None:
    known = [Example(text, answer=ANSWERS[text]) for text in TEXTS[:30]]
    teacher = ChatTeacher(model.url, "json-1", api_key="k")
    found = distill_extraction(make_short_task(), [*known, *TEXTS[30:]], teacher)
    assert found.data.inputs == 40
    assert {request["messages"][-1]["content"] for request in model.requests} == set(TEXTS[30:])


def test_what_a_model_declines_or_says_in_prose_is_counted() -> None:
    def answer(text: str) -> str | None:
        place = TEXTS.index(text)
        return None if place < 3 else "I cannot say." if place < 8 else ANSWERS[text]

    with serving(JsonModel(answer)) as model:
        teacher = ChatTeacher(model.url, "json-1", api_key="k")
        found = distill_extraction(make_short_task(), TEXTS, teacher)
    assert (found.data.inputs, found.data.missing) == (32, 3)
    assert [(p.answers, p.example) for p in found.data.problems] == [(5, "I cannot say.")]


@pytest.mark.parametrize("api", [ChatTeacher, MessagesTeacher])
def test_answers_that_broke_off_are_left_out_and_counted(
    api: type[ChatTeacher | MessagesTeacher], tmp_path: Path
) -> None:
    whole = {text: answer for text, answer in ANSWERS.items() if len(answer) <= 60}
    assert 0 < len(whole) < len(TEXTS)
    with serving(JsonModel(ANSWERS.get, 60)) as model:
        teacher = api(model.url, "json-1", api_key="k")
        for _ in range(2):
            found = distill_extraction(make_short_task(), TEXTS, teacher, store=tmp_path / "s")
            assert found.data.inputs == len(whole)
            assert found.data.missing == len(TEXTS) - len(whole)
            count = f"{found.data.missing} of the teacher's 40 answers broke off"
            assert any(count in warning for warning in found.data.warnings)


def test_anthropic_is_asked_by_the_prompt_alone(model: JsonModel) -> None:
    teacher = MessagesTeacher(model.url, "json-1", api_key="k")
    found = distill_extraction(make_short_task(), TEXTS, teacher)
    assert found.data.inputs == 40
    assert "response_format" not in model.requests[0]
    assert '"intent"' in model.requests[0]["system"]


def test_a_teacher_of_labels_alone_is_refused(model: JsonModel) -> None:
    votes = Votes(ChatTeacher(model.url, "json-1", api_key="k", temperature=1.0))
    with pytest.raises(UsageError, match="cannot be asked for JSON"):
        distill_extraction(make_short_task(), TEXTS, votes)
    assert not model.requests


def _spoken(*tokens: tuple[str, dict[str, float]]) -> SpokenAnswer:
    positions = [
        TokenPosition(said, {said: 0.0} | {token: math.log(p) for token, p in others.items()})
        for said, others in tokens
    ]
    return SpokenAnswer.read(positions)


def test_a_value_has_the_probabilities_at_its_tokens() -> None:
    spoken = _spoken(
        ('{"', {}),
        ("intent", {}),
        ('": "', {}),
        ("ref", {"ref": 0.7, "del": 0.3}),
        ("und", {}),
        ('", "', {}),
        ("urgent", {}),
        ('":', {}),
        (" true", {" true": 0.6, " false": 0.4}),
        (',"n":', {}),
        ("null", {"null": 0.9, "1": 0.1}),
        ("}", {}),
    )
    found = spoken.distribution(HeadPlan(("intent",), ('"refund"', '"delivery"')))
    assert found is not None
    assert found.tolist() == pytest.approx([0.7, 0.3])
    found = spoken.distribution(HeadPlan(("urgent",), ("false", "true", "")))
    assert found is not None
    assert found.tolist() == pytest.approx([0.4, 0.6, 0.0])
    found = spoken.distribution(HeadPlan(("n",), ("1", "")))
    assert found is not None
    assert found.tolist() == pytest.approx([0.1, 0.9])
    assert spoken.distribution(HeadPlan(("absent",), ("1", "2"))) is None
    assert spoken.distribution(HeadPlan(("intent",), ('"refund"', '"Refund"'))) is None


@pytest.mark.parametrize(
    ("answer", "places"),
    [
        ('{"a": "x", "b": {"c": 1}}', {("a",): "x", ("b", "c"): "1"}),
        ('Sure:\n```json\n{ "a" :true }\n```', {("a",): "true"}),
        ('{"a": [1, {"b": 2}], "c": null}', {("c",): "null"}),
        ('{"a": "\\u00e9\\"", "b": -1.5e3}', {("a",): '\\u00e9\\"', ("b",): "-1.5e3"}),
        ("{}", {}),
        ("no object", {}),
        ('{"a": 1', {}),
        ('{"a"', {}),
    ],
)
def test_values_are_found_where_they_stand(answer: str, places: dict[tuple[str, ...], str]) -> None:
    found = find_values(answer)
    assert {path: answer[place.start : place.end] for path, place in found.items()} == places


def test_a_schema_may_be_a_model() -> None:
    pydantic = pytest.importorskip("pydantic")
    order = pydantic.create_model("Order", item=(str, ...), count=(int, ...))
    task = ExtractionTask("orders", order)
    assert list(task.shape.fields) == ["item", "count"]
    assert task == ExtractionTask("orders", order.model_json_schema())
    assert "item, count" in repr(task)
    assert task != ExtractionTask("others", order)
