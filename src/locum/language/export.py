"""A language model as other programs read it: a folder of safetensors, or one GGUF file.

GGUF is what llama.cpp, Ollama and LM Studio serve. Its format, the names of tensors and the
rounding of numbers come from llama.cpp's own package ``gguf``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from locum.errors import UsageError
from locum.language.gguf_tokens import describe_tokenizer
from locum.language.plain import as_plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from gguf import GGMLQuantizationType, GGUFWriter
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["GgufType", "save_folder", "save_gguf"]

GgufType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"]

# By the names that transformers and llama.cpp both have for them.
_FAMILIES = ("llama", "qwen2", "qwen3")
# Coarser types than this one hurt most in the embeddings and the head.
_FINE = "q8_0"
_WIDEST = ("f32", "f16", "bf16", _FINE)


def save_folder(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: str | Path
) -> None:
    """Write a model and its tokenizer as the Hugging Face hub has them.

    What transformers, vLLM, TGI and `locum.teachers` load. Adapters have to be merged first
    (`locum.language.merged`). The folder appears when it is whole; it may be there if it is empty.

    Raises:
        UsageError: The folder holds something or cannot be written, or the model's weights are
            rounded.
    """
    from pathlib import Path

    from locum.training.sentence_folder import check_empty, filled_folder

    place = Path(folder)
    check_empty(place)
    with filled_folder(place) as scratch:
        as_plain(model).save_pretrained(scratch)
        tokenizer.save_pretrained(scratch)


def save_gguf(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    file: str | Path,
    kind: str = "q8_0",
    *,
    pre_tokenizer: str | None = None,
) -> None:
    """Write a model and its tokenizer as a GGUF file.

    The file appears when it is whole. One tensor at a time is held beside the model. Norms and
    biases stay in float32; where ``kind`` is coarser than 8 bits, the embeddings and the head have
    8; and where the length of a matrix's rows is no multiple of a block (32), it is in float16.

    Args:
        model: Of the Llama, Qwen2 or Qwen3 family, with plain or Llama 3's rotary positions.
        tokenizer: A byte-level BPE tokenizer.
        file: Where to.
        kind: How numbers are rounded, by llama.cpp's names: one of `GgufType`.
        pre_tokenizer: How text is split before merging, by the name that llama.cpp has for it;
            found by itself for the tokenizers of GPT-2, Llama 3, Qwen2, Qwen3 and SmolLM2.

    Raises:
        UsageError: The model or tokenizer is of another kind, or the file cannot be written.
    """
    from pathlib import Path

    if kind not in get_args(GgufType):
        raise UsageError(f"kind={kind!r}: expected one of {', '.join(get_args(GgufType))}")
    _refuse_unknown(as_plain(model))
    place = Path(file)
    unfinished = place.with_name(f".{place.name}.unfinished")
    try:
        writer = _described(model, place.stem, kind)
        describe_tokenizer(writer, tokenizer, model.config.vocab_size, pre_tokenizer)
        _write(writer, model, kind, unfinished)
        unfinished.replace(place)
    except OSError as error:
        raise UsageError(f"file {str(place)!r} cannot be written: {error}") from None
    finally:
        unfinished.unlink(missing_ok=True)


def _refuse_unknown(model: PreTrainedModel) -> None:
    config = model.config
    if config.model_type not in _FAMILIES:
        raise UsageError(
            f"{type(model).__name__} is of the family {config.model_type!r}: expected one of "
            f"{', '.join(_FAMILIES)}; save_folder writes any, and llama.cpp's converter reads that"
        )
    reasons = {
        "hidden_act": (config.hidden_act, ("silu",)),
        "rope_type": (config.rope_parameters["rope_type"], ("default", "llama3")),
        "layer_types": (
            next(iter(set(getattr(config, "layer_types", None) or ()) - {"full_attention"}), None),
            (None,),
        ),
    }
    for name, (found, known) in reasons.items():
        if found not in known:
            raise UsageError(
                f"{name} {found!r}: this export writes only {' or '.join(map(str, known))}; use "
                "save_folder and llama.cpp's own converter"
            )


def _described(model: PreTrainedModel, name: str, kind: str) -> GGUFWriter:
    from gguf import GGUFWriter, LlamaFileType

    config = model.config
    size = _head_size(model)
    writer = GGUFWriter(None, config.model_type)
    writer.add_type("model")
    writer.add_name(name)
    writer.add_file_type(
        LlamaFileType.ALL_F32 if kind == "f32" else LlamaFileType[f"MOSTLY_{kind.upper()}"]
    )
    writer.add_quantization_version(2)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(size)
    writer.add_value_length(size)
    writer.add_rope_dimension_count(size)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    return writer


def _head_size(model: PreTrainedModel) -> int:
    config = model.config
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(size)


class _Entry(NamedTuple):
    name: str
    tensor: Tensor
    kind: GGMLQuantizationType
    heads: int  # 0 where rows are written in their order

    def numbers(self) -> NDArray[np.float32]:
        tensor = self.tensor.detach().float().cpu()
        return (_interleaved(tensor, self.heads) if self.heads else tensor).contiguous().numpy()


def _write(writer: GGUFWriter, model: PreTrainedModel, kind: str, file: Path) -> None:
    import numpy as np
    from gguf import GGML_QUANT_SIZES, quantize

    entries = list(_entries(model, kind))
    for entry in entries:
        block, block_bytes = GGML_QUANT_SIZES[entry.kind]
        size = entry.tensor.numel() // block * block_bytes
        shape = tuple(entry.tensor.shape)
        writer.add_tensor_info(entry.name, shape, np.dtype(np.float32), size, entry.kind)
    writer.write_header_to_file(file)
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    try:
        for entry in entries:
            writer.write_tensor_data(quantize(entry.numbers(), entry.kind))
    finally:
        writer.close()


def _entries(model: PreTrainedModel, kind: str) -> Iterator[_Entry]:
    from gguf import MODEL_ARCH_NAMES, GGMLQuantizationType, get_tensor_name_map

    config = model.config
    kinds = {name: GGMLQuantizationType[name.upper()] for name in get_args(GgufType)}
    architecture = next(key for key, name in MODEL_ARCH_NAMES.items() if name == config.model_type)
    names = get_tensor_name_map(architecture, config.num_hidden_layers)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    factors = _frequency_factors(model)
    if factors is not None:
        yield _Entry("rope_freqs.weight", factors, kinds["f32"], 0)
    for path, tensor in model.state_dict().items():
        module, _, last = path.rpartition(".")
        if module == "lm_head" and config.tie_word_embeddings:
            continue
        chosen: str = "f32" if tensor.ndim == 1 else kind
        if module in {"lm_head", "model.embed_tokens"} and kind not in _WIDEST:
            chosen = _FINE
        if tensor.shape[-1] % 32 and chosen not in {"f32", "f16", "bf16"}:
            chosen = "f16"
        name = names.get_name(module)
        assert name is not None, f"llama.cpp has no name for {module}"
        rotated = heads.get(module.rpartition(".")[2], 0) if config.model_type == "llama" else 0
        yield _Entry(f"{name}.{last}", tensor, kinds[chosen], rotated)


def _interleaved(tensor: Tensor, heads: int) -> Tensor:
    """Rows in llama.cpp's order: it turns neighbours of a head, transformers its halves."""
    halves = tensor.view(heads, 2, -1, *tensor.shape[1:])
    return halves.transpose(1, 2).reshape(tensor.shape)


def _frequency_factors(model: PreTrainedModel) -> Tensor | None:
    """What llama.cpp divides the angles of positions by, as Llama 3 stretches slow ones."""
    import torch

    rope: Any = model.config.rope_parameters
    if rope["rope_type"] == "default":
        return None
    size = _head_size(model)
    places = torch.arange(0, size, 2, dtype=torch.float64)
    plain = float(rope["rope_theta"]) ** (-places / size)
    stretched: Any = model.get_submodule("model.rotary_emb").inv_freq
    factors: Tensor = (plain / stretched.double().cpu()).float()
    return factors
