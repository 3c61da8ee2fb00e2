"""Which requests a student could answer, and what of them is alike in all calls of a task."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from locum.promotion import Ask, Frame, Framer, ask_of
from locum.traffic import SplitRequest, split_request, to_chat
from tests.promoted import INSTRUCTION, chat_request, message_request, record

if TYPE_CHECKING:
    from locum.schema import JsonObject

FRAMER = Framer()
SYSTEM = {"role": "system", "content": INSTRUCTION}
SHOWN = [
    {"role": "user", "content": "My parcel is late."},
    {"role": "assistant", "content": "shipping"},
]
FORM = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
NAMES = (
    *("model", "messages", "response_format", "stream", "stream_options", "logprobs"),
    *("top_logprobs", "n", "seed", "user", "metadata", "temperature", "top_p", "max_tokens"),
    *("max_completion_tokens", "stop", "reasoning_effort", "tools", "role", "content", "type"),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["user", "text", "system"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner),
    max_leaves=8,
)
MESSAGE = st.fixed_dictionaries({"role": st.sampled_from(["user", "system"]), "content": JSON})
REQUESTS = st.dictionaries(st.sampled_from(NAMES), JSON) | st.builds(
    lambda more, messages: {**more, "messages": messages},
    st.dictionaries(st.sampled_from(NAMES), JSON),
    st.lists(MESSAGE | JSON, max_size=3),
)


def frame(request: JsonObject) -> Frame:
    split = split_request(request)
    assert isinstance(split, SplitRequest)
    return FRAMER.frame(split.rest)


def text_of(request: JsonObject) -> str | None:
    split = split_request(request)
    return split.text if isinstance(split, SplitRequest) else None


def ending(message: object) -> JsonObject:
    return {"model": "m", "messages": [SYSTEM, message]}


# What can be answered.


def test_the_input_is_what_the_user_says_last() -> None:
    split = split_request(chat_request("Where is it?"))
    assert isinstance(split, SplitRequest)
    assert split.text == "Where is it?"
    assert split.rest["messages"] == [SYSTEM]
    assert "Where" not in str(split.rest)


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [{"type": "function", "function": {"name": "find"}}]},
        {"functions": [{"name": "find"}]},
        {"n": 2},
        {"n": [1]},
        {"n": {}},
        {"logit_bias": {"50256": -100}},
        {"modalities": ["text", "audio"]},
        {"a_parameter_of_next_year": False},
        {"messages": []},
        {"messages": "Where is it?"},
        {"messages": None},
    ],
)
def test_a_request_that_wants_more_than_one_text_is_left_to_the_teacher(
    more: dict[str, Any],
) -> None:
    asked = chat_request("Where is it?") | more
    # The first thing in the way is named.
    [name] = more
    assert split_request(asked) in {repr(name), "no messages"}
    assert isinstance(split_request(chat_request("Where is it?")), SplitRequest)


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": "The team is"},
        {"role": "system", "content": "Where is it?"},
        {"role": "tool", "tool_call_id": "1", "content": "x"},
        {"role": "user", "content": "Where is it?", "name": "eve"},
        {"role": "user", "content": None},
        {"role": "user", "content": 5},
        {"role": "user", "content": []},
        {"role": "user", "content": ["Where is it?"]},
        {"role": "user", "content": [{"type": "text"}]},
        {"role": "user", "content": [{"type": "text", "text": 5}]},
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": ""}}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
            ],
        },
        {"role": "user"},
        "Where is it?",
        None,
    ],
)
def test_a_message_that_is_not_words_of_the_user_alone_is_left_to_the_teacher(
    message: object,
) -> None:
    assert isinstance(split_request(ending(message)), str)


def test_parameters_that_are_null_count_as_not_given() -> None:
    plain = chat_request("Where is it?")
    nulls: dict[str, Any] = {"n": None, "tools": None, "temperature_of_soup": None, "stop": None}
    assert text_of(plain | nulls) == "Where is it?"
    assert frame(plain | nulls) == frame(plain)


def test_parts_of_text_are_one_input() -> None:
    parts = [{"type": "text", "text": "Where"}, {"type": "text", "text": "is it?"}]
    assert text_of(ending({"role": "user", "content": parts})) == "Where\nis it?"
    assert text_of(ending({"role": "user", "content": parts[:1]})) == "Where"


@given(REQUESTS)
@example({"messages": [SYSTEM, {"role": "user", "content": "\ud800"}], "model": ["\udfff"]})
def test_no_request_makes_the_gateway_stumble(request: dict[str, Any]) -> None:
    given = copy.deepcopy(request)
    split = split_request(request)
    ask_of(request)
    if isinstance(split, SplitRequest):
        assert isinstance(split.text, str)
        FRAMER.frames(split.rest)
    assert request == given


# What is alike.


def test_equal_prompts_have_equal_frames_whatever_is_asked() -> None:
    assert frame(chat_request("Where is it?")) == frame(chat_request("It is broken."))
    assert len({frame(chat_request(text)) for text in ("", "a", SYSTEM["content"])}) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"stream": True, "stream_options": {"include_usage": True}},
        {"logprobs": True, "top_logprobs": 5},
        {"n": 1, "seed": 7},
        {"user": "eve", "metadata": {"a": "b"}, "safety_identifier": "c"},
        {"prompt_cache_key": "k", "service_tier": "flex"},
        {"response_format": {"type": "text"}},
    ],
)
def test_how_an_answer_is_delivered_does_not_change_the_frame(more: dict[str, Any]) -> None:
    assert frame(chat_request("x") | more) == frame(chat_request("x"))


@pytest.mark.parametrize(
    "changed",
    [
        chat_request("x", f"{INSTRUCTION} "),
        chat_request("x", model="teacher-2"),
        chat_request("x", model=None),
        chat_request("x", temperature=0.5),
        chat_request("x", temperature=None),
        chat_request("x", top_p=0.5),
        chat_request("x", max_tokens=7),
        chat_request("x", stop=["."]),
        chat_request("x", reasoning_effort="high"),
        chat_request("x", response_format=FORM),
        chat_request("x", response_format={"type": "json_object"}),
        chat_request("x", messages=[SYSTEM, *SHOWN, {"role": "user", "content": "x"}]),
        chat_request("x", messages=[*SHOWN, {"role": "user", "content": "x"}]),
        chat_request("x", messages=[{"role": "user", "content": "x"}]),
    ],
)
def test_whatever_bears_on_the_answer_changes_the_frame(changed: JsonObject) -> None:
    assert frame(changed) != frame(chat_request("x"))


def _telling(**message: object) -> JsonObject:
    return {"messages": [{**SYSTEM, **message}, {"role": "user", "content": "x"}]}


@pytest.mark.parametrize(
    "spelling",
    [
        {"temperature": 0.0},
        {"temperature": -0.0},
        {"stop": []},
        {"tools": []},
        {"tools": None},
        _telling(role="developer"),
        _telling(name=None),
        _telling(tool_calls=[]),
        _telling(content=[{"type": "text", "text": INSTRUCTION}]),
        _telling(
            content=[{"type": "text", "text": INSTRUCTION, "cache_control": {"type": "ephemeral"}}]
        ),
        _telling(content=[{"type": "text", "text": line} for line in INSTRUCTION.split("\n")]),
    ],
    ids=str,
)
def test_how_a_client_spells_a_request_does_not_change_the_frame(spelling: dict[str, Any]) -> None:
    assert frame(chat_request("x") | spelling) == frame(chat_request("x"))


def test_clients_of_anthropic_s_api_spell_alike() -> None:
    def told(**more: Any) -> Frame:  # noqa: ANN401 - JSON
        return frame(to_chat("messages", message_request("x", **more), None).request)

    parts = [{"type": "text", "text": line} for line in INSTRUCTION.split("\n")]
    assert told(tools=[], stop_sequences=[], max_tokens=32.0, system=parts) == told()


def test_plans_of_earlier_versions_hold_frames_as_clients_spelled_them() -> None:
    plain = {
        "model": "m",
        "temperature": 0,
        "messages": [{"role": "system", "content": "Sort the mail."}],
    }
    parts = [{"type": "text", "text": "Sort the mail."}]
    spelled = {
        "model": "m",
        "temperature": 0.0,
        "stop": [],
        "messages": [{"role": "developer", "content": parts, "name": None}],
    }
    earlier = Frame("c299c3a46667", "m", "e4ff491169b8a9ea", "a68e20e35a4f7b2b")
    assert FRAMER.frames(plain) == (earlier, earlier)
    as_spelled = Frame("c299c3a46667", "m", "c08d02398e9d69f3", "d65b1fa510060553")
    assert FRAMER.frames(spelled) == (earlier, as_spelled)


@given(st.data())
def test_the_order_of_keys_does_not_change_the_frame(data: st.DataObject) -> None:
    request = chat_request("x", response_format=FORM, top_p=0.5, max_tokens=3, seed=1)

    def shuffled(value: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(value, list):
            return [shuffled(part) for part in value]
        if not isinstance(value, dict):
            return value
        return {key: shuffled(value[key]) for key in data.draw(st.permutations(list(value)))}

    assert frame(shuffled(request)) == frame(request)


@given(st.text(), st.text())
def test_the_input_does_not_change_the_frame(first: str, second: str) -> None:
    assert frame(chat_request(first)) == frame(chat_request(second))
    chat = to_chat("messages", message_request(first), None).request
    assert frame(chat) == frame(to_chat("messages", message_request(second), None).request)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"user": "eve@example.com"},
        {"metadata": {"mail": "eve@example.com"}},
        {"response_format": {**FORM, "mail": "forms@example.com"}},
    ],
)
def test_a_prompt_with_personal_data_is_alike_recorded_and_live(more: dict[str, Any]) -> None:
    instruction = "Write to help@example.com or desk@example.com, and never to [EMAIL_3]."
    asked = {**more, **chat_request("I am bob@example.com, +49 30 901820.", instruction)}
    live = frame(asked)
    assert live == frame(record(asked, "Billing.").request)
    other = chat_request("Nobody's mail.", instruction) | more
    assert live == frame(record(other, "Billing.").request)


# How it is to be answered.


def test_a_plain_request_wants_a_plain_answer() -> None:
    assert ask_of(chat_request("x")) == Ask(
        stream=False, include_usage=False, top_logprobs=None, most_tokens=float("inf"), stops=()
    )


def test_what_is_asked_of_the_delivery_is_understood() -> None:
    found = ask_of(
        chat_request(
            "x",
            stream=True,
            stream_options={"include_usage": True},
            logprobs=True,
            top_logprobs=3,
            max_tokens=9,
            max_completion_tokens=7,
            stop="END",
        )
    )
    assert found == Ask(
        stream=True, include_usage=True, top_logprobs=3, most_tokens=7, stops=("END",)
    )
    assert ask_of({"logprobs": True, "stop": ["a", "b"]}) == Ask(
        stream=False,
        include_usage=False,
        top_logprobs=0,
        most_tokens=float("inf"),
        stops=("a", "b"),
    )


@pytest.mark.parametrize(
    "odd",
    [
        {"logprobs": 5},
        {"logprobs": "true"},
        {"logprobs": True, "top_logprobs": 21},
        {"logprobs": True, "top_logprobs": -1},
        {"logprobs": True, "top_logprobs": True},
        {"logprobs": True, "top_logprobs": 1.0},
        {"logprobs": True, "top_logprobs": "3"},
        {"stream_options": [1]},
        {"stream_options": "include_usage"},
        {"max_tokens": 0},
        {"max_tokens": -1},
        {"max_tokens": True},
        {"max_completion_tokens": 1.5},
        {"max_tokens": "9"},
        {"stop": 5},
        {"stop": {"a": 1}},
        {"stop": ["a", None]},
    ],
)
def test_a_delivery_that_is_not_understood_is_left_to_the_teacher(odd: dict[str, Any]) -> None:
    assert ask_of(odd) is None


def test_both_apis_ask_alike() -> None:
    asked = message_request("x", stop_sequences=["END"], stream=True)
    assert ask_of(to_chat("messages", asked, None).request) == Ask(
        stream=True, include_usage=False, top_logprobs=None, most_tokens=32, stops=("END",)
    )


@pytest.mark.parametrize("role", [[], {}, None, 1, "tool", "User"])
@pytest.mark.parametrize("place", [0, -1])
def test_a_message_of_an_odd_role_is_the_teacher_s(role: object, place: int) -> None:
    request = chat_request("a text")
    request["messages"][place]["role"] = role
    assert isinstance(split_request(request), str)


@pytest.mark.parametrize(
    "odd", [{"stream": 1}, {"stream": "true"}, {"seed": 1.5}, {"top_logprobs": 3}], ids=str
)
def test_what_an_api_would_refuse_is_the_teacher_s(odd: dict[str, Any]) -> None:
    assert ask_of(chat_request("a text", **odd)) is None


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "image_url", "image_url": {"url": "x"}}],
        [{"type": "text", "text": "a"}, {"type": "input_audio"}],
        [],
        None,
    ],
    ids=range(4),
)
def test_earlier_turns_hold_words_alone(content: object) -> None:
    request = chat_request("a text")
    request["messages"].insert(1, {"role": "user", "content": content})
    assert isinstance(split_request(request), str)
    request["messages"][1] = {"role": "assistant", "content": "x", "tool_calls": [{"id": "1"}]}
    assert isinstance(split_request(request), str)
    request["messages"][1] = {"role": "assistant", "content": "x", "tool_calls": None}
    assert isinstance(split_request(request), SplitRequest)
