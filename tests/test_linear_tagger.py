"""The linear tagger: what it learns from which targets, its predictions, and what it loads."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
import pytest
from safetensors.numpy import load_file, save_file
from scipy.optimize import minimize

from locum.errors import ArtefactError, UsageError
from locum.extractors import LinearTagger, Span
from locum.extractors.chain_fitting import fit_chain
from locum.extractors.log_chain import log_expect
from locum.extractors.packing import pack
from locum.extractors.tag_set import TagSet
from locum.extractors.token_design import TokenDesign
from locum.extractors.token_table import tabulate
from locum.extractors.token_vocabulary import choose_features
from locum.extractors.training_targets import arrange
from tests.student_cases import write_trap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from locum.extractors.tagging import Tagging
    from locum.extractors.training_targets import Allowed

_TAGS = ["O", "B-from", "I-from", "B-to", "I-to", "B-day", "I-day"]
_TENSORS = ["transitions", "names", "counts", "tags", "units", "scale", "intercept"]
_CITIES = ["Rome", "Oslo", "New York", "San Jose", "Bern", "Novi Sad", "Lima", "Cairo"]
_DAYS = ["monday", "friday", "next week", "today"]
_ODD = [[], [""], ["\0", "\n", " "], ["\ud800"], ["word"] * 3_000, ["x" * 100_000], ["🙂", "שלום"]]


class _Data(NamedTuple):
    """Tokens of texts, and the place of each token's tag."""

    texts: list[list[str]]
    tags: list[list[int]]

    def allowed(self) -> list[Allowed]:
        return [np.eye(len(_TAGS), dtype=np.bool_)[tags] for tags in self.tags]


def _make(count: int, seed: int, cities: Sequence[str] = _CITIES) -> _Data:
    """Travellers' wishes: what a city is depends on the words before it."""
    generator = np.random.default_rng(seed)

    def pick(choices: Sequence[str]) -> list[str]:
        return choices[int(generator.integers(len(choices)))].split()

    data = _Data([], [])
    for _ in range(count):
        parts = [(pick(["from", "leaving"]), ""), (pick(cities), "from")]
        other = [(pick(["to", "reaching"]), ""), (pick(cities), "to")]
        ordered = [*parts, *other] if generator.random() < 0.5 else [*other, *parts]
        when = [(pick(_DAYS), "day")] if generator.random() < 0.6 else []
        text, tags = [], []
        for words, name in [(pick(["fly", "I go", "please book"]), ""), *ordered, *when]:
            text += words
            heads = [f"B-{name}", *[f"I-{name}"] * len(words)] if name else ["O"] * len(words)
            tags += [_TAGS.index(head) for head in heads[: len(words)]]
        data.texts.append(text)
        data.tags.append(tags)
    return data


def _accuracy(tagger: LinearTagger, data: _Data) -> float:
    found = [tagging.tags for tagging in tagger.tag_many(data.texts)]
    return float(np.mean([one == other for one, other in zip(found, data.tags, strict=True)]))


@pytest.fixture(scope="module")
def data() -> _Data:
    """Texts to learn from."""
    return _make(200, 1)


@pytest.fixture(scope="module")
def tagger(data: _Data) -> LinearTagger:
    """A tagger that knows their tags."""
    return LinearTagger(_TAGS).fit(data.texts, data.allowed())


def test_spans_of_unseen_texts_are_found(tagger: LinearTagger) -> None:
    assert _accuracy(tagger, _make(300, 2)) == 1
    unseen = _make(300, 3, ["Paris", "Los Angeles", "Quito", "La Paz"])
    assert _accuracy(tagger, unseen) > 0.9
    tagging = tagger.tag(["I", "go", "to", "Paris", "from", "New", "York", "next", "week"])
    assert tagging.spans == [Span("to", 3, 4), Span("from", 5, 7), Span("day", 7, 9)]


def test_confidences_agree_with_each_other(tagger: LinearTagger) -> None:
    tagging = tagger.tag(["leaving", "Paris", "reaching", "Oslo", "today", "maybe"])
    names = ("from", "to", "day")
    fields = [([name], [span for span in tagging.spans if span.name == name]) for name in names]
    of_fields = dict(zip(names, tagging.field_confidences(fields), strict=True))
    of_spans = tagging.span_confidences(tagging.spans)
    whole = np.exp(tagging.log_probability)
    assert 0.3 < whole <= min(of_fields.values())
    for span, confidence in zip(tagging.spans, of_spans, strict=True):
        assert of_fields[span.name] <= confidence <= tagging.marginals[span.begin].max() + 1e-12
    np.testing.assert_allclose(tagging.marginals.sum(axis=1), 1)


