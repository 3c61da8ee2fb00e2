"""The codec of token distributions: nothing is lost but what is said, and damage is refused."""

# ruff: noqa: N803, N806 - names end in their shapes

from __future__ import annotations

from base64 import b85decode
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.errors import ArtefactError, UsageError
from locum.language import Drawn, DrawnTokens, Listed, TopTokens, list_tokens
from locum.language.distribution_codec import CodingModel, decode_block, encode_block
from locum.language.distributions import (
    levels_of_drawn,
    levels_of_listed,
    log_probabilities_of,
)
from locum.language.entropy import Form, Reader, Tally, Writer, split
from tests.token_rows import by_token, likeliest, softmax_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from locum.language.distributions import Floats

VOCABULARY = 300
KEPT = TopTokens(20)
# What a step of rounding costs an event at the most, in squared steps: see `distributions`.
MOST_COST = 0.6
# Fitted to the rows of `test_the_format_stays`.
WRITTEN_MODEL = (
    "OjJ!V1poj5c-rmNF-pTw0LS6?d@0V-L1@X+rCXtkCvfu?4jDXvqf-aLp*L`Kkb<{x=mCnOC+Ol_n&46)w#y48@bT"
    "v@N%#W4<qbjzu|5~|xvbA3g|LaAc4R;0M|mIZzs<%~n#5ddvtCEd$@!Oau1d3UKCNlf*04%#Z~C~a!KzrsTx+wMX"
    "R9LTU(Pwb^wLW&z4X#cFTM2AOE10j(n~MB^wLW&z4X#cFTM2AOE10j(n~MB^wLW&z4X#cFTM2AOE10j(n~MB^wLW"
    "&y?*yr9N+u&WqRtH!)?p2^0w%1efNiV-`5YRyXnv8^ZEQf`cL!6x%-jN=kxjezk43-Zq}*0>Cfl$`Fy_nm(S<(`F"
    "uW~&*$^`d_JGg=kxh|KA+F$^Z9%}pU>y>`FuW~&*$^`d_JGg=kxh|KA+F$^Z9%}pU>y>`FuW~&*$^`d_JGg=kxh|"
    "KA+F$^Z9%}pU>y>`FuW~&*$^`d_JGg=kxh|KA+F$^Z9%}pU>y>`FuW~&*$^`d_JGg=kxh|KA+F$^Z9%}pU>y>`Fu"
    "W~&*$^`d_JGg=kxh|KA+F$^Z9%}pU>y>`FuW~&*$^`d_JGg=kxh|KA+F$^Z9%}pU>y>`FuW~&*$^`d_JGg=kxh|K"
    "A+F$^Z9%}pU>y>`FuW~&*$^`d_JGgKinRao=X@_8{rE"
)


@st.composite
def listed(draw: st.DrawFn) -> tuple[Listed, TopTokens, int]:
    """Rows of a vocabulary of which some is listed: peaked, flat, with ties and zeros."""
    vocabulary = draw(st.integers(1, 40))
    count = draw(st.integers(1, vocabulary))
    rows = draw(st.integers(1, 4))
    size = rows * vocabulary
    logits = draw(
        st.lists(
            st.one_of(
                st.sampled_from([0.0, 1.0, -np.inf]), st.floats(-60, 60), st.floats(-0.01, 0.01)
            ),
            min_size=size,
            max_size=size,
        )
    )
    logits_NV = np.array(logits).reshape(rows, vocabulary)
    logits_NV[:, draw(st.integers(0, vocabulary - 1))] = draw(st.floats(-1, 80))
    logs_NV = logits_NV - np.logaddexp.reduce(logits_NV, axis=1, keepdims=True)
    kept = TopTokens(count, error=draw(st.sampled_from([1e-6, 1.5e-5, 1e-3])))
    return likeliest(logs_NV.astype(np.float32), count), kept, vocabulary


def coded(rows: Listed, kept: TopTokens, vocabulary: int, model: CodingModel | None) -> Listed:
    """Write rows and read them."""
    levels = levels_of_listed(rows, kept, vocabulary)
    model = model or CodingModel.fit([(levels, kept.scale)])
    block = encode_block(levels, kept.scale, model)
    found, _ = decode_block(block, CodingModel.read(model.content))
    assert found.tails_N is not None
    return Listed(found.ids_NK, log_probabilities_of(found.levels_NK, found.tails_N))


