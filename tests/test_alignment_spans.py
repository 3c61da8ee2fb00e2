"""Where a string stands in a text: as it is, nearly so, and not at all."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from rapidfuzz import fuzz

from locum.alignment import QUALITIES, SpanFinder, find_spans, tokenize
from locum.alignment.folding import fold, squeeze
from locum.alignment.similar import LEAST_SIMILARITY

TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(st.sampled_from("abAB1 2-.'s\u0301中ßİé\u2019\n"), max_size=30),
    st.lists(
        st.sampled_from(["the", "The", "new", "New", "York", "york", "-", "'", "s", "12", "1", "."])
    ).map(" ".join),
)


def spans(value: str, text: str) -> list[tuple[str, str]]:
    """The text of each span found, with its quality."""
    finder = SpanFinder(text, tokenize(text))
    return [(finder.text_of(m.first_token, m.end_token), m.quality) for m in finder.find(value)]


@given(TEXTS, st.data())
def test_a_value_cut_out_of_the_text_is_found_at_its_place(text: str, data: st.DataObject) -> None:
    tokens = tokenize(text)
    assume(tokens)
    first = data.draw(st.integers(0, len(tokens) - 1))
    last = data.draw(st.integers(first, len(tokens) - 1))
    value = text[tokens[first].start : tokens[last].end]
    found = find_spans(value, text, tokens)
    assert found[0].quality == "exact"
    assert (first, last + 1) in [m[:2] for m in found if m.quality == "exact"]


@given(TEXTS, st.data())
def test_a_value_in_another_case_is_still_found_there(text: str, data: st.DataObject) -> None:
    tokens = tokenize(text)
    assume(tokens)
    first = data.draw(st.integers(0, len(tokens) - 1))
    last = data.draw(st.integers(first, len(tokens) - 1))
    value = text[tokens[first].start : tokens[last].end]
    assume(fold(value.upper()) == fold(value))
    found = find_spans(value.upper(), text, tokens)
    assert (first, last + 1) in [m[:2] for m in found]


@given(
    st.lists(st.from_regex(r"[a-z]{2,6}", fullmatch=True), min_size=1, max_size=4),
    st.lists(st.sampled_from([" ", "-", ", ", ". ", " - "]), min_size=4, max_size=4),
    st.lists(st.sampled_from([" ", "-", "/", "  "]), min_size=4, max_size=4),
    st.sampled_from(["", '"', "("]),
)
def test_a_value_with_other_punctuation_is_still_found(
    parts: list[str], between: list[str], others: list[str], edge: str
) -> None:
    there = "".join(map("".join, zip(parts, between, strict=False))).rstrip(" -,.")
    value = "".join(map("".join, zip(parts, others, strict=False))).rstrip(" -/")
    text = f"Say 1 {there} 2 now"
    found = find_spans(f"{edge}{value}", text, tokenize(text))
    finder = SpanFinder(text, tokenize(text))
    assert there in [finder.text_of(m.first_token, m.end_token) for m in found]


@given(TEXTS, TEXTS)
@example("the", "the The")
def test_spans_are_those_of_trying_every_one(value: str, text: str) -> None:
    tokens = tokenize(text)
    finder = SpanFinder(text, tokens)
    found = finder.find(value)
    places = {(m.first_token, m.end_token): m.quality for m in found}
    assert len(places) == len(found)
    for first in range(len(tokens)):
        for end in range(first + 1, len(tokens) + 1):
            there = finder.text_of(first, end)
            quality = places.get((first, end))
            assert (quality == "exact") == (there == value)
            if quality == "case":
                assert fold(there) == fold(value)
            if quality == "punctuation" and not squeeze(value).isdigit():
                assert squeeze(there) in squeeze(value)
    order = [(QUALITIES.index(m.quality), m.first_token) for m in found if m.quality != "edited"]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("value", "text", "expected"),
    [
        ("Paris", "paris, Paris", [("Paris", "exact"), ("paris", "case")]),
        ("STRASSE", "die Straße", [("Straße", "case")]),
        ("café", "a cafe\u0301", [("cafe\u0301", "case")]),
        ("ABC", "\uff21\uff22\uff23", [("\uff21\uff22\uff23", "case")]),
        ("New York", "in New\nYork", [("New\nYork", "punctuation")]),
        ("email", "your e-mail", [("e-mail", "punctuation")]),
        ("Sao Paulo", "em São Paulo", [("São Paulo", "punctuation")]),
        ("U.S.", "the US", [("US", "punctuation")]),
        ("The Beatles", "play Beatles", [("Beatles", "punctuation")]),
        ("Beatles", "play the Beatles", [("Beatles", "exact")]),
        ("Anna", "Anna's bag", [("Anna", "exact")]),
        ("Anna's", "for Anna", [("Anna", "punctuation")]),
        ("Anna\u2019s bag", "Anna's bag", [("Anna's bag", "punctuation")]),
        ("5551234567", "(555) 123-4567", [("555) 123-4567", "punctuation")]),
        ("1200", "EUR 1,200", [("1,200", "punctuation")]),
        ("12", "1/2 or 1 2", []),
        ("$12", "12 dollars", [("12", "punctuation")]),
        (" Paris ", "in Paris", [("Paris", "punctuation")]),
        ("北京", "我去北京吧", [("北京", "exact")]),
        ("C++", "C or C++", [("C++", "exact"), ("C", "punctuation"), ("C", "punctuation")]),
        ("20", "20mg", [("20", "exact")]),
        ("art", "party", []),
        ("🙂", "ok 🙂", [("🙂", "exact")]),
        ("", "text", []),
        ("  ", "te  xt", []),
        ("...", "well\u2026", []),
        ("text", "", []),
    ],
)
def test_spans_by_hand(value: str, text: str, expected: list[tuple[str, str]]) -> None:
    assert spans(value, text) == expected


@pytest.mark.parametrize(
    ("value", "text", "there"),
    [
        ("burgers", "two burger, please", "burger"),
        ("burger", "two burgers", "burgers"),
        ("receive", "did not recieve it", "recieve"),
        ("Bank America", "the Bank of America branch", "Bank of America"),
        ("Museum of the Modern Art", "Museum of Modern Art", "Museum of Modern Art"),
        ("Grand Budapest Hotel", "the Grand Budapst Hotel!", "Grand Budapst Hotel"),
        ("flight 370 to Zurich", "Flight 370 to Zürrich", "Flight 370 to Zürrich"),
    ],
)
def test_small_edits_are_found_where_nothing_better_is(value: str, text: str, there: str) -> None:
    assert spans(value, text)[0] == (there, "edited")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("order 4567891", "order 4567892"),
        ("555-123-4567", "555-123-4568"),
        ("female", "male"),
        ("cat", "cats"),
        ("Berlin", "Munich"),
        ("a" * 500 + "b", "a" * 500),
    ],
)
def test_what_says_something_else_is_not_found(value: str, text: str) -> None:
    assert spans(value, text) == []


@given(
    st.lists(st.from_regex(r"[a-z]{5,9}", fullmatch=True), min_size=3, max_size=12, unique=True),
    st.data(),
)
def test_the_nearest_edit_is_the_one_of_trying_every_span(
    parts: list[str], data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(parts) - 1))
    end = data.draw(st.integers(first + 1, min(first + 3, len(parts))))
    value = " ".join(parts[first:end])
    value += "\u0130\u00df"[data.draw(st.integers(0, 1))]
    text = " ".join(parts)
    assume(squeeze(value) not in "".join(parts))
    ratios = {
        (one, other): fuzz.ratio(squeeze_words(value), " ".join(parts[one:other])) / 100
        for one in range(len(parts))
        for other in range(one + 1, len(parts) + 1)
    }
    found = find_spans(value, text, tokenize(text))
    best = max(ratios.values())
    if best < LEAST_SIMILARITY:
        assert found == []
    else:
        assert found[0].quality == "edited"
        assert 1 - found[0].distance == pytest.approx(best)
        assert ratios[found[0].first_token, found[0].end_token] == pytest.approx(best)


def squeeze_words(value: str) -> str:
    return " ".join(map(squeeze, value.split()))


def test_edited_spans_do_not_overlap() -> None:
    text = "recieve it, recieve recieve"
    found = find_spans("receive", text, tokenize(text))
    assert [m.first_token for m in found] == [0, 3, 4]


def test_a_part_of_a_text_is_similar_to_a_degree() -> None:
    finder = SpanFinder("the quick brown fox", tokenize("the quick brown fox"))
    assert finder.similarity("quick brown") == 1
    assert 0.5 < finder.similarity("quack crown") < 1
    assert finder.similarity("a text longer than that one") == 0
    assert finder.similarity("--") == 0


def test_a_range_of_characters_is_a_span_only_on_token_boundaries() -> None:
    finder = SpanFinder("to New York", tokenize("to New York"))
    assert finder.span_of(3, 11) == (1, 3)
    assert finder.span_of(3, 10) is None
    assert finder.span_of(2, 6) is None
    assert finder.text_of(1, 1) == ""


def test_thousands_of_places_are_all_found() -> None:
    text = "a b " * 5_000
    assert len(find_spans("a", text, tokenize(text))) == 5_000
    assert len(find_spans("b a", text, tokenize(text))) == 4_999
