"""Bodies that differ in one string alone: a law, and what is not remembered."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from locum.serving.known_bodies import KnownBodies
from locum.traffic.strict_json import parse_json

KEY = ("chat",)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
JsonBody = dict[str, Any]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def read(body: bytes) -> tuple[str, object] | None:
    """Return the string under ``text`` in the last part, and all else."""
    try:
        parsed: Any = parse_json(body)
    except ValueError:
        return None
    if not isinstance(parsed, dict) or not parsed:
        return None
    text = parsed["parts"][-1].pop("text", None)
    return ("\n".join(text) if isinstance(text, list) else text, parsed)


class Counting:
    """Reads bodies, and counts how many."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, body: bytes) -> tuple[str, object] | None:
        """Read one."""
        self.times += 1
        return read(body)


def body_of(text: object, others: object = None) -> JsonBody:
    return {"model": "m", "others": others, "parts": [{"text": "as before"}, {"text": text}]}


def learned(body: bytes) -> KnownBodies[str]:
    known: KnownBodies[str] = KnownBodies()
    known.learn(KEY, body, "meaning", read)
    return known


@given(TEXTS, TEXTS, VALUES, st.sampled_from(["ascii", "utf-8"]))
@example('"}]}', "\\", None, "ascii")
@example("\u2028\U0001f600", '\\"\n', {"text": "x"}, "utf-8")
def test_a_body_with_another_input_is_known(
    first: str,
    second: str,
    others: object,
    written_in: str,
) -> None:
    def written(text: str) -> bytes:
        return json.dumps(body_of(text, others), ensure_ascii=written_in == "ascii").encode()

    known = learned(written(first))
    assert known.find(KEY, written(second)) == (second, "meaning")


@given(TEXTS, VALUES, st.binary(max_size=12) | TEXTS.map(str.encode))
@example("words", None, b'","text":"other')
@example("words", None, b'"}],"parts":[{"text":"')
@example("words", None, b"\\")
@example("words", None, b"\\ud800")
@example("words", None, b"\xff")
@example("words", None, b"\n")
def test_what_is_known_is_what_reading_would_find(
    text: str, others: object, between: bytes
) -> None:
    body = orjson.dumps(body_of(text, others))
    before, _, after = body.rpartition(orjson.dumps(text))
    other = before + b'"' + between + b'"' + after
    found = learned(body).find(KEY, other)
    expected, as_learned = read(other), read(body)
    assert as_learned is not None
    if found is not None:
        assert expected == (found[0], as_learned[1])


@pytest.mark.parametrize(
    "body",
    [
        {**body_of("words"), "model": "other"},
        {**body_of("words"), "more": 1},
        body_of(["text"]),
        body_of(None),
        {},
    ],
)
def test_a_body_that_differs_elsewhere_is_not_known(body: JsonBody) -> None:
    assert learned(orjson.dumps(body_of("first"))).find(KEY, orjson.dumps(body)) is None


def test_keys_are_apart() -> None:
    body = orjson.dumps(body_of("words"))
    known = learned(body)
    assert known.find(("messages",), body) is None
    assert known.find(KEY, body) == ("words", "meaning")
    known.forget()
    assert known.find(KEY, body) is None


@pytest.mark.parametrize(
    "body",
    [
        orjson.dumps(body_of(["two", "parts"])),
        orjson.dumps(body_of("x" * 70_000)),
        b"[]",
        b"{",
    ],
)
def test_a_body_whose_input_is_not_one_string_of_it_is_not_remembered(body: bytes) -> None:
    assert learned(body).find(KEY, body) is None


@pytest.mark.parametrize("written", [rb"wo\u0072ds\/", rb"wo\u0072ds/", rb"w\u006Frds/"])
def test_an_input_may_be_spelled_in_any_way(written: bytes) -> None:
    body = orjson.dumps(body_of("_")).replace(b"_", written)
    assert learned(body).find(KEY, body) == ("words/", "meaning")


def test_a_body_is_remembered_once_and_those_that_are_needed_stay() -> None:
    known: KnownBodies[int] = KnownBodies()
    for number in range(16):
        for _ in range(3):
            known.learn(KEY, orjson.dumps(body_of("words", number)), number, read)
    for number in range(16):
        assert known.find(KEY, orjson.dumps(body_of("other", number))) == ("other", number)
    assert known.find(KEY, orjson.dumps(body_of("other", 0))) == ("other", 0)
    known.learn(KEY, orjson.dumps(body_of("words", 16)), 16, read)
    assert known.find(KEY, orjson.dumps(body_of("other", 0))) == ("other", 0)
    assert known.find(KEY, orjson.dumps(body_of("other", 1))) is None


def test_bodies_by_which_no_other_is_known_are_seldom_tried() -> None:
    known: KnownBodies[int] = KnownBodies()
    reader = Counting()
    for number in range(640):
        known.learn(KEY, orjson.dumps(body_of("words", number)), number, reader)
    # Each that is tried is read twice: as it is, and with another input.
    assert 2 * 32 < reader.times < 2 * (32 + (640 - 32) / 8)
    # One that comes again and again is known in the end all the same.
    for number in range(1_000, 3_000):
        if number % 9 == 0:
            known.learn(KEY, orjson.dumps(body_of("words", "often")), -1, reader)
        known.learn(KEY, orjson.dumps(body_of("words", number)), number, reader)
    assert known.find(KEY, orjson.dumps(body_of("other", "often"))) == ("other", -1)


def test_a_body_that_repeats_its_input_is_not_read_for_each() -> None:
    known: KnownBodies[int] = KnownBodies()
    reader = Counting()
    known.learn(KEY, orjson.dumps(body_of("words", ["words"] * 1_000)), 0, reader)
    assert reader.times < 10


def test_what_is_held_has_a_bound() -> None:
    known: KnownBodies[int] = KnownBodies()
    padding = "x" * 60_000
    for number in range(700):
        known.learn((number,), orjson.dumps(body_of("words", padding)), number, read)
    held = [n for n in range(700) if known.find((n,), orjson.dumps(body_of("o", padding)))]
    assert held == list(range(700 - len(held), 700))
    assert len(held) == 256
    for number in range(700):
        for more in range(3):
            known.learn((number,), orjson.dumps(body_of("words", [more, padding])), 0, read)
    assert known._bytes <= 32 * 1024 * 1024  # noqa: SLF001 - nothing else shows what is held