def with_tail(logs_NK: Floats, *, whole: bool) -> NDArray[np.float64]:
    """Probabilities of what is listed and of the rest."""
    listed_NK = np.exp(logs_NK.astype(np.float64))
    rest_N = np.zeros(len(listed_NK)) if whole else np.maximum(1 - listed_NK.sum(axis=1), 0)
    return np.concatenate((listed_NK, rest_N[:, None]), axis=1)


def divergence(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kullback-Leibler divergence of rows, in nats."""
    held = left > 0
    terms = np.zeros_like(left)
    terms[held] = left[held] * np.log(left[held] / right[held])
    return np.asarray(terms.sum(axis=1))


@given(listed())
@settings(max_examples=150)
def test_a_row_is_read_within_the_stated_error(case: tuple[Listed, TopTokens, int]) -> None:
    rows, kept, vocabulary = case
    ids_NK, logs_NK = by_token(rows)
    found_NK, read_NK = by_token(coded(rows, kept, vocabulary, None))
    np.testing.assert_array_equal(found_NK, ids_NK)
    np.testing.assert_array_equal(read_NK == -np.inf, logs_NK == -np.inf)
    whole = kept.count == vocabulary
    before, after = with_tail(logs_NK, whole=whole), with_tail(read_NK, whole=whole)
    # Logarithms in float32 tell the rest to so much alone.
    blur = 1e-5
    most = MOST_COST * (kept.count + 1) / kept.scale**2
    known = (before[:, -1] == 0) | (before[:, -1] > blur)
    assert divergence(before[known], np.maximum(after[known], 1e-12)).max(initial=0) <= most + blur
    np.testing.assert_allclose(after.sum(axis=1), 1, atol=blur)


def test_the_error_is_what_is_asked_for_and_the_tail_is_kept() -> None:
    logs_NV = softmax_rows(400, VOCABULARY, spread=2.0)
    for error in (1e-6, 1.5e-5, 1e-4):
        kept = TopTokens(50, error=error)
        rows = likeliest(logs_NV, 50)
        ids_NK, logs_NK = by_token(rows)
        found_NK, read_NK = by_token(coded(rows, kept, VOCABULARY, None))
        np.testing.assert_array_equal(found_NK, ids_NK)
        before, after = with_tail(logs_NK, whole=False), with_tail(read_NK, whole=False)
        assert 0.5 * error < divergence(before, after).mean() <= error
        assert before[:, -1].mean() > 0.01
        np.testing.assert_allclose(after[:, -1], before[:, -1], atol=1 / kept.scale)


@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
@settings(max_examples=50)
def test_any_model_reads_what_it_wrote(seed: int, count: int) -> None:
    """Also tokens that it never saw, and levels of another scale."""
    few = likeliest(softmax_rows(2, 40), 5)
    model = CodingModel.fit([(levels_of_listed(few, TopTokens(5), 40), TopTokens(5).scale)])
    dice = np.random.default_rng(seed)
    vocabulary = int(dice.integers(count, 1 << 24))
    ids_NK = np.stack([dice.choice(vocabulary, count, replace=False) for _ in range(3)])
    logs_NK = np.log(dice.dirichlet(np.full(count, 0.2), 3) * dice.random() + 1e-30)
    kept = TopTokens(count, error=1e-7)
    rows = Listed(ids_NK.astype(np.int64), logs_NK.astype(np.float32))
    levels = levels_of_listed(rows, kept, vocabulary)
    found, scale = decode_block(encode_block(levels, kept.scale, model), model)
    assert scale == kept.scale
    assert found.tails_N is not None
    assert levels.tails_N is not None
    np.testing.assert_array_equal(found.tails_N, levels.tails_N)
    order, read = levels.ids_NK.argsort(axis=1), found.ids_NK.argsort(axis=1)
    for part in ("ids_NK", "levels_NK"):
        np.testing.assert_array_equal(
            np.take_along_axis(getattr(found, part), read, 1),
            np.take_along_axis(getattr(levels, part), order, 1),
        )


@given(st.lists(st.lists(st.integers(0, 30), max_size=8), min_size=1, max_size=6))
@settings(max_examples=50)
def test_drawn_tokens_are_read_as_they_are(rows: list[list[int]]) -> None:
    kept = DrawnTokens(8)
    ids_NK, counts_NK = np.zeros((len(rows), 8), np.int64), np.zeros((len(rows), 8))
    for number, row in enumerate(rows):
        tokens, counts = np.unique(row, return_counts=True)
        ids_NK[number, : len(tokens)], counts_NK[number, : len(tokens)] = tokens, counts
    drawn = Drawn(ids_NK, (counts_NK / 8).astype(np.float32))
    levels = levels_of_drawn(drawn, kept, 31, np.random.default_rng(0))
    model = CodingModel.fit([(levels, kept.scale)])
    found, scale = decode_block(encode_block(levels, kept.scale, model), model)
    assert found.tails_N is None
    np.testing.assert_array_equal(found.sizes_N, [len(set(row)) for row in rows])
    dense = np.zeros((2, len(rows), 31))
    for side, (ids, parts) in enumerate(((ids_NK, counts_NK), (found.ids_NK, found.levels_NK))):
        np.add.at(dense[side], (np.arange(len(rows))[:, None], ids), parts)
    np.testing.assert_array_equal(dense[0], dense[1])
    assert scale == 8


def test_rounding_of_weights_is_right_on_average() -> None:
    kept = DrawnTokens(10, power=0.5)
    weights_NK = np.tile(np.linspace(0.0001, 0.3, 10, dtype=np.float32), (20_000, 1))
    ids_NK = np.tile(np.arange(10), (20_000, 1))
    levels = levels_of_drawn(Drawn(ids_NK, weights_NK), kept, 10, np.random.default_rng(0))
    sums = np.zeros((20_000, 10))
    np.add.at(sums, (np.arange(20_000)[:, None], levels.ids_NK), levels.levels_NK / kept.scale)
    error = sums.std(axis=0) / np.sqrt(20_000)
    assert (np.abs(sums.mean(axis=0) - weights_NK[0]) <= 4 * error + 1e-7).all()


def a_block() -> tuple[bytes, CodingModel]:
    levels = levels_of_listed(likeliest(softmax_rows(30, VOCABULARY), 20), KEPT, VOCABULARY)
    model = CodingModel.fit([(levels, KEPT.scale)])
    return encode_block(levels, KEPT.scale, model), model


def test_every_damage_is_refused() -> None:
    block, model = a_block()
    dice = np.random.default_rng(0)
    for place in [*range(40), *dice.integers(0, len(block), 200)]:
        damaged = bytearray(block)
        damaged[place] ^= 1 << dice.integers(0, 8)
        with pytest.raises(ArtefactError, match="damaged"):
            decode_block(bytes(damaged), model)
    for length in (0, 3, 10, len(block) - 1):
        with pytest.raises(ArtefactError, match="damaged"):
            decode_block(block[:length], model)
    content = bytearray(model.content)
    content[len(content) // 2] ^= 1
    with pytest.raises(ArtefactError, match="damaged"):
        CodingModel.read(bytes(content))


def test_a_block_of_another_model_is_refused() -> None:
    block, model = a_block()
    other = likeliest(softmax_rows(30, VOCABULARY, seed=5), 20)
    others = CodingModel.fit([(levels_of_listed(other, KEPT, VOCABULARY), KEPT.scale)])
    with pytest.raises(ArtefactError, match="model"):
        decode_block(block, others)
    # As if another version of the range coder read it: the bytes are whole, the numbers are not.
    others.__dict__["number"] = model.number
    with pytest.raises(ArtefactError, match="does not read as it was written"):
        decode_block(block, others)


def test_another_format_is_refused() -> None:
    _, model = a_block()
    with pytest.raises(ArtefactError, match="of another version"):
        decode_block(model.content, model)


def test_the_format_stays() -> None:
    """A model and a block as they were written when the format was made."""
    model = CodingModel.read(b85decode(WRITTEN_MODEL))
    block = bytes.fromhex(
        "4c544431000200000003000000f40100002a088d6142fcf807020000001f8c181e892841af80671881de87013a"
    )
    found, scale = decode_block(block, model)
    assert scale == 500
    assert [part.tolist() for part in found if part is not None] == [
        [[5, 2, 900], [5, 1, 7]],
        [[400, 120, 1], [0, 300, 380]],
        [60, 2],
        [3, 3],
    ]
    assert encode_block(found, scale, model) == block
    assert CodingModel.read(model.content).number == model.number == 0x618D082A


def test_a_frequent_token_takes_few_bytes() -> None:
    rows = likeliest(softmax_rows(400, 4_000, spread=1.0), 20)
    levels = levels_of_listed(rows, KEPT, 4_000)
    model = CodingModel.fit([(levels, KEPT.scale)])
    shuffled = np.random.default_rng(0).permutation(4_000)
    strange = levels._replace(ids_NK=shuffled[levels.ids_NK])
    fitted = CodingModel.fit([(strange, KEPT.scale)])
    sizes = [
        len(encode_block(levels, KEPT.scale, model)),
        len(encode_block(strange, KEPT.scale, fitted)),
        len(encode_block(strange, KEPT.scale, model)),
    ]
    assert sizes[1] < 1.02 * sizes[0] < 0.95 * sizes[2]
    assert sizes[0] < 20 * 2 * 400


def test_numbers_are_split_and_read_back() -> None:
    forms = {"some": Form(1, contexts=3), "others": Form(3)}
    dice = np.random.default_rng(0)
    numbers = (2.0 ** dice.uniform(0, 24, 500)).astype(np.int64) - 1
    contexts = dice.integers(0, 3, 500)
    tally = Tally(forms)
    tally.numbers("some", contexts, numbers)
    tables = tally.tables()
    assert (tables["some"].frequencies_CS.sum(axis=1) == 65_536).all()
    assert tables["some"].frequencies_CS.min() >= 1
    writer = Writer(forms, tables)
    writer.numbers("some", contexts, numbers)
    writer.numbers("others", 0 * contexts, numbers)  # of which nothing was counted
    reader = Reader(forms, tables, *writer.finish())
    np.testing.assert_array_equal(reader.numbers("some", contexts), numbers)
    np.testing.assert_array_equal(reader.numbers("others", 0 * contexts), numbers)
    symbols, widths = split(np.array([0, 3, 4, 5, 6, 7, 8, 11, 12, (1 << 24) - 1]), 1)
    assert symbols.tolist() == [0, 3, 4, 4, 5, 5, 6, 6, 7, forms["some"].symbols - 1]
    assert widths.tolist() == [0, 0, 1, 1, 1, 1, 2, 2, 2, 22]


def test_lists_of_unlike_lengths_lie_side_by_side() -> None:
    rows = list_tokens([{7: -0.5, 0: -2.0}, {}, {3: -3.0, 4: -1.0, 5: -2.0, 6: -4.0}], 3)
    assert rows.ids_NK.tolist() == [[7, 0, 1], [0, 1, 2], [4, 5, 3]]
    np.testing.assert_array_equal(
        rows.log_probabilities_NK,
        np.array([[-0.5, -2, -np.inf], [-np.inf] * 3, [-1, -2, -3]], np.float32),
    )
    found_NK, read_NK = by_token(coded(rows, TopTokens(3, error=1e-8), 8, None))
    ids_NK, logs_NK = by_token(rows)
    np.testing.assert_array_equal(found_NK, ids_NK)
    np.testing.assert_allclose(np.exp(read_NK), np.exp(logs_NK), atol=1e-3)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (Listed(np.array([[1, 1]]), np.array([[-1.0, -1.0]], np.float32)), "twice"),
        (Listed(np.array([[1, 9]]), np.array([[-1.0, -1.0]], np.float32)), "expected 0 to 8"),
        (Listed(np.array([[-1, 1]]), np.array([[-1.0, -1.0]], np.float32)), "expected 0 to 8"),
        (Listed(np.array([[0, 1]]), np.array([[-0.1, -0.1]], np.float32)), "sum to 1.8"),
        (Listed(np.array([[0, 1]]), np.array([[np.nan, -1.0]], np.float32)), "sum to nan"),
        (Listed(np.array([[0]]), np.array([[-1.0]], np.float32)), "2 in each row"),
    ],
)
def test_what_is_no_list_is_refused(rows: Listed, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        levels_of_listed(rows, TopTokens(2), 9)


def test_what_is_no_draw_is_refused() -> None:
    kept, dice = DrawnTokens(2), np.random.default_rng(0)
    for weights, said in (
        ([-0.5, 0.5], "weights"),
        ([np.nan, 0.5], "weights"),
        ([0.5, 0.5], "twice"),
    ):
        drawn = Drawn(np.array([[3, 3]]), np.array([weights], np.float32))
        with pytest.raises(UsageError, match=said):
            levels_of_drawn(drawn, kept, 9, dice)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: TopTokens(0),
        lambda: TopTokens(50, temperature=0),
        lambda: TopTokens(50, error=0),
        lambda: TopTokens(50, error=1e-12),
        lambda: TopTokens(50, temperature=float("nan")),
        lambda: DrawnTokens(0),
        lambda: DrawnTokens(50, power=0),
        lambda: DrawnTokens(50, temperature=-1),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: type) -> None:
    with pytest.raises(UsageError, match="expected"):
        wrong()
