"""Token embeddings: Model2Vec's format, distillation from an encoder, and tokenizers."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import model2vec
import numpy as np
import orjson
import pytest
import tokenizers
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from tokenizers import models, normalizers, pre_tokenizers
from transformers.models.auto.modeling_auto import AutoModel

from locum.errors import UsageError
from locum.students.ngrams import MAX_CHARACTERS
from locum.students.pieces import PieceTokenizer
from locum.students.token_distillation import distil_token_embeddings
from locum.students.token_embeddings import TokenEmbeddings, load_token_embeddings
from tests.small_embeddings import CLUSTERS, clustered_embeddings
from tests.small_encoders import WORDS, save_encoder

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_TEXTS = ["money is rain", "Salary!", "the bus and the ferrys", "my unknownword cash", "", "🙂 🙂"]
_ODD_TEXTS = [
    "",
    " \t\n",
    "  two  spaces ",
    "a\0b",
    "🙂👩‍🚀" * 50,
    "שלום עולם",
    "[UNK] [PAD] moneys[UNK]",
    "e\u0301 \u0301a İ ß ﬁ",
    "日本money語",
    "cash\u00a0cash\u3000cash\u2028cash",
    "x" * 200,
    bytes(range(256)).decode("latin-1") * 20,
]


def _model2vec(embeddings: TokenEmbeddings, **options: object) -> model2vec.StaticModel:
    tokenizer = tokenizers.Tokenizer.from_buffer(embeddings.tokenizer.content)
    make = model2vec.StaticModel
    return make(embeddings.vectors, tokenizer, normalize=embeddings.normalise, **options)  # type: ignore[arg-type]


def _close(found: NDArray[np.floating], expected: NDArray[np.floating]) -> None:
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("normalise", [False, True])
def test_a_model_that_model2vec_saved_gives_the_same_vectors(
    tmp_path: Path, *, normalise: bool
) -> None:
    theirs = _model2vec(clustered_embeddings(normalise=normalise))
    theirs.save_pretrained(tmp_path)
    _close(load_token_embeddings(str(tmp_path)).pool(_TEXTS), theirs.encode(_TEXTS))


def test_half_precision_is_read(tmp_path: Path) -> None:
    ours = clustered_embeddings(normalise=False)
    theirs = _model2vec(ours._replace(vectors=ours.vectors.astype(np.float16)))
    theirs.save_pretrained(tmp_path)
    found = load_token_embeddings(str(tmp_path))
    assert found.vectors.dtype == np.float32
    np.testing.assert_allclose(found.pool(_TEXTS), theirs.encode(_TEXTS), atol=2e-3)


def test_clusters_and_weights_are_resolved(tmp_path: Path) -> None:
    ours = clustered_embeddings()
    dice = np.random.default_rng(0)
    mapping = dice.integers(0, 9, len(ours.vectors))
    weights = dice.uniform(0.1, 2, len(ours.vectors))
    clusters = ours._replace(vectors=ours.vectors[:9])
    theirs = _model2vec(clusters, token_mapping=mapping, weights=weights)
    theirs.save_pretrained(tmp_path)
    _close(load_token_embeddings(str(tmp_path)).pool(_TEXTS), theirs.encode(_TEXTS))


def test_the_layout_of_sentence_transformers_is_read(tmp_path: Path) -> None:
    ours = clustered_embeddings(normalise=False)
    inner = tmp_path / "0_StaticEmbedding"
    inner.mkdir()
    save_file({"embedding.weight": ours.vectors}, inner / "model.safetensors")
    (inner / "tokenizer.json").write_bytes(ours.tokenizer.content)
    (tmp_path / "config_sentence_transformers.json").write_text("{}")
    theirs = model2vec.StaticModel.from_pretrained(tmp_path)
    _close(load_token_embeddings(str(tmp_path)).pool(_TEXTS), theirs.encode(_TEXTS))


@pytest.mark.parametrize("normalise", [False, True])
def test_model2vec_reads_what_is_saved(tmp_path: Path, *, normalise: bool) -> None:
    ours = clustered_embeddings(normalise=normalise)
    ours.save(tmp_path / "embeddings")
    theirs = model2vec.StaticModel.from_pretrained(tmp_path / "embeddings")
    _close(ours.pool(_TEXTS), theirs.encode(_TEXTS))
    again = load_token_embeddings(str(tmp_path / "embeddings"))
    assert again.vectors.tobytes() == ours.vectors.tobytes()
    assert again.normalise == normalise


def test_embeddings_are_read_once_until_they_change(tmp_path: Path) -> None:
    clustered_embeddings(dimensions=4).save(tmp_path)
    first = load_token_embeddings(str(tmp_path))
    assert load_token_embeddings(str(tmp_path)) is first
    clustered_embeddings(dimensions=5).save(tmp_path)
    assert load_token_embeddings(str(tmp_path)).vectors.shape[1] == 5


@pytest.mark.parametrize("place", ["", "./nowhere", "/no/where", "~/no-such-folder-here", "a/b/c"])
def test_a_folder_that_does_not_exist_is_refused(place: str) -> None:
    with pytest.raises(UsageError, match="do not exist: expected a folder"):
        load_token_embeddings(place)


def test_a_name_on_a_hub_that_cannot_be_reached_says_what_to_do() -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    with pytest.raises(UsageError, match=r"somebody/something' cannot be fetched.*give a folder"):
        load_token_embeddings("somebody/something")


def test_a_model_in_the_cache_of_the_hub_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "models--somebody--small"
    commit = "0123456789abcdef0123456789abcdef01234567"
    ours = clustered_embeddings()
    ours.save(repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub._snapshot_download.constants.HF_HUB_CACHE", str(tmp_path))
    found = load_token_embeddings("somebody/small")
    assert found.vectors.tobytes() == ours.vectors.tobytes()


def test_the_hub_is_asked_once_for_each_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def download(name: str, **_: object) -> str:
        asked.append(name)
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    clustered_embeddings(dimensions=4).save(tmp_path)
    first = load_token_embeddings("somebody/asked-for")
    assert load_token_embeddings("somebody/asked-for") is first
    load_token_embeddings("somebody/else")
    assert asked == ["somebody/asked-for", "somebody/else"]


@pytest.mark.parametrize("module", ["tokenizers", "huggingface_hub"])
def test_a_missing_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    clustered_embeddings().save(tmp_path)
    place = str(tmp_path) if module == "tokenizers" else "somebody/something"
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=r"pip install 'locum\[static\]'"):
        load_token_embeddings(place)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_folder_of_something_else_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(UsageError, match="no token embeddings and no sentence encoder"):
        load_token_embeddings(str(tmp_path))


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"embeddings": np.full((34, 4), np.nan, np.float32)}, "finite"),
        ({"embeddings": np.zeros((3, 4), np.float32)}, "3 vectors for 34 pieces"),
        ({"embeddings": np.zeros(34, np.float32)}, "two dimensions"),
        (
            {"embeddings": np.zeros((9, 4), np.float32), "mapping": np.full(34, 9)},
            "holds no token embeddings",
        ),
        (
            {"embeddings": np.zeros((34, 4), np.float32), "weights": np.ones(3, np.float32)},
            "holds no token embeddings",
        ),
    ],
)
def test_vectors_that_do_not_fit_are_refused(
    tmp_path: Path, tensors: dict[str, NDArray[np.generic]], message: str
) -> None:
    clustered_embeddings().save(tmp_path)
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(UsageError, match=message):
        load_token_embeddings(str(tmp_path))


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"\x80\x04\x95", b"null", b'"x"'])
def test_damaged_files_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    clustered_embeddings().save(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=r"holds no|cannot be read"):
        load_token_embeddings(str(tmp_path))


def _gram(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Inner products, which do not depend on the choice of axes."""
    exact = vectors.astype(np.float64)
    return exact @ exact.T


