"""The chain of tags against all its sequences one by one, its loss, and its masks."""

from __future__ import annotations

from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.errors import UsageError
from locum.extractors.chain import expect, log_partition, path_scores, viterbi
from locum.extractors.chain_loss import KnownTags, TagWeights, chain_loss
from locum.extractors.chain_types import Chain
from locum.extractors.log_chain import log_expect, log_forward
from locum.extractors.packing import pack, select
from locum.extractors.tag_set import Span, TagSet
from locum.extractors.tagging import Tagging

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from locum.extractors.chain_loss import Targets
    from locum.extractors.packing import Packing

    Doubles = NDArray[np.float64]
    Path = tuple[int, ...]

_TAGS = TagSet(["O", "B-x", "I-x", "B-y", "I-y"])


class _Case(NamedTuple):
    """A chain and some sequences' scores, in the order of the texts."""

    chain: Chain
    lengths: list[int]
    scores: NDArray[np.floating[Any]]
    weights: NDArray[np.floating[Any]]

    @property
    def packing(self) -> Packing:
        return pack(self.lengths)

    @property
    def packed(self) -> NDArray[np.floating[Any]]:
        return self.scores[self.packing.tokens]

    def texts(self) -> list[Doubles]:
        ends = np.cumsum(self.lengths)[:-1]
        return [part.astype(np.float64) for part in np.split(self.scores, ends)]


@st.composite
def _cases(draw: st.DrawFn) -> _Case:
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    tags = draw(st.integers(1, 4))
    kind, spread = draw(st.sampled_from([(np.float32, 1), (np.float32, 4), (np.float64, 30)]))
    forbidden = draw(st.sampled_from([0, 0.2, 0.6]))
    lengths = draw(st.lists(st.integers(0, 4), min_size=1, max_size=6))

    def numbers(*shape: int) -> NDArray[np.floating[Any]]:
        drawn = generator.normal(size=shape) * spread
        drawn[generator.random(shape) < forbidden] = -np.inf
        return drawn.astype(kind)

    chain = Chain(numbers(tags, tags), numbers(tags))
    weights = generator.integers(0, 3, len(lengths)).astype(kind)
    return _Case(chain, lengths, numbers(sum(lengths), tags), weights)


def _paths(chain: Chain, scores: Doubles) -> dict[Path, float]:
    """Every sequence of tags with its score, written down from the definition."""
    tags = range(len(chain.starts))
    found = {}
    for path in product(tags, repeat=len(scores)):
        steps = [float(row[tag]) for row, tag in zip(scores, path, strict=True)]
        moves = [float(chain.transitions[pair]) for pair in pairwise(path)]
        first = [float(chain.starts[path[0]])] if path else []
        found[path] = sum([*first, *steps, *moves])
    return found


def _log_sum(values: list[float]) -> float:
    return float(np.logaddexp.reduce(values)) if values else -np.inf


def _probabilities(chain: Chain, scores: Doubles) -> dict[Path, float]:
    paths = _paths(chain, scores)
    total = _log_sum(list(paths.values()))
    return {path: float(np.exp(value - total)) for path, value in paths.items() if total > -np.inf}


def _near(case: _Case) -> float:
    return 2e-3 if case.scores.dtype == np.float32 else 1e-8


@given(_cases())
@settings(max_examples=60)
def test_partitions_and_best_paths_are_those_of_all_sequences(case: _Case) -> None:
    found = log_partition(case.chain, case.packed, case.packing)
    slow = log_forward(case.chain, case.packed, case.packing).log_partition
    for text, one, other in zip(case.texts(), found, slow, strict=True):
        paths = _paths(case.chain, text)
        wanted = _log_sum(list(paths.values()))
        assert one == pytest.approx(wanted, rel=1e-6, abs=_near(case))
        assert other == pytest.approx(wanted, rel=1e-9, abs=1e-9)
        best = viterbi(case.chain, text.astype(case.scores.dtype))
        assert best.score == pytest.approx(max(paths.values()), rel=1e-6, abs=_near(case))
        assert paths[tuple(best.tags)] == pytest.approx(best.score, rel=1e-5, abs=_near(case))


