"""Log-probabilities asked for by the gateway leave the answer byte for byte as it would be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locum.serving.soft_labels import (
    JsonFilter,
    SoftLabelMemory,
    StreamFilter,
    ask,
    may_ask,
    plain_style,
    remove,
)

if TYPE_CHECKING:
    from locum.serving.soft_labels import Style

LOGPROBS: dict[str, Any] = {
    "content": [
        {
            "token": '"}',
            "logprob": -0.1,
            "bytes": [34, 125],
            "top_logprobs": [{"token": "\u00e9\\", "logprob": -2.5, "bytes": None}],
        }
    ],
    "refusal": None,
}
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ['"logprobs"', '"logprobs":', '\\"logprobs\\": {', "choices", "}{][", "\\", "data: x\n\n"]
)
style = st.sampled_from(["null", "absent"])
layout = st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " : ")])


def body(texts: list[str], logprobs: Any, chosen: Style, place: int) -> dict[str, Any]:  # noqa: ANN401
    """An answer whose choices hold log-probabilities, or what stands there without any."""

    def choice(index: int, said: str) -> dict[str, Any]:
        entries = [
            ("index", index),
            ("message", {"role": "assistant", "content": said, "logprobs": {"kept": [1]}}),
            ("finish_reason", "stop"),
        ]
        if logprobs is not None or chosen == "null":
            entries.insert(place, ("logprobs", logprobs))
        return dict(entries)

    return {
        "logprobs": "kept",
        "id": texts[0],
        "choices": [choice(index, said) for index, said in enumerate(texts)],
        "other": [{"logprobs": 1}, [[{"logprobs": 2}]]],
        "usage": {"logprobs": {"kept": True}},
    }


def spell(value: object, separators: tuple[str, str], *, ascii_only: bool = True) -> bytes:
    return json.dumps(value, ensure_ascii=ascii_only, separators=separators).encode()


@given(st.lists(text, min_size=1, max_size=3), style, st.integers(0, 3), layout, st.booleans())
def test_what_is_left_is_the_answer_without_log_probabilities(
    texts: list[str],
    chosen: Style,
    place: int,
    separators: tuple[str, str],
    ascii_only: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    asked = spell(body(texts, LOGPROBS, chosen, place), separators, ascii_only=ascii_only)
    plain = spell(body(texts, None, chosen, place), separators, ascii_only=ascii_only)
    removed = remove(asked, chosen)
    if chosen == "null" or separators[0] != " ,\t":
        assert removed == plain
    assert json.loads(removed) == json.loads(plain)


@given(st.lists(text, min_size=1, max_size=3), style, st.integers(0, 3), layout)
def test_a_plain_answer_tells_its_style_and_passes_unchanged(
    texts: list[str], chosen: Style, place: int, separators: tuple[str, str]
) -> None:
    plain = spell(body(texts, None, chosen, place), separators)
    assert plain_style(plain) == chosen
    assert remove(plain, chosen) == plain


@given(st.data(), style, st.sampled_from([b"\n", b"\r\n"]))
def test_a_stream_cut_anywhere_loses_its_log_probabilities_alone(
    data: st.DataObject, chosen: Style, end: bytes
) -> None:
    texts = data.draw(st.lists(text, min_size=1, max_size=4))

    def stream(logprobs: Any) -> bytes:  # noqa: ANN401
        events = [
            b"data: " + spell(body([said], logprobs, chosen, 2), (",", ":")) for said in texts
        ]
        return b"".join(event + 2 * end for event in [b": hello", *events, b"data: [DONE]"])

    asked = stream(LOGPROBS)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(asked)), max_size=5)))
    pieces = [asked[a:b] for a, b in zip([0, *cuts], [*cuts, len(asked)], strict=True)]
    stripper = StreamFilter(chosen)
    passed = b"".join([*map(stripper.feed, pieces), stripper.end()])
    assert passed == stream(None)


def test_a_stream_is_passed_on_event_by_event() -> None:
    stripper = StreamFilter("absent")
    assert stripper.feed(b'data: {"choices":[{"logprobs":{}}]}\n') == b""
    assert stripper.feed(b'\ndata: {"a"') == b'data: {"choices":[{}]}\n\n'


def test_a_plain_answer_is_held_until_it_is_whole() -> None:
    stripper = JsonFilter("null")
    assert stripper.feed(b'{"choices":[{"logp') == b""
    assert stripper.feed(b'robs":{"content":[]}}]}') == b""
    assert stripper.end() == b'{"choices":[{"logprobs":null}]}'


@pytest.mark.parametrize("damaged", [b'{"choices":[{"logprobs":{', b'{"choices":[{"logprobs": ]'])
def test_an_answer_that_is_no_json_goes_on_as_it_came(damaged: bytes) -> None:
    stripper = JsonFilter("null")
    stripper.feed(damaged)
    assert stripper.end() == damaged


def test_an_answer_without_choices_tells_no_style() -> None:
    assert plain_style(b'{"error":{"message":"no"}}') is None


@pytest.mark.parametrize("tail", ["", " \n", "\t"])
def test_asking_keeps_the_request_and_adds_to_its_end(tail: str) -> None:
    request = '{"model":"m","messages":[]}'
    asked = ask((request + tail).encode())
    assert asked.startswith(request[:-1].encode())
    expected = {"model": "m", "messages": [], "logprobs": True, "top_logprobs": 20}
    assert json.loads(asked) == expected


@pytest.mark.parametrize("taken", ["logprobs", "top_logprobs", "tools"])
def test_a_request_that_says_something_of_its_own_is_not_asked(taken: str) -> None:
    request = {"messages": [], "model": "m"}
    assert may_ask("chat", request)
    assert not may_ask("chat", {**request, taken: None})
    assert not may_ask("responses", request)


def test_a_model_is_asked_once_its_plain_answer_is_known_and_never_after_it_refused() -> None:
    memory = SoftLabelMemory()
    assert memory.style("u", "m", streamed=False) is None
    memory.learn("u", "m", "absent", streamed=False)
    assert memory.style("u", "m", streamed=False) == "absent"
    assert memory.style("u", "m", streamed=True) is None
    memory.refuse("u", "m")
    assert memory.style("u", "m", streamed=False) is None
    memory.learn("u", "other", "null", streamed=False)
    assert memory.style("u", "other", streamed=False) == "null"