def test_distilled_vectors_are_those_of_the_documented_method(tmp_path: Path) -> None:
    save_encoder(tmp_path, width=16)
    found = load_token_embeddings(str(tmp_path))
    model = AutoModel.from_pretrained(tmp_path).eval()
    size = 4 + len(WORDS)
    with torch.inference_mode():
        states = [
            model(input_ids=torch.tensor([[2, piece, 3]])).last_hidden_state[0].mean(dim=0).numpy()
            for piece in range(size)
        ]
    halves = []
    for half in (np.array(states), model.get_input_embeddings().weight.detach().numpy()):
        centred = half - half.mean(axis=0)
        halves.append(centred / np.sqrt((centred**2).sum(axis=1).mean()))
    ranks = 1 / np.arange(2, size + 2)
    weights = 1e-4 / (1e-4 + ranks / ranks.sum())
    expected = np.concatenate(halves, axis=1) * weights[:, None] / np.sqrt(2)
    assert found.vectors.shape == (size, 32)
    np.testing.assert_allclose(_gram(found.vectors), _gram(expected), rtol=1e-3, atol=1e-10)


@pytest.mark.parametrize("kind", ["roberta", "mpnet", "distilbert", "modernbert"])
def test_other_encoders_can_be_distilled(tmp_path: Path, kind: str) -> None:
    save_encoder(tmp_path, kind, layers=1)
    found = distil_token_embeddings(tmp_path, dimensions=5)
    assert found.vectors.shape == (4 + len(WORDS), 10)
    assert np.isfinite(found.vectors).all()
    again = distil_token_embeddings(tmp_path, dimensions=5)
    assert again.vectors.tobytes() == found.vectors.tobytes()