@given(_cases())
@settings(max_examples=60)
def test_expectations_are_those_of_all_sequences(case: _Case) -> None:
    tokens = np.zeros(case.scores.shape)
    transitions = np.zeros(case.chain.transitions.shape)
    row = 0
    for text, weight in zip(case.texts(), case.weights, strict=True):
        for path, probability in _probabilities(case.chain, text).items():
            for place, tag in enumerate(path):
                tokens[row + place, tag] += probability
            for pair in pairwise(path):
                transitions[pair] += probability * weight
        row += len(text)
    for found in (
        expect(case.chain, case.packed, case.packing, case.weights),
        log_expect(case.chain, case.packed, case.packing, case.weights),
    ):
        np.testing.assert_allclose(found.tokens, tokens[case.packing.tokens], atol=_near(case))
        np.testing.assert_allclose(found.transitions, transitions, atol=_near(case))


@given(_cases())
@settings(max_examples=50)
def test_a_path_scores_what_the_definition_says(case: _Case) -> None:
    tags = (np.arange(len(case.scores)) * 7) % len(case.chain.starts)
    found = path_scores(case.chain, case.packed, case.packing, tags[case.packing.tokens])
    row = 0
    for text, one in zip(case.texts(), found, strict=True):
        path = tuple(tags[row : row + len(text)].tolist())
        assert one == pytest.approx(_paths(case.chain, text)[path], rel=1e-6, abs=_near(case))
        row += len(text)


def test_scores_beyond_the_range_of_their_type_are_summed_all_the_same() -> None:
    # The one way leads through a tag that is e^-900 times as probable as another.
    chain = Chain(np.array([[0.0, -np.inf], [-np.inf, 0.0]]), np.zeros(2))
    scores = np.array([[0.0, -900.0], [-np.inf, 800.0]])
    assert log_partition(chain, scores, pack([2])) == pytest.approx([-100.0])
    found = expect(chain, scores, pack([2]), np.ones(1))
    np.testing.assert_allclose(found.tokens, [[0, 1], [0, 1]], atol=1e-12)
    np.testing.assert_allclose(found.transitions, [[0, 0], [0, 1]], atol=1e-12)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_way_that_recovers_at_one_step_is_found(
    kind: type[np.floating[Any]], generator: np.random.Generator
) -> None:
    # Two tags that never change into each other: far behind at one token, far ahead at another.
    apart = np.array([[0, -np.inf], [-np.inf, 0]], kind)
    chain = Chain(apart, np.zeros(2, kind))
    behind = generator.uniform(100, 4_000, 50)
    scores = np.zeros((50, 3, 2))
    scores[:, 0, 1], scores[:, 2, 1] = -behind, behind + generator.normal(size=50)
    packing = pack([3] * 50)
    packed = scores.reshape(-1, 2).astype(kind)[packing.tokens]
    weights = np.ones(50, kind)
    slow = log_expect(chain, packed, packing, weights)
    found = expect(chain, packed, packing, weights)
    np.testing.assert_allclose(found.log_partition, slow.log_partition, rtol=1e-6)
    np.testing.assert_allclose(found.tokens, slow.tokens, atol=1e-6)
    np.testing.assert_allclose(found.transitions, slow.transitions, rtol=1e-5)
    np.testing.assert_allclose(log_partition(chain, packed, packing), slow.log_partition, rtol=1e-6)


def test_a_way_that_recovers_slowly_is_found_from_its_end() -> None:
    apart = np.array([[0, -np.inf], [-np.inf, 0]])
    scores = np.array([[0, 0], [0, -800], [0, 270], [0, 270], [0, 270]], np.float64)
    found = expect(Chain(apart, np.zeros(2)), scores, pack([5]), np.ones(1))
    assert found.log_partition == pytest.approx([np.logaddexp(0, 10)])
    wanted = 1 / (1 + np.exp(-10))
    np.testing.assert_allclose(found.tokens[:, 1], wanted, rtol=1e-9)


