"""What is asked, answered and paid in a call, and how it becomes a Call."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from genai_prices import Usage, calc_price
from hypothesis import given
from hypothesis import strategies as st

from locum.prices import Tokens, list_cost_usd
from locum.redaction import Redactor
from locum.schema import OwnPrice
from locum.traffic import (
    answer_text,
    fingerprint,
    input_text,
    instruction,
    make_call,
    to_chat,
    token_logprobs,
)
from locum.traffic.json_requests import asked_schema, object_text

if TYPE_CHECKING:
    from locum.schema import Call, Endpoint, JsonObject

TIME = 1_767_607_200.0
PROVIDER_ID = "chatcmpl-0123456789abcdef0123456789"
REDACTOR = Redactor()


def asked(*messages: tuple[str, Any], **more: object) -> JsonObject:
    told = [{"role": role, "content": content} for role, content in messages]
    return {"model": "gpt-4o-mini", "messages": told, **more}


def answered(content: object = "card", **more: object) -> JsonObject:
    message = {"role": "assistant", "content": content, **more}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


def call_of(request: JsonObject, response: JsonObject | None = None, **more: Any) -> Call:  # noqa: ANN401 - any of its facts
    facts: dict[str, Any] = {
        "source": "gateway",
        "endpoint": "chat",
        "time": TIME,
        "redactor": REDACTOR,
    }
    return make_call(request=request, response=response, **(facts | more))


def test_instruction_and_input() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}
    parts = [{"type": "text", "text": "Look"}, image, {"type": "text", "text": "please"}]
    request = asked(
        ("system", "Be short."),
        ("user", "first"),
        ("developer", [{"type": "text", "text": "Be kind."}]),
        ("user", parts),
        ("assistant", "a"),
    )
    assert instruction(request) == "Be short.\nBe kind."
    assert input_text(request) == "Look\n[image]\nplease"


@pytest.mark.parametrize(
    ("request_body", "text"),
    [
        ({"input": "embed me"}, "embed me"),
        ({"input": ["a", "b"]}, "a\nb"),
        ({"prompt": [1, 2]}, ""),
        ({}, ""),
        ({"messages": "odd"}, ""),
    ],
)
def test_input_without_messages(request_body: JsonObject, text: str) -> None:
    assert input_text(request_body) == text


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (answered("card"), "card"),
        (answered([{"type": "text", "text": "card"}]), "card"),
        (answered([{"type": "thinking", "thinking": []}, {"type": "text", "text": "a"}]), "a"),
        (answered(None, refusal="No."), None),
        (answered(None, tool_calls=[{"id": "t"}]), None),
        (answered(""), None),
        ({"error": {"message": "x"}}, None),
        ({"choices": []}, None),
    ],
)
def test_answers(response: JsonObject, text: str | None) -> None:
    assert answer_text(response) == text


def test_the_first_choice_is_the_one_of_the_lowest_index() -> None:
    choices = [{"index": i, "message": {"content": text}} for i, text in ((1, "b"), (0, "a"))]
    assert answer_text({"choices": choices}) == "a"


@pytest.mark.parametrize(
    ("tokens", "usable"),
    [
        ([{"token": "a", "logprob": -1, "top_logprobs": [{"token": "b", "logprob": -2}]}], True),
        ([{"token": "a", "logprob": -1.5}], True),
        (["a"], False),
        ([], False),
        (None, False),
    ],
)
def test_log_probabilities_are_listed_or_none(tokens: object, *, usable: bool) -> None:
    response = {"choices": [{"index": 0, "logprobs": {"content": tokens}}]}
    assert token_logprobs(response) == (tokens if usable else None)


# The fingerprint


def test_calls_of_one_task_have_one_fingerprint() -> None:
    first = asked(("system", "Sort."), ("user", "a"), temperature=0)
    second = {**asked(("system", "Sort."), ("user", "b"), temperature=1), "model": "other"}
    later = asked(("system", "Sort."), ("user", "a"), ("assistant", "x"), ("user", "c"))
    prints = {fingerprint("chat", request) for request in (first, second, later)}
    assert len(prints) == 1
    assert len(prints.pop()) == 12


@pytest.mark.parametrize(
    "other",
    [
        asked(("system", "Sort it."), ("user", "a")),
        asked(("system", "Sort."), ("user", "a"), response_format={"type": "json_object"}),
        asked(("system", "Sort."), ("user", "a"), tools=[{"type": "function"}]),
    ],
)
def test_another_instruction_or_kind_of_output_has_another(other: JsonObject) -> None:
    request = asked(("system", "Sort."), ("user", "a"))
    assert fingerprint("chat", other) != fingerprint("chat", request)
    assert fingerprint("embeddings", request) != fingerprint("chat", request)


def test_the_same_question_by_three_apis_has_one() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    text = {"format": {"type": "json_schema", "name": "n", "schema": schema}}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    requests: dict[Endpoint, JsonObject] = {
        "chat": asked(("system", "Sort."), ("user", "a"), response_format=form),
        "responses": {"instructions": "Sort.", "input": "a", "text": text},
        "messages": {
            "system": "Sort.",
            "messages": [{"role": "user", "content": "a"}],
            "output_config": {"format": {"type": "json_schema", "name": "n", "schema": schema}},
        },
    }
    prints = {fingerprint(api, to_chat(api, body, None).request) for api, body in requests.items()}
    assert len(prints) == 1


def test_the_order_of_keys_and_the_default_format_do_not_count() -> None:
    one = asked(("user", "a"), tools=[{"a": 1, "b": 2}], response_format={"type": "text"})
    other = asked(("user", "a"), tools=[{"b": 2, "a": 1}])
    assert fingerprint("chat", one) == fingerprint("chat", other)


def test_numbers_beyond_64_bits_have_a_fingerprint() -> None:
    tools = [{"maximum": 10**30}]
    assert len(fingerprint("chat", asked(("user", "a"), tools=tools))) == 12


# The call


def test_the_facts_of_a_call() -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 10}
    response = {**answered(), "model": "gpt-4o-mini-2024-07-18", "usage": usage}
    call = call_of(
        asked(("system", "Sort."), ("user", "  My \n\n card   is lost " + "x" * 99)),
        response,
        outcome="incomplete",
        status=200,
        application="shop",
        upstream="openai",
        streamed=True,
        latency_ms=5.0,
        first_byte_ms=2.0,
        task="topics",
    )
    facts = call.facts
    assert facts.model == "gpt-4o-mini"
    assert (facts.input_tokens, facts.output_tokens) == (1000, 10)
    assert facts.cost_usd == pytest.approx(1000 * 0.15e-6 + 10 * 0.6e-6)
    assert facts.preview.startswith("My card is lost xxx")
    assert len(facts.preview) == 80
    assert (facts.source, facts.endpoint, facts.outcome) == ("gateway", "chat", "incomplete")
    assert (facts.status, facts.application, facts.upstream) == (200, "shop", "openai")
    assert (facts.streamed, facts.latency_ms, facts.first_byte_ms) == (True, 5.0, 2.0)
    assert (facts.task, facts.time) == ("topics", TIME)


def test_tokens_of_thoughts_that_are_counted_in_all_alone_are_the_answer_s() -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1100}
    response = answered("card") | {"usage": usage, "model": "gpt-4o-mini"}
    facts = call_of(asked(("user", "a")), response).facts
    assert (facts.input_tokens, facts.output_tokens) == (1000, 100)
    assert facts.cost_usd == pytest.approx(1000 * 0.15e-6 + 100 * 0.6e-6)


def test_what_an_embedding_took_is_its_input_alone() -> None:
    usage = {"prompt_tokens": 8, "total_tokens": 8}
    facts = call_of(asked(("user", "a")), {"data": [], "usage": usage}).facts
    assert (facts.input_tokens, facts.output_tokens) == (8, None)


def test_a_call_without_tokens_has_no_cost() -> None:
    facts = call_of(asked(("user", "a")), answered()).facts
    assert (facts.input_tokens, facts.output_tokens, facts.cost_usd) == (None, None, None)


def test_a_cost_that_is_known_stays() -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 10}
    assert call_of(asked(), {**answered(), "usage": usage}, cost_usd=7.0).facts.cost_usd == 7.0


def test_cached_tokens_cost_what_the_list_says() -> None:
    response = {
        "content": [{"type": "text", "text": "card"}],
        "model": "claude-sonnet-4-5",
        "usage": {
            "input_tokens": 100,
            "cache_read_input_tokens": 900,
            "cache_creation_input_tokens": 500,
            "output_tokens": 10,
        },
    }
    facts = call_of(asked(("user", "a")), response, endpoint="messages").facts
    assert facts.input_tokens == 1500
    assert facts.cost_usd == pytest.approx(1e-6 * (100 * 3 + 900 * 0.3 + 500 * 3.75 + 10 * 15))


def test_nothing_secret_or_personal_is_left() -> None:
    key = "a-key-that-looks-like-nothing"
    request = asked(("system", f"Use {key}."), ("user", "Write to jane.roe@example.com!"))
    call = call_of(request, answered("jane.roe@example.com it is"), secrets=[key])
    assert key not in str(call)
    assert "jane.roe" not in str(call)
    placeholder = answer_text(call.response or {})
    assert placeholder is not None
    assert placeholder.split()[0] in input_text(call.request)
    assert "EMAIL" in call.facts.preview


def test_a_call_without_response() -> None:
    call = call_of(asked(("user", "a")), None, outcome="failed")
    assert call.response is None
    assert call.facts.outcome == "failed"


# The id


def test_the_same_response_is_the_same_call_wherever_it_stands() -> None:
    request, response = asked(("user", "a")), {**answered(), "id": PROVIDER_ID}
    first = call_of(request, response).facts
    again = call_of(request, response, source="litellm", time=TIME + 9, id="other").facts
    assert first.id == again.id


def test_a_provider_that_repeats_its_id_does_not_merge_calls() -> None:
    response = {**answered(), "id": PROVIDER_ID}
    ids = {call_of(asked(("user", text)), response).facts.id for text in "ab"}
    assert len(ids) == 2


def test_a_short_id_of_a_provider_is_not_trusted() -> None:
    response = {**answered(), "id": "chatcmpl-123"}
    ids = {call_of(asked(("user", "a")), response, time=TIME + n).facts.id for n in range(2)}
    assert len(ids) == 2


def test_an_id_of_the_source_belongs_to_the_source() -> None:
    request = asked(("user", "a"))
    one, same = (call_of(request, answered(text), id="7").facts.id for text in ("x", "y"))
    other = call_of(request, answered("x"), id="7", source="langfuse").facts.id
    assert one == same
    assert one != other


def test_content_and_time_name_a_call_without_id() -> None:
    request = asked(("user", "a"))
    ids = [call_of(request, answered(), time=TIME + n).facts.id for n in (0, 0, 1)]
    assert ids[0] == ids[1] != ids[2]


# Prices


@given(
    st.sampled_from(["gpt-4o-mini", "claude-sonnet-4-5", "gemini-2.5-pro", "deepseek-chat"]),
    st.integers(0, 60_000),
    st.integers(0, 5000),
    st.floats(0, 1),
)
def test_kept_prices_give_what_the_list_gives(
    model: str, given_tokens: int, answer: int, share: float
) -> None:
    cached = int(given_tokens * share)
    usage = Usage(input_tokens=given_tokens, output_tokens=answer, cache_read_tokens=cached)
    moment = datetime.fromtimestamp(TIME, UTC)
    listed = calc_price(usage, model_ref=model, genai_request_timestamp=moment).total_price
    got = list_cost_usd(model, Tokens(given_tokens, answer, cached), TIME)
    assert got == pytest.approx(float(listed), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(
    "model",
    [
        "openai/gpt-4o-mini",
        "anthropic/claude-sonnet-4-5",
        "us.anthropic.claude-3-5-haiku-20241022-v1:0",
        "bedrock/anthropic.claude-3-haiku-20240307-v1:0",
    ],
)
def test_models_are_known_by_the_names_of_proxies(model: str) -> None:
    cost = list_cost_usd(model, Tokens(1000, 10), TIME)
    assert cost is not None
    assert cost > 0


@pytest.mark.parametrize("model", ["", "no-such-model", "x/no-such-model"])
@pytest.mark.parametrize("tokens", [1000, 1_000_000])
def test_the_cost_of_an_unknown_model_is_unknown(model: str, tokens: int) -> None:
    assert list_cost_usd(model, Tokens(tokens, 10), TIME) is None


@pytest.mark.parametrize("time", [-1e18, 0.0, 1e18])
def test_any_time_has_a_price(time: float) -> None:
    assert list_cost_usd("gpt-4o-mini", Tokens(1000, 10), time) is not None


@pytest.mark.parametrize(
    ("model", "request_tier", "answer_tier", "share"),
    [
        ("gpt-5-mini", "flex", "flex", 0.5),
        ("gpt-5-mini", "flex", None, 0.5),
        ("gpt-5-mini", "flex", "default", 1),
        ("ft:gpt-4o-mini-2024-07-18:org::id", None, "batch", 0.5),
        ("claude-haiku-4-5", None, "batch", 0.5),
        ("gpt-5-mini", "priority", "priority", 1),
        ("deepseek-chat", None, "batch", 1),
        ("openai/gpt-oss-20b", "flex", "flex", 1),
    ],
)
def test_calls_of_a_cheaper_tier(
    model: str, request_tier: str | None, answer_tier: str | None, share: float
) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 10}
    prices = {model: OwnPrice(input=1.0, output=2.0)}
    request = asked(("user", "a"), service_tier=request_tier) | {"model": model}
    for answer in (
        {**answered(), "usage": usage, "service_tier": answer_tier},
        {**answered(), "usage": {**usage, "service_tier": answer_tier}},
    ):
        call = call_of(request, answer, prices=prices)
        assert call.facts.cost_usd == pytest.approx(share * 1020e-6)


def test_a_deployment_has_the_price_of_a_batch_by_the_model_that_answered() -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 0}
    body = {**answered(), "model": "gpt-4o-mini-2024-07-18", "usage": usage}
    request = asked(("user", "a")) | {"model": "mine"}
    plain, batch = (
        call_of(request, {**body, "service_tier": tier}).facts.cost_usd
        for tier in ("default", "batch")
    )
    assert batch is not None
    assert plain == pytest.approx(2 * batch)


LABELS = {"type": "object", "properties": {"label": {"type": "string"}}}


@pytest.mark.parametrize(
    ("offered", "called"),
    [
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": LABELS}}]},
            {"tool_calls": [{"function": {"name": "f", "arguments": '{"label": "a"}'}}]},
        ),
        (
            {"functions": [{"name": "f", "parameters": LABELS}], "function_call": "auto"},
            {"function_call": {"name": "f", "arguments": '{"label": "a"}'}},
        ),
        (
            {
                "functions": [{"name": "g"}, {"name": "f", "parameters": LABELS}],
                "function_call": {"name": "f"},
            },
            {"function_call": {"name": "f", "arguments": '{"label": "a"}'}},
        ),
    ],
)
def test_arguments_of_the_one_tool_are_the_answer(offered: JsonObject, called: JsonObject) -> None:
    request, response = asked(("user", "a"), **offered), answered(None, **called)
    assert asked_schema(request) == LABELS
    assert object_text(request, response) == '{"label": "a"}'
    assert object_text(asked(("user", "a")), response) == '{"label": "a"}', "no tools were kept"


@pytest.mark.parametrize(
    ("begun", "said", "whole"),
    [
        ("{", '"label": "a"}', '{"label": "a"}'),
        ('Here it is: {"label":', ' "a"}\nDone.', 'Here it is: {"label": "a"}\nDone.'),
        ('{"found": ', '{"label": "a"}}', '{"found": {"label": "a"}}'),
        ("{", '{"label": "a"}', '{"label": "a"}'),
        ('{"label": "b"}', '{"label": "a"}', '{"label": "a"}'),
        ('{"label": "a"}', '{"label": "a"}', '{"label": "a"}'),
        ("{", "I cannot.", "I cannot."),
        ("It is", " a", " a"),
    ],
)
def test_an_object_that_begins_in_the_request_is_read_whole(
    begun: str, said: str, whole: str
) -> None:
    request = asked(("user", "a"), ("assistant", begun))
    assert object_text(request, answered(said)) == whole
    assert object_text(asked(("assistant", begun), ("user", "a")), answered(said)) == said