class _Problem(NamedTuple):
    """The documented loss, written down a second time over dense arrays."""

    tags: TagSet
    design: NDArray[np.float64]
    lengths: list[int]
    targets: NDArray[np.float64]
    weights: NDArray[np.float64]
    l2: float

    def loss(self, flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        size, columns = len(self.tags), self.design.shape[1]
        weights = flat[: columns * size].reshape(columns, size)
        intercept = flat[columns * size : (columns + 1) * size]
        transitions = flat[(columns + 1) * size :].reshape(size, size)
        chain = self.tags.chain(transitions)
        packing = pack(self.lengths)
        scores = (self.design @ weights + intercept)[packing.tokens]
        free = log_expect(chain, scores, packing, self.weights)
        bound = log_expect(chain, scores + self.targets[packing.tokens], packing, self.weights)
        value = float(self.weights @ (free.log_partition - bound.log_partition))
        value += self.l2 / 2 * float((weights**2).sum() + (transitions**2).sum())
        on_scores = np.empty_like(scores)
        shares = self.weights[packing.sequences, None]
        on_scores[packing.tokens] = (free.tokens - bound.tokens) * shares
        on_transitions = free.transitions - bound.transitions + self.l2 * transitions
        on_weights = self.design.T @ on_scores + self.l2 * weights
        parts = (on_weights, on_scores.sum(axis=0), on_transitions)
        return value, np.concatenate([part.ravel() for part in parts])


@pytest.mark.parametrize("kind", ["known", "mixed"])
def test_the_documented_loss_is_at_its_minimum(
    kind: str, data: _Data, generator: np.random.Generator
) -> None:
    tags = TagSet(_TAGS)
    texts, allowed = data.texts[:25], data.allowed()[:25]
    if kind == "mixed":
        allowed[:5] = [np.log(0.8 * mask + 0.2 / 7) for mask in allowed[:5]]
        for mask in allowed[5:10]:
            mask[generator.random(len(mask)) < 0.3] = True
    weights = generator.uniform(0.5, 2, 25)
    table = tabulate(texts)
    vocabulary = choose_features(table, 100_000)
    chain = tags.chain(np.zeros((7, 7), np.float32))
    chunks = arrange(table.lengths, allowed, weights.astype(np.float32), chain)
    order = np.concatenate([chunk.tokens for chunk in chunks])
    design = TokenDesign(table, vocabulary, order)
    found = fit_chain(design, chunks, tags, 0.5, 200, 1e-6)
    dense = np.empty((len(order), len(vocabulary)))
    dense[order] = design.scores(np.eye(len(vocabulary), dtype=np.float32))
    with np.errstate(divide="ignore"):
        logs = [np.log(mask) if mask.dtype == np.bool_ else mask for mask in allowed]
    problem = _Problem(tags, dense, table.lengths.tolist(), np.concatenate(logs), weights, 0.5)
    flat = np.concatenate([part.ravel() for part in found]).astype(np.float64)
    least = minimize(problem.loss, np.zeros_like(flat), jac=True, method="L-BFGS-B").fun
    assert problem.loss(flat)[0] == pytest.approx(least, rel=2e-3)
    assert not found.transitions[~tags.follows()].any()


def test_tokens_of_which_nothing_is_known_do_not_mislead(data: _Data) -> None:
    # Without a day's tag known anywhere, the others are still learned from the rest of the text.
    allowed = data.allowed()
    for mask, tags in zip(allowed, data.tags, strict=True):
        mask[np.array(tags) >= 5] = True
    partly = LinearTagger(_TAGS).fit(data.texts, allowed)
    test = _make(200, 2)
    kept = [np.array(tags) < 5 for tags in test.tags]
    found = [np.array(tagging.tags) for tagging in partly.tag_many(test.texts)]
    right = [
        (one[known] == np.array(tags)[known]).all()
        for one, tags, known in zip(found, test.tags, kept, strict=True)
    ]
    assert np.mean(right) > 0.97


def test_partly_known_tags_teach_more_than_their_absence(data: _Data) -> None:
    # Each text says of one token in three what it is; "O" for the rest would be wrong.
    masks = data.allowed()
    hidden = [np.arange(len(mask)) % 3 != number % 3 for number, mask in enumerate(masks)]
    partly = [mask | gone[:, None] for mask, gone in zip(masks, hidden, strict=True)]
    test = _make(200, 2)
    learned = LinearTagger(_TAGS).fit(data.texts, partly)
    assert _accuracy(learned, test) > 0.9


def test_weighed_tags_are_a_vote(data: _Data) -> None:
    # Of three answers to each text two call the cities by their names, and one swaps them.
    swapped = [[{1: 3, 2: 4, 3: 1, 4: 2}.get(tag, tag) for tag in tags] for tags in data.tags]
    wrong = _Data(data.texts, swapped).allowed()
    with np.errstate(divide="ignore"):
        votes = [
            np.log((2 * one + other) / 3).astype(np.float32)
            for one, other in zip(data.allowed(), wrong, strict=True)
        ]
    found = LinearTagger(_TAGS).fit(data.texts, votes)
    assert _accuracy(found, _make(200, 2)) == 1


def test_a_text_counts_by_its_weight(data: _Data) -> None:
    doubled = LinearTagger(_TAGS, max_iterations=500).fit(data.texts * 2, data.allowed() * 2)
    weighed = LinearTagger(_TAGS, max_iterations=500)
    weighed.fit(
        [*data.texts, *data.texts, ["from"]],
        [*data.allowed(), *data.allowed(), np.eye(7, dtype=np.bool_)[[5]]],
        np.array([1.5] * 200 + [0.5] * 200 + [0]),
    )
    tokens = ["leaving", "Paris", "reaching", "Oslo", "today", "maybe"]
    one, other = doubled.tag(tokens), weighed.tag(tokens)
    np.testing.assert_allclose(one.marginals, other.marginals, atol=0.02)


def test_two_fits_are_bitwise_equal(data: _Data, tagger: LinearTagger, tmp_path: Path) -> None:
    again = LinearTagger(_TAGS).fit(data.texts, data.allowed())
    for name, one in (("one", tagger), ("other", again)):
        (tmp_path / name).mkdir()
        one.save(tmp_path / name)
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()


def test_fitting_leaves_the_given_arrays_alone(data: _Data) -> None:
    allowed: list[Any] = data.allowed()[:20]
    allowed[3] = np.log(np.full(allowed[3].shape, 0.5, np.float32))
    before = [array.copy() for array in allowed]
    LinearTagger(_TAGS, max_iterations=2).fit(data.texts[:20], allowed, np.ones(20))
    for one, other in zip(allowed, before, strict=True):
        np.testing.assert_array_equal(one, other)


def _bytes(tagging: Tagging) -> bytes:
    return orjson.dumps(tagging.tags) + np.float64(tagging.log_probability).tobytes()


def test_a_text_gives_the_same_bits_alone_and_after_others(
    data: _Data, tagger: LinearTagger, tmp_path: Path
) -> None:
    tagger.save(tmp_path)
    fresh = LinearTagger.load(tmp_path)
    texts = [*_ODD, *data.texts[:50], ["Unseen", "words", "42"]]
    together = [_bytes(tagging) for tagging in tagger.tag_many(texts)]
    alone = [_bytes(fresh.tag(tokens)) for tokens in reversed(texts)]
    assert together == alone[::-1]


@pytest.mark.parametrize("tokens", _ODD)
def test_odd_tokens_have_tags(tagger: LinearTagger, tokens: list[str]) -> None:
    tagging = tagger.tag(tokens)
    assert len(tagging.tags) == len(tokens)
    assert -np.inf < tagging.log_probability <= 0
    assert tagging.marginals.shape == (len(tokens), 7)
    np.testing.assert_allclose(tagging.marginals.sum(axis=1), 1)


def test_learning_from_odd_tokens() -> None:
    allowed = [np.eye(7, dtype=np.bool_)[[0] * len(tokens)] for tokens in _ODD * 2]
    found = LinearTagger(_TAGS, max_iterations=5).fit(_ODD * 2, allowed)
    assert [set(tagging.tags) for tagging in found.tag_many(_ODD)] == [set(), *[{0}] * 6]


def test_one_tag_is_always_right() -> None:
    found = LinearTagger(["O"]).fit([["a", "b"]], [np.ones((2, 1), np.bool_)])
    tagging = found.tag(["a", "c", "d"])
    assert (tagging.tags, tagging.log_probability) == ([0, 0, 0], 0)


def test_where_nothing_is_known_all_sequences_are_alike() -> None:
    found = LinearTagger(["O", "B-x"]).fit([["a", "b"]] * 2, [np.ones((2, 2), np.bool_)] * 2)
    np.testing.assert_allclose(found.tag(["a", "b"]).marginals, 0.5)


def test_what_is_saved_keeps_to_its_bound(
    data: _Data, tagger: LinearTagger, tmp_path: Path
) -> None:
    whole = sum(path.stat().st_size for path in tagger.save(tmp_path))
    bound = 2_048 + (whole - 2_048) // 2
    bounded = LinearTagger(_TAGS, max_bytes=bound).fit(data.texts, data.allowed())
    assert bound // 2 < sum(path.stat().st_size for path in bounded.save(tmp_path)) <= bound
    assert _accuracy(bounded, _make(200, 2)) > 0.95
    least = LinearTagger(_TAGS, max_bytes=1).fit(data.texts, data.allowed())
    assert len(least.weights_.vocabulary) == 0


_IN_FRESH_PROCESS = """
import pathlib, sys
import orjson
from locum.extractors import LinearTagger
tagger = LinearTagger.load(pathlib.Path(sys.argv[1]))
found = tagger.tag_many(orjson.loads(sys.stdin.buffer.read()))
assert not [name for name in sys.modules if name.startswith("scipy")]
said = [[tagging.tags, tagging.log_probability, tagging.marginals.tolist()] for tagging in found]
sys.stdout.buffer.write(orjson.dumps(said))
"""


def test_a_fresh_process_predicts_the_same_without_scipy(
    data: _Data, tagger: LinearTagger, tmp_path: Path
) -> None:
    written = tagger.save(tmp_path)
    assert sorted(written) == sorted(tmp_path.iterdir())
    texts = [*data.texts[:20], [], ["🙂"], ["Unseen", "words"]]
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", _IN_FRESH_PROCESS, str(tmp_path)],
        input=orjson.dumps(texts),
        capture_output=True,
        check=True,
    )
    said = [[t.tags, t.log_probability, t.marginals.tolist()] for t in tagger.tag_many(texts)]
    assert found.stdout == orjson.dumps(said)