def test_where_nothing_is_allowed_the_sum_is_zero() -> None:
    chain = Chain(np.full((2, 2), -np.inf, np.float32), np.zeros(2, np.float32))
    scores = np.zeros((3, 2), np.float32)
    packing = pack([2, 1])
    assert log_partition(chain, scores, packing) == pytest.approx([-np.inf, np.log(2)])
    found = expect(chain, scores, packing, np.ones(2, np.float32))
    assert found.tokens.tolist() == [[0, 0], [0.5, 0.5], [0, 0]]
    assert not found.transitions.any()
    assert viterbi(chain, scores[:2]).score == -np.inf


@given(st.lists(st.integers(0, 6), max_size=9))
def test_every_token_has_one_row_next_to_those_of_its_step(lengths: list[int]) -> None:
    packing = pack(lengths)
    assert sorted(packing.tokens.tolist()) == list(range(sum(lengths)))
    starts = np.cumsum([0, *lengths])
    for place, (begin, end, before) in enumerate(packing.steps):
        sequences = packing.sequences[begin:end]
        assert sorted(sequences.tolist()) == [s for s, size in enumerate(lengths) if size > place]
        assert (packing.tokens[begin:end] == starts[sequences] + place).all()
        if place:
            earlier = slice(before, before + end - begin)
            assert (packing.tokens[earlier] == packing.tokens[begin:end] - 1).all()
    later = packing.tokens[packing.first :]
    assert (packing.tokens[packing.previous] == later - 1).all()
    assert packing.add_up(np.ones(sum(lengths))).tolist() == lengths


@given(st.lists(st.integers(0, 5), min_size=1, max_size=9), st.data())
def test_selected_sequences_keep_their_layout(lengths: list[int], data: st.DataObject) -> None:
    chosen = np.array(sorted(data.draw(st.sets(st.integers(0, len(lengths) - 1)))), np.int64)
    packing = pack(lengths)
    rows, part = select(packing, chosen)
    np.testing.assert_array_equal(packing.sequences[rows], chosen[part.sequences])
    starts = np.cumsum([0, *lengths])
    own = np.cumsum([0, *(lengths[sequence] for sequence in chosen)])
    there = packing.tokens[rows] - starts[packing.sequences[rows]]
    np.testing.assert_array_equal(there, part.tokens - own[part.sequences])


def test_a_sequence_gives_the_same_among_others(generator: np.random.Generator) -> None:
    lengths = generator.integers(0, 12, 40).tolist()
    chain = Chain(generator.normal(size=(5, 5)), generator.normal(size=5))
    scores = generator.normal(size=(sum(lengths), 5)) * 3
    together = log_partition(chain, scores[pack(lengths).tokens], pack(lengths))
    ends = np.cumsum(lengths)[:-1]
    alone = [log_partition(chain, s, pack([len(s)]))[0] for s in np.split(scores, ends)]
    np.testing.assert_allclose(together, alone, rtol=1e-12)


def _targets(kind: str, packing: Packing, generator: np.random.Generator) -> Targets:
    count = len(packing.tokens)
    if kind == "known":
        return KnownTags(generator.integers(0, 2, count) * 3)
    weights = np.zeros((count, 5))
    if kind == "partly":
        weights[generator.random((count, 5)) < 0.5] = -np.inf
        weights[:, 0] = 0
        return TagWeights(weights)
    return TagWeights(np.log(generator.dirichlet(np.ones(5), count)))


def _log_weights(targets: Targets) -> Doubles:
    if isinstance(targets, TagWeights):
        return targets.logarithms.astype(np.float64)
    found = np.full((len(targets.tags), 5), -np.inf)
    found[np.arange(len(found)), targets.tags] = 0
    return found


