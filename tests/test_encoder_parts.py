"""The parts of an encoder student: layers, graph, rounding, head, distances, tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper
from scipy.spatial.distance import cdist
from sklearn.covariance import OAS
from sklearn.linear_model import LogisticRegression
from transformers import (
    AlbertConfig,
    AlbertModel,
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    FunnelBaseModel,
    FunnelConfig,
    XLNetConfig,
    XLNetModel,
)

from locum.errors import ArtefactError, UsageError
from locum.losses import softmax
from locum.students import MAX_CHARACTERS
from locum.students.encoder import EncoderStudent
from locum.students.encoder_balance import balance_products
from locum.students.encoder_graph import add_head, compile_graph, export_graph
from locum.students.encoder_head import choose_l2, fit_head
from locum.students.encoder_layers import drop_layers, spread_layers
from locum.students.encoder_novelty import EmbeddingNovelty, MahalanobisDistance
from locum.students.encoder_pooling import pooled
from locum.students.encoder_session import EncoderSession
from locum.students.encoder_source import load_encoder, shown_name
from locum.students.encoder_tokens import TokenReader
from locum.students.encoder_tuning import hold_out
from locum.students.encoder_weights import WEIGHTS, Weights, clearly_loses
from locum.students.softmax_regression import build_terms
from tests.tiny_encoder import save_tiny_encoder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from locum.students.encoder_source import PretrainedEncoder

_TEXTS = ["the card was lost", "a card arrives late today", "cash", "no refund of the fee"]
_ROWS = [np.array(row) for row in ([2, 7, 3], [2, 9, 30, 8, 3], [2, 3], [5], list(range(2, 60)))]


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PretrainedEncoder]:
    """A small encoder of each pooling."""
    return {
        pooling: load_encoder(
            str(save_tiny_encoder(tmp_path_factory.mktemp("encoder") / pooling, _TEXTS, pooling))
        )
        for pooling in ("mean", "cls")
    }


@pytest.mark.parametrize(
    ("layers", "kept", "expected"),
    [
        (12, 6, [0, 2, 4, 7, 9, 11]),  # DistilBERT's script, Sanh et al. 2019
        (6, 3, [0, 2, 5]),
        (6, 1, [0]),
        (4, 4, [0, 1, 2, 3]),
    ],
)
def test_layers_are_kept_evenly(layers: int, kept: int, expected: list[int]) -> None:
    assert spread_layers(layers, kept) == expected


@pytest.mark.parametrize("kept", [0, -1, 7])
def test_layers_that_there_are_not_are_refused(kept: int) -> None:
    with pytest.raises(UsageError, match="expected 1 to 6"):
        spread_layers(6, kept)


@given(st.integers(1, 60), st.data())
def test_layers_are_different_and_reach_from_end_to_end(layers: int, data: st.DataObject) -> None:
    kept = data.draw(st.integers(1, layers))
    found = spread_layers(layers, kept)
    assert len(set(found)) == kept
    assert found == sorted(found)
    assert found[0] == 0
    assert kept == 1 or found[-1] == layers - 1


def test_a_copy_without_layers_runs_those_that_are_left() -> None:
    torch.manual_seed(0)
    config = DistilBertConfig(n_layers=3, dim=16, hidden_dim=32, n_heads=2, vocab_size=50)
    whole = DistilBertModel(config).train(mode=False)
    smaller = drop_layers(whole, 2).train(mode=False)
    assert (smaller.config.num_hidden_layers, whole.config.num_hidden_layers) == (2, 3)
    tokens = torch.tensor([[1, 5, 6, 2]])
    del whole.transformer.layer[1]
    whole.config.n_layers = whole.transformer.n_layers = 2
    assert torch.equal(smaller(tokens).last_hidden_state, whole(tokens).last_hidden_state)


def test_layers_that_share_their_weights_cannot_be_dropped() -> None:
    config = AlbertConfig(
        num_hidden_layers=4, hidden_size=16, intermediate_size=32, num_attention_heads=2
    )
    with pytest.raises(UsageError, match="no list of 4 layers"):
        drop_layers(AlbertModel(config), 2)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_the_graph_gives_the_embeddings_of_the_model(
    encoders: dict[str, PretrainedEncoder], pooling: str
) -> None:
    encoder = encoders[pooling]
    assert encoder.pooling == pooling
    assert encoder.most_tokens == 64
    graph = export_graph(encoder.model, encoder.pooling, encoder.most_tokens)
    found = EncoderSession(compile_graph(graph, "float32").SerializeToString()).embed(_ROWS)
    expected = np.concatenate([_pooled_by_hand(encoder, layer) for layer in (1, 2)], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def _pooled_by_hand(encoder: PretrainedEncoder, layer: int) -> NDArray[np.float32]:
    with torch.no_grad():
        outputs = [
            encoder.model(torch.tensor(row[None]), output_hidden_states=True) for row in _ROWS
        ]
    hidden = [found.hidden_states[layer][0] for found in outputs]
    vectors = [h.mean(dim=0) if encoder.pooling == "mean" else h[0] for h in hidden]
    rows = torch.stack(vectors).numpy()
    unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


@pytest.mark.parametrize(
    ("depth", "layers"), [(1, (1,)), (2, (1, 2)), (3, (1, 2, 3)), (4, (2, 3, 4)), (6, (2, 4, 6))]
)
def test_thirds_of_the_depth_are_pooled(depth: int, layers: tuple[int, ...]) -> None:
    config = BertConfig(
        vocab_size=50,
        hidden_size=8,
        num_hidden_layers=depth,
        num_attention_heads=2,
        intermediate_size=16,
    )
    model = BertModel(config).train(mode=False)
    tokens = torch.tensor([[1, 5, 6, 2]])
    with torch.no_grad():
        found = pooled(model, "cls", tokens, None).numpy().reshape(-1, 8)
        hidden = model(tokens, output_hidden_states=True).hidden_states
    expected = np.concatenate([hidden[layer][:, 0].numpy() for layer in layers])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_layers_that_are_shorter_than_others_are_not_put_beside_them() -> None:
    config = FunnelConfig(
        vocab_size=50,
        block_sizes=[1, 1],
        d_model=16,
        n_head=2,
        d_head=8,
        d_inner=32,
    )
    model = FunnelBaseModel(config).train(mode=False)
    tokens = torch.tensor([[1, 5, 6, 7, 8, 2]])
    with torch.no_grad():
        found = pooled(model, "mean", tokens, None).numpy()
        last = model(tokens).last_hidden_state.mean(dim=1).numpy()
    np.testing.assert_allclose(found, last / np.linalg.norm(last), atol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_padding_changes_no_embedding(encoders: dict[str, PretrainedEncoder], pooling: str) -> None:
    encoder = encoders[pooling]
    model = encoder.model.train(mode=False)
    tokens, padded = torch.tensor([[2, 9, 30, 3]]), torch.tensor([[2, 9, 30, 3, 0, 0]])
    with torch.no_grad():
        alone = pooled(model, encoder.pooling, tokens, None)
        beside = pooled(model, encoder.pooling, padded, (padded > 0).long())
    np.testing.assert_allclose(alone.numpy(), beside.numpy(), atol=1e-6)


def test_rounding_keeps_embeddings_close_and_makes_graphs_smaller(
    encoders: dict[str, PretrainedEncoder],
) -> None:
    encoder = encoders["mean"]
    graph = export_graph(encoder.model, encoder.pooling, encoder.most_tokens)
    contents = {weights: compile_graph(graph, weights).SerializeToString() for weights in WEIGHTS}
    found = {weights: EncoderSession(content).embed(_ROWS) for weights, content in contents.items()}
    # Each of two layers has length 1.
    alike = {
        weights: (found[weights] * found["float32"]).sum(axis=1).min() / 2 for weights in WEIGHTS
    }
    assert 0.98 < alike["int8"] < 0.99999
    assert alike["int8 with float32 second layers"] > 0.98
    sizes = [len(contents[weights]) for weights in WEIGHTS]
    assert sizes == sorted(sizes)
    used = {
        weights: [node.op_type for node in onnx.load_from_string(content).graph.node]
        for weights, content in contents.items()
    }
    second_layers = [used[weights].count("MatMul") for weights in WEIGHTS[:2]]
    assert second_layers[1] - second_layers[0] == 2


def test_balanced_products_lose_less_by_rounding(
    encoders: dict[str, PretrainedEncoder],
) -> None:
    encoder = encoders["mean"]
    graph = export_graph(encoder.model, encoder.pooling, encoder.most_tokens)
    # The fourth value of each token grows, and counts for less: the function stays the same.
    growth = np.where(np.arange(32) == 3, np.float32(200), np.float32(1))
    for tensor in graph.graph.initializer:
        held = numpy_helper.to_array(tensor)
        if ".self.value." in tensor.name:
            held = (held.T * growth).T
        elif tensor.name.endswith("attention.output.dense.weight"):
            held = held / growth
        tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(held), tensor.name))
    embeddings = [
        EncoderSession(compile_graph(graph, *how).SerializeToString()).embed(_ROWS)
        for how in (("float32",), ("int8",), ("int8", _ROWS))
    ]
    exact, plain, balanced = embeddings
    lost = [2 - (found * exact).sum(axis=1).mean() for found in (plain, balanced)]
    assert lost[1] < 0.5 * lost[0]


def test_balancing_changes_nothing_but_rounding(encoders: dict[str, PretrainedEncoder]) -> None:
    encoder = encoders["mean"]
    exported = export_graph(encoder.model, encoder.pooling, encoder.most_tokens)
    graph = compile_graph(exported, "float32")
    before = EncoderSession(graph.SerializeToString()).embed(_ROWS)
    matrices = {tensor.name for tensor in graph.graph.initializer if len(tensor.dims) == 2}
    products = [
        node for node in graph.graph.node if node.op_type == "MatMul" and node.input[1] in matrices
    ]
    assert len(products) == 12
    balance_products(graph, products, _ROWS)
    after = EncoderSession(graph.SerializeToString()).embed(_ROWS)
    np.testing.assert_allclose(before, after, atol=1e-5)


def test_the_head_is_in_the_graph(encoders: dict[str, PretrainedEncoder]) -> None:
    encoder = encoders["mean"]
    graph = compile_graph(export_graph(encoder.model, encoder.pooling, encoder.most_tokens))
    dice = np.random.default_rng(0)
    weights = dice.normal(size=(64, 3)).astype(np.float32)
    intercept = dice.normal(size=3).astype(np.float32)
    found = EncoderSession(add_head(graph, weights, intercept)).run(_ROWS)
    np.testing.assert_allclose(found.logits, found.embeddings @ weights + intercept, atol=1e-4)


def test_a_student_whose_rounding_costs_too_much_stays_in_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"{word} {number}" for number in range(100) for word in ("card", "cash")]
    folder = save_tiny_encoder(tmp_path / "tiny", texts)

    def spoilt(graph: onnx.ModelProto, weights: Weights, _: object) -> onnx.ModelProto:
        found = compile_graph(graph, weights)
        for tensor in found.graph.initializer:
            if tensor.name.endswith("word_embeddings.weight.unit"):
                tensor.raw_data = bytes(len(tensor.raw_data))
        return found

    monkeypatch.setattr("locum.students.encoder_fitting.compile_graph", spoilt)
    labels = np.arange(200) % 2
    student = EncoderStudent(["card", "cash"], str(folder)).fit(texts, np.eye(2)[labels])
    assert student.weights_ == "float32"
    assert (student.quantised_agreement_, student.quantisation_loss_) == (1, 0)
    assert (student.predict_proba(texts).argmax(axis=1) == labels).mean() > 0.95


def _clusters(count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    dice = np.random.default_rng(seed)
    labels = dice.integers(0, 3, count)
    stretch = np.array([1.0, 0.3, 2.0, 0.1])
    points = np.eye(4)[labels] * 4 + dice.normal(size=(count, 4)) * stretch + 7
    return points.astype(np.float32), labels


def test_novelty_looks_at_the_last_numbers_of_a_wider_embedding() -> None:
    points, labels = _clusters(300, 2)
    first = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
    wide = np.concatenate([first, points], axis=1)
    novelty = EmbeddingNovelty.fit(wide, labels, 4)
    assert novelty.whole.whitening.shape == (4, 4)
    np.testing.assert_array_equal(
        novelty.measure(wide), EmbeddingNovelty.fit(points, labels).measure(points)
    )


def test_the_head_is_that_of_scikit_learn() -> None:
    points, labels = _clusters(200, 0)
    spread = np.sqrt(points.var(axis=0).mean())
    scaled = (points - points.mean(axis=0)) / spread
    terms = build_terms(np.eye(3)[labels], None, 1.0, 0.0)
    found = fit_head(points, terms, 1e-2)
    expected = LogisticRegression(C=1 / (1e-2 * 200), tol=1e-8, max_iter=1000).fit(scaled, labels)
    logits = found.logits(points)
    given = expected.decision_function(scaled)
    np.testing.assert_allclose(
        logits - logits.mean(axis=1, keepdims=True),
        given - given.mean(axis=1, keepdims=True),
        atol=0.15,
    )


def test_few_noisy_inputs_get_a_strong_penalty() -> None:
    dice = np.random.default_rng(0)
    labels = dice.integers(0, 2, 400)
    points = dice.normal(size=(400, 300)).astype(np.float32)
    points[:, 0] += 2 * labels
    terms = build_terms(np.eye(2)[labels], None, 1.0, 0.0)
    known, unknown = slice(0, 100), slice(100, 400)
    held_out = np.arange(100) % 4 == 0
    learned = [term._replace(targets=term.targets[known]) for term in terms]
    chosen = choose_l2(points[known], learned, held_out)
    assert chosen > 0.03

    def right(l2: float) -> float:
        logits = fit_head(points[known], learned, l2).logits(points[unknown])
        return float((logits.argmax(axis=1) == labels[unknown]).mean())

    assert right(chosen) > right(0.03)


def test_a_head_is_the_same_wherever_its_search_begins() -> None:
    points, labels = _clusters(200, 0)
    terms = build_terms(np.eye(3)[labels], None, 1.0, 0.0)
    found = fit_head(points, terms, 1e-2)
    again = fit_head(points, terms, 1e-2, fit_head(points, terms, 1.0))
    np.testing.assert_allclose(
        softmax(found.logits(points)), softmax(again.logits(points)), atol=0.02
    )
    still = fit_head(points, terms, 1e-2, found)
    np.testing.assert_allclose(still.logits(points), found.logits(points), atol=0.05)


def test_the_penalty_is_larger_where_labels_are_noise() -> None:
    points, labels = _clusters(400, 1)
    noise = np.random.default_rng(0).integers(0, 3, 400)
    held_out = np.arange(400) % 5 == 0
    penalties = [
        choose_l2(points, build_terms(np.eye(3)[given], None, 1.0, 0.0), held_out)
        for given in (labels, noise)
    ]
    assert penalties[0] < penalties[1]


def test_distances_are_those_of_scipy() -> None:
    points, labels = _clusters(500, 2)
    means = np.stack([points[labels == label].mean(axis=0) for label in range(3)])
    covariance = OAS(assume_centered=True).fit(points - means[labels]).covariance_
    inverse = np.linalg.inv(covariance)
    squares = cdist(points, means, "mahalanobis", VI=inverse).min(axis=1) ** 2
    found = MahalanobisDistance.fit(points, labels).squares(points)
    np.testing.assert_allclose(found, squares / squares.mean(), rtol=1e-3, atol=1e-4)


def test_points_between_labels_and_points_far_away_are_novel() -> None:
    points, labels = _clusters(500, 3)
    distance = EmbeddingNovelty.fit(points, labels)
    own = distance.measure(points)
    assert own.mean() == pytest.approx(1, abs=0.1)
    far = points[:50] + np.array([0, 30, 0, 5], np.float32)
    assert distance.measure(far).min() > np.quantile(own, 0.95)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_or_equal_points_have_finite_distances(count: int) -> None:
    points = np.ones((count, 8), np.float32)
    found = EmbeddingNovelty.fit(points, np.arange(count)).measure(points + 1)
    assert np.isfinite(found).all()
    assert (found >= 0).all()


@given(st.text())
@settings(max_examples=200)
def test_any_text_becomes_tokens(text: str) -> None:
    reader = _reader()
    (tokens,) = reader.read([text])
    assert 0 < len(tokens) <= 16
    assert 0 <= tokens.min() <= tokens.max() < reader.tokens


def _reader() -> TokenReader:
    if not _READERS:
        from tests.tiny_encoder import make_tokenizer

        content = make_tokenizer(_TEXTS).backend_tokenizer.to_str().encode()
        _READERS.append(TokenReader(content, 16))
    return _READERS[0]


_READERS: list[TokenReader] = []


def test_what_is_cut_off_does_not_count() -> None:
    start = "card " * 6
    read = _reader().read([start + "cash " * 100, start + "refund " * 100_000])
    np.testing.assert_array_equal(read[0][:7], read[1][:7])
    assert len(read[0]) == len(read[1]) == 16
    spaces = " " * MAX_CHARACTERS
    assert len(_reader().read([spaces + "card"])[0]) == len(_reader().read([""])[0])


@given(st.lists(st.text(st.sampled_from("card cash ")) | st.text(), max_size=6))
def test_texts_that_are_longer_than_the_window_are_counted(texts: list[str]) -> None:
    texts = [*texts, "card " * 13, "card " * 14, "card " * 15]
    whole = TokenReader(_reader().content, 1 << 20).read(texts)
    expected = np.mean([len(tokens) > 16 for tokens in whole])
    assert _reader().cut_share(texts) == pytest.approx(expected)
    assert 0 < expected < 1


def test_of_no_texts_none_is_cut_and_one_of_too_many_characters_is() -> None:
    assert _reader().cut_share([]) == 0
    assert _reader().cut_share([" " * MAX_CHARACTERS, " " * (MAX_CHARACTERS + 1)]) == 0.5


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("somebody/small", "somebody/small"),
        ("small", "small"),
        ("./some/small", "small"),
        ("/home/somebody/small", "small"),
        ("~/small", "small"),
        ("models/of/small", "small"),
    ],
)
def test_the_place_of_a_folder_is_not_told_and_a_hub_name_is(place: str, shown: str) -> None:
    assert shown_name(place) == shown


def test_the_hub_is_asked_once_for_each_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def download(name: str, **_: object) -> str:
        asked.append(name)
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    save_tiny_encoder(tmp_path, _TEXTS)
    for _ in range(2):
        assert load_encoder("somebody/asked-for").most_tokens == 64
    assert asked == ["somebody/asked-for"]


def test_an_encoder_without_a_bound_on_positions_reads_long_texts(tmp_path: Path) -> None:
    config = XLNetConfig(vocab_size=600, d_model=16, n_layer=1, n_head=2, d_inner=16)
    save_tiny_encoder(tmp_path, _TEXTS)
    XLNetModel(config).save_pretrained(tmp_path)
    assert load_encoder(str(tmp_path)).most_tokens > 1_000_000


def test_a_folder_that_holds_no_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be loaded"):
        load_encoder(str(tmp_path))


@pytest.mark.parametrize("place", ["", "/nowhere", "./nowhere", "~/nowhere", "a/b/c"])
def test_a_folder_that_is_not_there_is_refused(place: str) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        load_encoder(place)


def _remove_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _pickle_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _truncate_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def _ask_for_code(folder: Path) -> None:
    (folder / "config.json").write_text(
        '{"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}'
    )
    (folder / "own.py").write_text(f"open({str(folder / 'sprung')!r}, 'w')")


@pytest.mark.parametrize(
    "spoil", [_remove_weights, _pickle_weights, _truncate_weights, _ask_for_code]
)
def test_other_folders_are_refused_and_no_code_is_run(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    folder = save_tiny_encoder(tmp_path / "tiny", _TEXTS)
    spoil(folder)
    with pytest.raises(UsageError, match="cannot be loaded"):
        load_encoder(str(folder))
    assert not (folder / "sprung").exists()


def test_garbage_is_no_graph_and_no_tokenizer() -> None:
    with pytest.raises(ArtefactError, match="cannot be read"):
        EncoderSession(b"garbage")
    with pytest.raises(ArtefactError, match="cannot be read"):
        TokenReader(b"{}", 16)


@pytest.mark.parametrize(("lost", "clear"), [(0, False), (7, False), (8, True), (12, True)])
def test_a_loss_is_clear_above_half_a_point_and_its_standard_error(lost: int, clear: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    right = np.arange(1000) < 900
    rounded = right & (np.arange(1000) >= lost)
    assert clearly_loses(right, rounded) == clear
    assert not clearly_loses(rounded, right)


@given(st.integers(2, 30_000), st.integers(0, 3))
@settings(max_examples=20)
def test_a_tenth_is_held_out_but_for_very_few_and_very_many(count: int, seed: int) -> None:
    held_out = hold_out(count, seed)
    assert held_out.sum() == min(max(1, count // 10), 1_000)
    assert (held_out == hold_out(count, seed)).all()