def test_an_encoder_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    save_encoder(tmp_path, layers=1)
    (tmp_path / "config.json").write_bytes(orjson.dumps({"model_type": "unheard-of"}))
    with pytest.raises(UsageError, match="cannot be loaded"):
        load_token_embeddings(str(tmp_path))


def test_an_encoder_that_gives_no_finite_numbers_is_refused(tmp_path: Path) -> None:
    weights = load_file(save_encoder(tmp_path, layers=1) / "model.safetensors")
    weights["encoder.layer.0.output.LayerNorm.weight"][:] = 3e38
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(UsageError, match="gives numbers that are not finite"):
        load_token_embeddings(str(tmp_path))


def test_an_encoder_with_another_ones_tokenizer_is_refused(tmp_path: Path) -> None:
    save_encoder(tmp_path, layers=1)
    tokenizer = save_encoder(tmp_path / "other", words=[*WORDS, "more"]) / "tokenizer.json"
    (tmp_path / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    with pytest.raises(UsageError, match="its tokenizer 23"):
        load_token_embeddings(str(tmp_path))


def test_distilling_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_encoder(tmp_path, layers=1)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UsageError, match=r"pip install 'locum\[encoder\]'.*Model2Vec"):
        load_token_embeddings(str(tmp_path))


def _tokenizer(tokenizer: tokenizers.Tokenizer) -> PieceTokenizer:
    return PieceTokenizer(tokenizer.to_str().encode())


def _spaced() -> tokenizers.Tokenizer:
    """A tokenizer to which a space is a letter."""
    pieces = [("<unk>", -10.0), ("▁", -3.0), ("▁money", -1.0), ("money", -2.0), ("▁a", -2.5)]
    tokenizer = tokenizers.Tokenizer(models.Unigram(pieces, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.normalizer = normalizers.NFKC()
    return tokenizer


_BERT = tokenizers.Tokenizer.from_buffer(clustered_embeddings().tokenizer.content)
_TOKENIZERS = {"bert": _BERT, "spaced": _spaced()}
_OURS = {name: _tokenizer(tokenizer) for name, tokenizer in _TOKENIZERS.items()}
_LETTERS = "money cash.X!\t\n \u00a0\u0301İé語[UNK]🙂\x00"


@pytest.mark.parametrize("name", list(_TOKENIZERS))
@given(text=st.text(st.sampled_from(_LETTERS) | st.characters(exclude_categories=["Cs"])))
def test_pieces_are_those_of_the_tokenizer(name: str, text: str) -> None:
    expected = _TOKENIZERS[name].encode(text, add_special_tokens=False).ids
    assert _OURS[name].cut_one(text) == expected
    assert _OURS[name].cut_one(text) == expected


@pytest.mark.parametrize("name", list(_TOKENIZERS))
@pytest.mark.parametrize("text", _ODD_TEXTS)
def test_pieces_of_odd_texts_are_those_of_the_tokenizer(name: str, text: str) -> None:
    expected = _TOKENIZERS[name].encode(text, add_special_tokens=False).ids
    starts, ids = _OURS[name].cut(["money", text, "money"])
    assert ids[starts[1] : starts[2]].tolist() == expected


@pytest.mark.parametrize("name", list(_TOKENIZERS))
def test_half_a_surrogate_pair_counts_as_a_question_mark(name: str) -> None:
    assert _OURS[name].cut_one("money \ud800 a\udfff") == _OURS[name].cut_one("money ? a?")


@pytest.mark.parametrize("name", list(_TOKENIZERS))
def test_long_texts_are_cut(name: str) -> None:
    text = "cash money " * MAX_CHARACTERS
    assert _OURS[name].cut_one(text) == _OURS[name].cut_one(text[:MAX_CHARACTERS])


def test_truncation_and_padding_do_not_count() -> None:
    tokenizer = tokenizers.Tokenizer.from_str(_BERT.to_str())
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=9)
    assert _tokenizer(tokenizer).cut_one("money is cash") == _OURS["bert"].cut_one("money is cash")


def test_what_is_remembered_of_words_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locum.students.pieces._MOST_REMEMBERED", 3)
    tokenizer = _tokenizer(_BERT)
    words = [word for cluster in CLUSTERS for word in cluster]
    for word in [*words, *words]:
        assert tokenizer.cut_one(word) == _OURS["bert"].cut_one(word)
        assert len(tokenizer._known) <= 3  # noqa: SLF001 - what is bounded


@pytest.mark.parametrize(("name", "expected"), [("bert", 1), ("spaced", 0)])
def test_the_piece_for_unknown_ones_is_known(name: str, expected: int) -> None:
    assert _OURS[name].unknown_id == expected


def test_saved_vectors_are_read_as_they_were(tmp_path: Path) -> None:
    ours = clustered_embeddings()
    ours.save(tmp_path)
    assert load_file(tmp_path / "model.safetensors")["embeddings"].shape == ours.vectors.shape
