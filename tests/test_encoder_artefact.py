"""A saved encoder student: what is kept, and what is refused."""

from __future__ import annotations

import builtins
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file, save_file

from locum.errors import ArtefactError, UsageError
from locum.students.encoder import EncoderStudent
from locum.students.encoder_check import check_graph
from tests.student_cases import write_trap
from tests.tiny_encoder import make_tokenizer, save_tiny_encoder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_CLASSES = ["no", "yes"]
_TEXTS = [f"{thing} {verb}" for thing in ("card", "cash", "note") for verb in ("lost", "found")] * 5
_FILES = ["model.onnx", "student.json", "tokenizer.json", "weights.safetensors"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a saved student."""
    encoder = save_tiny_encoder(tmp_path_factory.mktemp("encoder") / "tiny", _TEXTS)
    soft = np.eye(2)[[int("lost" in text) for text in _TEXTS]]
    folder = tmp_path_factory.mktemp("student")
    EncoderStudent(_CLASSES, str(encoder)).fit(_TEXTS, soft).save(folder)
    return folder


@pytest.fixture
def saved(kept: Path, tmp_path: Path) -> Path:
    """A copy of it that may be spoilt."""
    return shutil.copytree(kept, tmp_path / "student")


def test_loading_restores_what_is_known(saved: Path) -> None:
    student = EncoderStudent.load(saved)
    assert student.get_params()["classes"] == _CLASSES
    assert student.get_params()["encoder"] == "tiny"
    assert student.weights_ == "int8"
    assert student.epochs_ == 0
    assert 0.9 < student.quantised_agreement_ <= 1


def test_saving_what_was_loaded_changes_nothing(saved: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    EncoderStudent.load(saved).save(again)
    for name in _FILES:
        assert (again / name).read_bytes() == (saved / name).read_bytes()


def test_no_file_names_the_folder_of_the_encoder(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == _FILES
    for path in saved.iterdir():
        assert str(saved.parent.parent).encode() not in path.read_bytes()


def test_the_whole_name_of_an_encoder_on_the_hub_is_kept(saved: Path, tmp_path: Path) -> None:
    student = EncoderStudent.load(saved)
    student.encoder = "somebody/small"
    student.save(saved)
    assert EncoderStudent.load(saved).get_params()["encoder"] == "somebody/small"
    for place in (tmp_path / "a" / "folder", tmp_path / "gone" / "folder"):
        tmp_path.joinpath("a", "folder").mkdir(parents=True, exist_ok=True)
        student.encoder = str(place)
        student.save(saved)
        assert EncoderStudent.load(saved).get_params()["encoder"] == "folder"


@pytest.mark.parametrize("name", _FILES)
def test_a_missing_file_is_refused(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(ArtefactError, match="holds no encoder student"):
        EncoderStudent.load(saved)


@pytest.mark.parametrize("name", _FILES)
def test_a_pickle_is_refused_and_not_run(saved: Path, name: str) -> None:
    sprung = write_trap(saved / name)
    with pytest.raises(ArtefactError, match="holds no encoder student"):
        EncoderStudent.load(saved)
    assert not sprung.exists()


@pytest.mark.parametrize("name", _FILES)
@pytest.mark.parametrize("kept_bytes", [0, 4, 8, 100, -1])
def test_a_truncated_file_is_refused(saved: Path, name: str, kept_bytes: int) -> None:
    (saved / name).write_bytes((saved / name).read_bytes()[:kept_bytes])
    with pytest.raises(ArtefactError):
        EncoderStudent.load(saved)


def test_a_lying_header_is_refused(saved: Path) -> None:
    header = orjson.dumps({"means": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 8]}})
    (saved / "weights.safetensors").write_bytes(
        len(header).to_bytes(8, "little") + header + b"\0" * 8
    )
    with pytest.raises(ArtefactError):
        EncoderStudent.load(saved)


@pytest.mark.parametrize(
    "name", ["labels.centre", "labels.whitening", "labels.means", "whole.means"]
)
@pytest.mark.parametrize("change", ["shorter", "deeper", "empty", "nan", "double", "missing"])
def test_weights_that_do_not_fit_are_refused(saved: Path, name: str, change: str) -> None:
    tensors = load_file(saved / "weights.safetensors")
    held = tensors.pop(name)
    changed = {
        "shorter": held[..., :-1].copy(),
        "deeper": held[..., None],
        "empty": held[:0],
        "nan": np.full_like(held, np.nan),
        "double": held.astype(np.float64),
    }
    if change != "missing":
        tensors[name] = changed[change]
    save_file(tensors, saved / "weights.safetensors")
    with pytest.raises(ArtefactError):
        EncoderStudent.load(saved)


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": {"classes": ["no"], "encoder": "tiny"}},
        {"parameters": {"classes": ["no", "yes", "maybe"], "encoder": "tiny"}},
        {"parameters": {"classes": ["no", "yes"], "encoder": "tiny", "unknown": 1}},
        {"parameters": {"classes": ["no", "yes"], "encoder": "tiny", "temperature": "x"}},
        {"parameters": 3},
        {"weights": "int3"},
        {"weights": None},
        {"tokens": None},
        {"tokens": -1},
        {"epochs": "many"},
        {"quantised_agreement": None},
    ],
)
def test_other_parameters_are_refused(saved: Path, change: dict[str, Any]) -> None:
    state = orjson.loads((saved / "student.json").read_bytes())
    (saved / "student.json").write_bytes(orjson.dumps(state | change))
    with pytest.raises(ArtefactError):
        EncoderStudent.load(saved)


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"null", b"\xff", b"{}"])
@pytest.mark.parametrize("name", ["student.json", "tokenizer.json", "model.onnx"])
def test_other_content_is_refused(saved: Path, name: str, content: bytes) -> None:
    (saved / name).write_bytes(content)
    with pytest.raises(ArtefactError):
        EncoderStudent.load(saved)


def test_a_tokenizer_of_a_larger_vocabulary_is_refused(saved: Path, tmp_path: Path) -> None:
    texts = [f"other words {number} and more of them {number * 7919}" for number in range(300)]
    make_tokenizer(texts, 2_000).save_pretrained(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "tokenizer.json", saved)
    with pytest.raises(ArtefactError, match="cannot be run"):
        EncoderStudent.load(saved)


def _spoil(path: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    model = onnx.load(path / "model.onnx")
    change(model)
    (path / "model.onnx").write_bytes(model.SerializeToString())


def _use_custom_domain(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("my.domain", 1))


def _use_custom_operator(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "my.domain"


def _use_other_microsoft_operator(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Tokenizer", ["a"], ["b"], domain="com.microsoft"))


def _use_external_data(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def _name_external_data_only(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")


def _nest_a_graph(model: onnx.ModelProto) -> None:
    inner = helper.make_graph([], "inner", [], [])
    model.graph.node.append(
        helper.make_node("If", ["a"], ["b"], then_branch=inner, else_branch=inner)
    )


def _add_a_function(model: onnx.ModelProto) -> None:
    function = helper.make_function("", "Own", ["a"], ["b"], [], [helper.make_opsetid("", 20)])
    model.functions.append(function)


def _add_sparse_weights(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_use_custom_domain, "operators of 'my.domain'"),
        (_use_custom_operator, "operators of 'my.domain'"),
        (_use_other_microsoft_operator, "operator 'Tokenizer'"),
        (_use_external_data, "lies in another file"),
        (_name_external_data_only, "lies in another file"),
        (_nest_a_graph, "graph within it"),
        (_add_a_function, "functions"),
        (_add_sparse_weights, "sparse"),
    ],
)
def test_a_graph_that_no_encoder_needs_is_refused(
    saved: Path, change: Callable[[onnx.ModelProto], None], reason: str
) -> None:
    _spoil(saved, change)
    with pytest.raises(ArtefactError, match=reason):
        EncoderStudent.load(saved)


def _remove_logits(model: onnx.ModelProto) -> None:
    del model.graph.output[0]


def _rename_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = "other"
    for node in model.graph.node:
        node.input[:] = ["other" if name == "input_ids" else name for name in node.input]


def _widen_head(model: onnx.ModelProto) -> None:
    _replace_head(model, lambda array: np.concatenate([array, array], axis=-1))


def _spoil_head(model: onnx.ModelProto) -> None:
    _replace_head(model, lambda array: np.full_like(array, np.nan))


def _replace_head(model: onnx.ModelProto, change: Callable[[Any], Any]) -> None:
    for tensor in model.graph.initializer:
        if tensor.name.startswith("head."):
            changed = numpy_helper.from_array(change(numpy_helper.to_array(tensor)), tensor.name)
            tensor.CopyFrom(changed)
    del model.graph.output[0].type.tensor_type.shape.dim[:]


@pytest.mark.parametrize("change", [_remove_logits, _rename_input, _widen_head, _spoil_head])
def test_a_graph_that_does_not_fit_is_refused(
    saved: Path, change: Callable[[onnx.ModelProto], None]
) -> None:
    _spoil(saved, change)
    with pytest.raises(ArtefactError, match="holds no encoder student"):
        EncoderStudent.load(saved)


def test_the_check_passes_what_was_saved(saved: Path) -> None:
    check_graph((saved / "model.onnx").read_bytes())


@given(st.binary(max_size=200))
def test_the_check_of_any_bytes_ends_in_a_refusal(content: bytes) -> None:
    # No graph of 200 bytes is an encoder's, but one without an operator may pass the check.
    try:
        check_graph(content)
    except ArtefactError:
        return
    model = onnx.ModelProto()
    model.ParseFromString(content)
    assert len(model.graph.node) <= 100


@pytest.mark.parametrize("missing", ["onnxruntime", "tokenizers"])
def test_loading_names_the_extra_that_is_missing(
    saved: Path, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _hide(missing, monkeypatch)
    with pytest.raises(UsageError, match=r"pip install 'locum\[onnx\]'"):
        EncoderStudent.load(saved)


@pytest.mark.parametrize("missing", ["torch", "transformers", "onnx", "onnxscript"])
def test_fitting_names_the_extra_that_is_missing(
    tmp_path: Path, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _hide(missing, monkeypatch)
    with pytest.raises(UsageError, match=r"pip install 'locum\[encoder\]'"):
        EncoderStudent(_CLASSES, str(tmp_path)).fit(_TEXTS, np.full((len(_TEXTS), 2), 0.5))


def _hide(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let importing a package fail as it does where it is not installed."""
    import importlib

    load = importlib.import_module
    install = builtins.__import__

    def refuse(name: str, *args: Any) -> Any:  # noqa: ANN401 - a module
        if name.split(".", maxsplit=1)[0] == missing:
            raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
        return load(name, *args)

    def refuse_statement(name: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a module
        if name.split(".", maxsplit=1)[0] == missing:
            raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
        return install(name, *args, **kwargs)

    monkeypatch.setattr(importlib, "import_module", refuse)
    monkeypatch.setattr(builtins, "__import__", refuse_statement)
