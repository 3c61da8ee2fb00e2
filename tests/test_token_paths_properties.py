"""What must hold of label probabilities for every language model, against exact enumeration.

A model is a handful of answers, each cut into tokens at some of its bytes, with a weight: a tree of
tokens in which every probability can be summed. An API shows one way through the tree, with the
most probable tokens beside it.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from locum.schema import TokenPosition
from locum.teachers.label_prefixes import LabelPrefixes
from locum.teachers.parsing import LabelParser
from locum.teachers.token_paths import LabelMasses, label_distribution, label_masses

DISTINCT_FROM_THE_START = ("refund request", "cancellation", "other question")
LABEL_SETS = (
    DISTINCT_FROM_THE_START,
    ("card", "card arrival", "cash", "fee"),
    ("1", "2", "10", "100"),
    ("caf\u00e9", "caf\u00e8", "Caf", "n/a"),
    ("\U0001f600", "\U0001f621", "\u6b63"),
    ("c", "c!", "(c)", "not_c"),
    ("<5", ">5", "5-9"),
)
FORMS = ("{}", " {}", "**{}**", '"{}"', "{}.", "{}\n", "```\n{}\n```", "```text\n{}\n```", "({}).")
OUTSIDE_FORMS = ("{}x", "{} or so", "x{}", "{}\n\nBecause.")
OBJECTS = ('{"label": "', '{"why": "fee", "label": "')
ESCAPES = {ord('"'): r"\"", ord("\n"): r"\n", 0xE9: r"\u00E9"}
END = "<|im_end|>"
NEAR = 1e-9

ALWAYS, UP_TO_8 = st.sampled_from([True]), st.integers(1, 8)
paths = settings(max_examples=100)


class Answer(NamedTuple):
    """One answer that a model may give.

    Args:
        tokens: Its tokens, without the end.
        weight: How often it is given, beside the others.
        meaning: The label that it means.
        given: Its tokens before the one in which the value begins that is its label.
    """

    tokens: tuple[str, ...]
    weight: int
    meaning: int | None
    given: tuple[str, ...]


class Model(NamedTuple):
    """All answers of a model, and the labels that it is asked for."""

    labels: tuple[str, ...]
    answers: tuple[Answer, ...]

    def after(self, tokens: tuple[str, ...]) -> list[Answer]:
        """Answers that begin with some tokens."""
        return [answer for answer in self.answers if answer.tokens[: len(tokens)] == tokens]

    def following(self, tokens: tuple[str, ...]) -> dict[str, float]:
        """Probability of each token after some, the end among them."""
        weights: dict[str, int] = {}
        for answer in self.after(tokens):
            token = [*answer.tokens, END][len(tokens)]
            weights[token] = weights.get(token, 0) + answer.weight
        return {token: weight / sum(weights.values()) for token, weight in weights.items()}

    def exact(self, given_tokens: tuple[str, ...]) -> list[float]:
        """Probability of each label, and of none, among answers that begin with some tokens."""
        masses = [0.0] * (len(self.labels) + 1)
        answers = self.after(given_tokens)
        for answer in answers:
            masses[-1 if answer.meaning is None else answer.meaning] += answer.weight
        return [mass / sum(answer.weight for answer in answers) for mass in masses]


class Case(NamedTuple):
    """A model, and what an API shows of one of its answers.

    Args:
        model: The model.
        positions: The answer's tokens with the alternatives.
        exact: Probability of each label, and of none, among answers that begin as this one does
            before the token in which its value begins.
        strayed: Probability that may be counted as a label that it does not mean: of answers
            outside the labels that leave the written one by a listed token, and of those that go on
            where the end is not shown.
    """

    model: Model
    positions: list[TokenPosition]
    exact: list[float]
    strayed: float

    def masses(self) -> LabelMasses:
        """What is known before anything is spread."""
        masses = label_masses(self.positions, self.model.labels)
        assert masses is not None
        return masses

    def spread(self) -> list[float]:
        """What labels have after spreading."""
        found = label_distribution(self.positions, self.model.labels)
        return [0.0] * len(self.model.labels) if found is None else list(found)


def to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def cut(text: str, places: set[int]) -> tuple[str, ...]:
    """A text in pieces of its bytes."""
    content = text.encode()
    bounds = [0, *sorted(place for place in places if place < len(content)), len(content)]
    return tuple(
        content[start:end].decode("utf-8", "surrogateescape") for start, end in pairwise(bounds)
    )


def tokens_before(tokens: tuple[str, ...], place: int) -> tuple[str, ...]:
    """The tokens before the one that holds a byte."""
    count = 0
    while len(to_bytes("".join(tokens[: count + 1]))) <= place:
        count += 1
    return tokens[:count]


@st.composite
def models(
    draw: st.DrawFn,
    label_sets: tuple[tuple[str, ...], ...] = LABEL_SETS,
    forms: tuple[str, ...] = FORMS + OUTSIDE_FORMS,
    objects: tuple[str, ...] = (),
    first_cut: int = 1,
) -> Model:
    """Models that answer as text, or in objects that begin in one of some ways."""
    labels = draw(st.sampled_from(label_sets))
    parser = LabelParser(labels)
    places = st.sets(st.integers(first_cut, 45), max_size=8)
    shared, answers = draw(places), []
    for _ in range(draw(st.integers(1, 8))):
        label = draw(st.sampled_from(labels))
        value = draw(st.sampled_from(forms)).format(draw(st.sampled_from([label, label.upper()])))
        before = draw(st.sampled_from(objects)) if objects else ""
        text = f'{before}{value.translate(ESCAPES)}"}}' if objects else value
        tokens = cut(text, shared | draw(st.sampled_from([set(), {first_cut + 1}])))
        given_tokens = tokens_before(tokens, len(before)) if objects else ()
        answers.append(Answer(tokens, draw(st.integers(1, 50)), parser(text), given_tokens))
    return Model(labels, tuple(answers))


@st.composite
def cases(
    draw: st.DrawFn,
    models: st.SearchStrategy[Model],
    ends: st.SearchStrategy[bool] = ALWAYS,
    most: st.SearchStrategy[int] = UP_TO_8,
) -> Case:
    """What an API shows of one answer of a model, with its end or without."""
    model = draw(models)
    written, end_is_shown, listed = draw(st.sampled_from(model.answers)), draw(ends), draw(most)
    positions, strayed = [], 0
    for count in range(len(written.tokens) + end_is_shown):
        so_far, token = written.tokens[:count], [*written.tokens, END][count]
        following = model.following(so_far)
        likeliest = sorted(following, key=lambda other: -following[other])[:listed]
        shown = {other: math.log(following[other]) for other in dict.fromkeys([*likeliest, token])}
        positions.append(TokenPosition(token, shown))
        if count >= len(written.given):
            left = [model.after((*so_far, other)) for other in shown if other not in {token, END}]
            strayed += sum(a.weight for answers in left for a in answers if a.meaning is None)
    if not end_is_shown:
        going_on = [a for a in model.after(written.tokens) if a.tokens != written.tokens]
        strayed += sum(answer.weight for answer in going_on)
    total = sum(answer.weight for answer in model.after(written.given))
    return Case(model, positions, model.exact(written.given), strayed / total)


PLAIN, CLOSED = models(), models(forms=FORMS)
IN_JSON = models(forms=FORMS[:5] + OUTSIDE_FORMS[:3], objects=OBJECTS)
ANY = cases(PLAIN | IN_JSON | CLOSED, ends=st.booleans())


@paths
@given(ANY)
def test_all_probability_is_accounted_for(case: Case) -> None:
    masses, spread = case.masses(), case.spread()
    assert min(*masses.labels, masses.outside, masses.unknown) >= 0
    assert sum(masses.labels) + masses.outside + masses.unknown == pytest.approx(1, abs=NEAR)
    assert sum(spread) <= 1 - masses.outside + NEAR
    for before, after in zip(masses.labels, spread, strict=True):
        assert before - NEAR <= after <= before + masses.unknown + NEAR


@paths
@given(ANY)
def test_labels_are_off_by_no_more_than_what_is_unknown_or_strays(case: Case) -> None:
    masses, spread = case.masses(), case.spread()
    for known, after, exact in zip(masses.labels, spread, case.exact, strict=False):
        assert known <= exact + case.strayed + NEAR
        assert exact <= known + masses.unknown + case.strayed + NEAR
        assert abs(after - exact) <= masses.unknown + case.strayed + NEAR
    assert masses.outside <= case.exact[-1] + case.strayed + NEAR


@paths
@given(cases(CLOSED | models(forms=FORMS[:5], objects=OBJECTS)))
def test_no_label_has_more_than_its_due_where_all_answers_are_labels(case: Case) -> None:
    masses, spread = case.masses(), case.spread()
    # Without their marks some labels are the same.
    assume(case.exact[-1] == 0)
    assert case.strayed == 0
    assert masses.outside <= NEAR
    for known, after, exact in zip(masses.labels, spread, case.exact, strict=False):
        assert known <= exact + NEAR
        assert exact <= known + masses.unknown + NEAR
        assert abs(after - exact) <= masses.unknown + NEAR


@paths
@given(cases(models((DISTINCT_FROM_THE_START,), FORMS, first_cut=9), most=st.just(100)))
def test_labels_that_the_first_token_decides_are_exact(case: Case) -> None:
    masses = case.masses()
    assert masses.labels == pytest.approx(case.exact[:-1], abs=NEAR)
    assert masses.outside + masses.unknown == pytest.approx(0, abs=NEAR)
    assert case.spread() == pytest.approx(case.exact[:-1], abs=NEAR)


@paths
@given(cases(PLAIN | CLOSED, ends=st.booleans()), st.data())
def test_a_likelier_alternative_never_lowers_its_label(case: Case, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(case.positions) - 1))
    position = case.positions[place]
    before = to_bytes("".join(earlier.token for earlier in case.positions[:place]))
    prefixes = LabelPrefixes(case.model.labels)
    leading = {
        token: possible
        for token in position.alternatives
        if token not in {position.token, END}
        and len(possible := prefixes.possible(before + to_bytes(token), quoted=False)) == 1
    }
    assume(leading)
    token = data.draw(st.sampled_from(sorted(leading)))
    (label,) = leading[token]
    low = math.exp(position.alternatives[token])
    tail = 1 - sum(map(math.exp, position.alternatives.values()))
    high = low + data.draw(st.floats(0, 1)) * max(0, tail)
    raised = position._replace(alternatives={**position.alternatives, token: math.log(high)})
    likelier = case._replace(
        positions=[*case.positions[:place], raised, *case.positions[place + 1 :]]
    )
    assert likelier.masses().labels[label] >= case.masses().labels[label] - NEAR
    assert likelier.spread()[label] >= case.spread()[label] - NEAR


@paths
@given(ANY, st.data())
def test_the_order_of_the_labels_does_not_matter(case: Case, data: st.DataObject) -> None:
    labels = case.model.labels
    assume("c!" not in labels)  # of labels that differ in punctuation alone, the first one counts
    order = data.draw(st.permutations(range(len(labels))))
    turned = Model(tuple(labels[index] for index in order), case.model.answers)
    masses, again = case.masses(), case._replace(model=turned).masses()
    assert again.labels == pytest.approx([masses.labels[index] for index in order], abs=NEAR)
    assert again[1:] == pytest.approx(masses[1:], abs=NEAR)
    spread = case.spread()
    expected = [spread[index] for index in order]
    assert case._replace(model=turned).spread() == pytest.approx(expected, abs=NEAR)


@paths
@given(st.sampled_from(LABEL_SETS), st.data())
def test_a_label_that_an_answer_means_is_possible_from_its_first_byte_on(
    labels: tuple[str, ...], data: st.DataObject
) -> None:
    around = st.text(" \t\n*_\"'`.,:()[]\u201c\u2019", max_size=4)
    word = data.draw(
        st.sampled_from(labels).map(lambda x: x) | st.text("c1fa!r \u00e9", max_size=6)
    )
    text = data.draw(around) + data.draw(st.sampled_from([word, word.upper()])) + data.draw(around)
    text = data.draw(st.sampled_from([*FORMS, *OUTSIDE_FORMS, '{{"label": "{}"}}'])).format(text)
    prefixes = LabelPrefixes(labels)
    meaning = prefixes.parser(text)
    assume(meaning is not None)
    content = text.encode()
    for end in range(len(content) + 1):
        assert meaning in prefixes.possible(content[:end], quoted=False)


@pytest.mark.parametrize(
    ("label", "written"),
    [
        ("\u0130ade", "\u0130ade"),
        ("gro\u00df", "gro\u00df"),
        ("GROSS", "gro\u00df"),
        ("Final", "\ufb01nal"),
        ("\u03a9mega", "\u2126mega"),
        ("\uab70s", "\u13a0s"),
    ],
)
def test_a_label_is_possible_within_characters_that_are_others_without_case(
    label: str, written: str
) -> None:
    prefixes = LabelPrefixes((label, "other"))
    assert prefixes.parser(written) == 0
    for end in range(len(written.encode()) + 1):
        assert 0 in prefixes.possible(written.encode()[:end], quoted=False)


@paths
@given(st.sampled_from(LABEL_SETS), st.data())
def test_a_label_that_a_string_of_json_means_is_possible_from_its_first_byte_on(
    labels: tuple[str, ...], data: st.DataObject
) -> None:
    label = data.draw(st.sampled_from(labels))
    around = st.text(" \n*\"'.\u201c", max_size=3)
    text = data.draw(around) + label + data.draw(around)
    every = {
        ord(character): f"\\u{ord(character):04x}" for character in text if character < "\uffff"
    }
    escaped = text.translate(data.draw(st.sampled_from([ESCAPES, ESCAPES | every])))
    prefixes = LabelPrefixes(labels)
    content = escaped.encode() + b'"'
    meaning = prefixes.meaning(content, quoted=True)
    assert meaning == prefixes.parser.find(text)
    assume(meaning is not None)
    for end in range(len(content) + 1):
        assert meaning in prefixes.possible(content[:end], quoted=True)