@pytest.mark.parametrize("kind", ["known", "partly", "weighed"])
def test_the_loss_and_its_gradient_are_those_of_all_sequences(
    kind: str, generator: np.random.Generator
) -> None:
    lengths = [3, 1, 0, 4, 2]
    packing = pack(lengths)
    weights = np.array([1.0, 0.5, 1.0, 2.0, 0.0])
    transitions = generator.normal(size=(5, 5))
    scores = generator.normal(size=(10, 5)) * 2
    targets = _targets(kind, packing, generator)

    def loss(scores: Doubles, transitions: Doubles) -> float:
        value = 0.0
        for text, weight in enumerate(weights):
            rows = np.flatnonzero(packing.sequences == text)
            chain = _TAGS.chain(transitions)
            paths = _paths(chain, scores[rows])
            allowed = _paths(chain, scores[rows] + _log_weights(targets)[rows])
            value += weight * (_log_sum(list(paths.values())) - _log_sum(list(allowed.values())))
        return value

    chain = _TAGS.chain(transitions)
    found = chain_loss(chain, scores, packing, targets, weights)
    assert found.value == pytest.approx(loss(scores, transitions), rel=1e-10)
    for gradient, place in ((found.scores, 0), (found.transitions, 1)):
        for index in generator.permutation(gradient.size)[:12]:
            step = np.zeros(gradient.size)
            step[index] = 1e-5
            moved = step.reshape(gradient.shape)
            either = [
                loss(scores + sign * moved * (place == 0), transitions)
                if place == 0
                else loss(scores, transitions + sign * moved)
                for sign in (1, -1)
            ]
            slope = (either[0] - either[1]) / 2e-5
            assert gradient.flat[index] == pytest.approx(slope, abs=1e-6)


def test_a_token_of_which_nothing_is_known_adds_nothing(generator: np.random.Generator) -> None:
    chain = _TAGS.chain(generator.normal(size=(5, 5)).astype(np.float32))
    scores = generator.normal(size=(4, 5)).astype(np.float32)
    nothing = TagWeights(np.zeros((4, 5), np.float32))
    found = chain_loss(chain, scores, pack([4]), nothing, np.ones(1, np.float32))
    assert found.value == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(found.scores, 0, atol=1e-6)
    np.testing.assert_allclose(found.transitions, 0, atol=1e-6)


def test_targets_that_the_chain_forbids_lose_infinitely() -> None:
    chain = _TAGS.chain(np.zeros((5, 5), np.float32))
    scores = np.zeros((2, 5), np.float32)
    for targets in (KnownTags(np.array([1, 4])), KnownTags(np.array([2, 2]))):
        found = chain_loss(chain, scores, pack([2]), targets, np.ones(1, np.float32))
        assert found.value == np.inf


def _follows(first: str | None, second: str) -> bool:
    return not second.startswith("I-") or (first is not None and first[1:] == second[1:])


def test_tags_follow_each_other_as_spans_do() -> None:
    mixed = TagSet(["I-a", "B-b", "B-a", "O", "I-b", "B-c"])
    chain = mixed.chain(np.ones((6, 6), np.float32))
    for column, second in enumerate(mixed.tags):
        assert np.isfinite(chain.starts[column]) == _follows(None, second)
        for row, first in enumerate(mixed.tags):
            allowed = _follows(first, second)
            assert chain.transitions[row, column] == (1 if allowed else -np.inf)
    assert mixed.names == ["b", "a", "c"]


def _allowed_paths(length: int) -> list[Path]:
    chain = _TAGS.chain(np.zeros((5, 5), np.float32))
    paths = _paths(chain, np.zeros((length, 5)))
    return [path for path, score in paths.items() if score == 0]


def test_spans_are_read_from_tags() -> None:
    assert _TAGS.read_spans([]) == []
    assert _TAGS.read_spans([1, 2, 1, 0, 3, 4, 4]) == [
        Span("x", 0, 2),
        Span("x", 2, 3),
        Span("y", 4, 7),
    ]