_FIT = """
import pathlib, sys
from locum.extractors import LinearTagger
from tests.test_linear_tagger import _TAGS, _make
data = _make(60, 1)
tagger = LinearTagger(_TAGS, max_iterations=10).fit(data.texts, data.allowed())
for path in sorted(tagger.save(pathlib.Path(sys.argv[1]))):
    sys.stdout.write(path.read_bytes().hex())
"""


def test_another_process_learns_the_same(tmp_path: Path) -> None:
    saved = [
        subprocess.run(
            [sys.executable, "-c", _FIT, str(tmp_path)],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert saved[0] == saved[1]
    assert len(saved[0]) > 10_000


def test_parameters_build_an_equal_tagger(tagger: LinearTagger, tmp_path: Path) -> None:
    given = {"tags": _TAGS, "l2": 0.5, "max_iterations": 7, "max_bytes": 9_000}
    assert LinearTagger(**given).get_params() == given  # type: ignore[arg-type]
    tagger.save(tmp_path)
    loaded = LinearTagger.load(tmp_path)
    assert loaded.get_params() == tagger.get_params()
    assert loaded.tags_ == tuple(_TAGS)


@pytest.mark.parametrize("name", ["l2", "max_iterations", "max_bytes"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_settings_without_meaning_are_refused(name: str, value: float) -> None:
    with pytest.raises(UsageError, match="expected finite numbers above zero"):
        LinearTagger(_TAGS, **{name: value})  # type: ignore[arg-type]


_MASK = np.eye(7, dtype=np.bool_)[[0, 1]]


@pytest.mark.parametrize(
    ("texts", "allowed", "weights", "said"),
    [
        ([], [], None, "no text has a token"),
        ([[]], [_MASK[:0]], None, "no text has a token"),
        ([["a", "b"]], [_MASK], [0.0], "no text has a token"),
        (["ab"], [_MASK], None, "as one string"),
        ([["a", "b"]], [_MASK], [-1.0], "finite and not negative"),
        ([["a", "b"]], [_MASK], [np.nan], "finite and not negative"),
        ([["a", "b"]], [_MASK], [1.0, 1.0], "2 weights for 1 texts"),
        ([["a", "b"]], [], None, "allowed tags of 0 texts for 1 texts"),
        ([["a", "b"]], [_MASK[:1]], None, "expected an array"),
        ([["a", "b"]], [_MASK[:, :6]], None, "expected an array"),
        ([["a", "b"]], [_MASK.astype(np.int64)], None, "of text 1: expected bools"),
        ([["a", "b"]], [np.full((2, 7), np.nan)], None, "of text 1: expected bools"),
        ([["a", "b"]], [np.full((2, 7), np.inf)], None, "of text 1: expected bools"),
        ([["a", "b"]] * 2, [_MASK, np.roll(_MASK, 2, axis=1)], None, "of text 2 allow no"),
        ([["a", "b"]] * 2, [_MASK, _MASK & False], None, "of text 2 allow no"),
        ([["a"]], [np.eye(7, dtype=np.bool_)[[2]]], None, "of text 1 allow no"),
    ],
)
def test_what_cannot_be_learned_is_refused(
    texts: list[list[str]], allowed: list[Allowed], weights: list[float] | None, said: str
) -> None:
    given = None if weights is None else np.array(weights)
    with pytest.raises(UsageError, match=said):
        LinearTagger(_TAGS).fit(texts, allowed, given)


@pytest.fixture
def saved(tagger: LinearTagger, tmp_path: Path) -> Path:
    """A folder with a saved tagger."""
    tagger.save(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["tagger.safetensors", "tagger.json"])
def test_a_missing_file_is_refused(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(ArtefactError, match="holds no linear tagger"):
        LinearTagger.load(saved)


def test_a_pickle_is_refused_and_not_run(saved: Path) -> None:
    sprung = write_trap(saved / "tagger.safetensors")
    with pytest.raises(ArtefactError, match="holds no linear tagger"):
        LinearTagger.load(saved)
    assert not sprung.exists()


@pytest.mark.parametrize("kept", [0, 4, 8, 100, -1])
def test_truncated_weights_are_refused(saved: Path, kept: int) -> None:
    weights = saved / "tagger.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(ArtefactError, match="holds no linear tagger"):
        LinearTagger.load(saved)


def _change(saved: Path, name: str, change: Callable[[Any], Any]) -> None:
    tensors = load_file(saved / "tagger.safetensors")
    tensors[name] = np.array(change(tensors[name]))
    save_file(tensors, saved / "tagger.safetensors")


@pytest.mark.parametrize("name", _TENSORS)
def test_missing_weights_are_refused(saved: Path, name: str) -> None:
    tensors = load_file(saved / "tagger.safetensors")
    del tensors[name]
    save_file(tensors, saved / "tagger.safetensors")
    with pytest.raises(ArtefactError, match=name):
        LinearTagger.load(saved)


@pytest.mark.parametrize("name", ["transitions", "scale", "intercept"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_weights_that_are_not_finite_are_refused(saved: Path, name: str, value: float) -> None:
    _change(saved, name, lambda held: np.full_like(held, value))
    with pytest.raises(ArtefactError, match="save the tagger again"):
        LinearTagger.load(saved)


@pytest.mark.parametrize("value", [0, -1])
def test_units_that_are_none_are_refused(saved: Path, value: float) -> None:
    _change(saved, "scale", lambda held: np.full_like(held, value))
    with pytest.raises(ArtefactError, match="save the tagger again"):
        LinearTagger.load(saved)


@pytest.mark.parametrize("name", _TENSORS)
@pytest.mark.parametrize("change", ["shorter", "deeper", "scalar", "type"])
def test_weights_of_the_wrong_form_are_refused(saved: Path, name: str, change: str) -> None:
    changes: dict[str, Callable[[Any], Any]] = {
        "shorter": lambda held: held[: len(held) // 2],
        "deeper": lambda held: held[..., None],
        "scalar": lambda held: held.reshape(-1)[0],
        "type": lambda held: held.astype(np.int32),
    }
    _change(saved, name, changes[change])
    with pytest.raises(ArtefactError, match="save the tagger again"):
        LinearTagger.load(saved)


def test_tags_that_there_are_not_are_refused(saved: Path) -> None:
    _change(saved, "tags", lambda held: np.where(np.arange(len(held)) == 9, np.uint8(7), held))
    with pytest.raises(ArtefactError, match="do not fit"):
        LinearTagger.load(saved)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1, 2]",
        b"null",
        b"\xff",
        b"{}",
        b'{"tags": 3}',
        b'{"tags": [1, 2]}',
        b'{"tags": [["O"], null]}',
        b'{"tags": ["O", "I-x"]}',
        b'{"tags": ["O"]}',
        b'{"tags": ["O"], "unknown": 1}',
        b'{"tags": ["O"], "l2": "x"}',
        b'{"tags": ["O"], "l2": -1}',
    ],
)
def test_other_parameters_are_refused(saved: Path, content: bytes) -> None:
    (saved / "tagger.json").write_bytes(content)
    with pytest.raises(ArtefactError):
        LinearTagger.load(saved)