def test_confidences_are_sums_over_all_sequences(generator: np.random.Generator) -> None:
    chain = _TAGS.chain(generator.normal(size=(5, 5)))
    scores = generator.normal(size=(4, 5))
    tagging = Tagging(_TAGS, chain, scores)
    probabilities = {p: q for p, q in _probabilities(chain, scores).items() if q > 0}
    assert set(probabilities) == set(_allowed_paths(4))
    spans = [
        Span(name, begin, end)
        for name in ("x", "y")
        for begin in range(4)
        for end in range(begin + 1, 5)
    ]
    wanted = [
        sum(q for path, q in probabilities.items() if span in _TAGS.read_spans(path))
        for span in spans
    ]
    np.testing.assert_allclose(tagging.span_confidences(spans), wanted, rtol=1e-10)
    sets: dict[tuple[Span, ...], float] = {}
    for path, probability in probabilities.items():
        held = tuple(span for span in _TAGS.read_spans(path) if span.name == "x")
        sets[held] = sets.get(held, 0) + probability
    for held, sum_of_paths in sets.items():
        none_of_other = sum(
            q
            for p, q in probabilities.items()
            if not any(s.name == "y" for s in _TAGS.read_spans(p))
        )
        found = tagging.field_confidences([(["x"], held[::-1]), (["y"], [])])
        assert found == pytest.approx([sum_of_paths, none_of_other], rel=1e-10)
        both = [span for span in held if span.name == "x"]
        joint = sum(q for p, q in probabilities.items() if _TAGS.read_spans(p) == both)
        found = tagging.field_confidences([(["x", "y"], both)])
        assert found == pytest.approx([joint], rel=1e-10)
    best = max(probabilities, key=probabilities.__getitem__)
    assert tuple(tagging.tags) == best
    assert tagging.spans == _TAGS.read_spans(best)
    assert tagging.log_probability == pytest.approx(np.log(probabilities[best]), rel=1e-10)
    marginals = [
        [sum(q for path, q in probabilities.items() if path[place] == tag) for tag in range(5)]
        for place in range(4)
    ]
    np.testing.assert_allclose(tagging.marginals, marginals, atol=1e-12)


def test_a_text_without_tokens_has_one_tagging() -> None:
    tagging = Tagging(_TAGS, _TAGS.chain(np.zeros((5, 5), np.float32)), np.zeros((0, 5)))
    assert (tagging.tags, tagging.spans, tagging.log_probability) == ([], [], 0)
    assert tagging.marginals.shape == (0, 5)
    assert tagging.field_confidences([(["x"], []), (["y"], [])]) == [1, 1]
    assert tagging.span_confidences([]).shape == (0,)
    assert tagging.field_confidences([]) == []


def test_a_name_without_a_tag_to_go_on_has_spans_of_one_token() -> None:
    tags = TagSet(["O", "B-x"])
    tagging = Tagging(tags, tags.chain(np.zeros((2, 2), np.float32)), np.zeros((2, 2)))
    found = tagging.span_confidences([Span("x", 0, 2), Span("x", 0, 1)])
    np.testing.assert_allclose(found, [0, 0.5])


@pytest.mark.parametrize(
    "tags", [[], ["O", "O"], ["O", "I-x"], ["O", "x"], ["b-x"], [""], ["O", "B-x", "I-y"]]
)
def test_other_tags_are_refused(tags: list[str]) -> None:
    with pytest.raises(UsageError, match="expected one or more"):
        TagSet(tags)


@pytest.mark.parametrize(
    "span", [Span("z", 0, 1), Span("x", 1, 1), Span("x", 2, 1), Span("x", -1, 1), Span("x", 2, 4)]
)
def test_spans_that_there_are_not_are_refused(span: Span) -> None:
    with pytest.raises(UsageError, match="expected"):
        _TAGS.span_mask(span, 3)
    with pytest.raises(UsageError, match="expected"):
        _TAGS.field_mask([span.name], [span], 3)


@pytest.mark.parametrize(
    "spans", [[Span("x", 0, 2), Span("x", 1, 3)], [Span("y", 0, 1)], [Span("x", 0, 1)] * 2]
)
def test_spans_of_a_field_do_not_overlap(spans: list[Span]) -> None:
    with pytest.raises(UsageError, match="do not overlap"):
        _TAGS.field_mask(["x"], spans, 3)
