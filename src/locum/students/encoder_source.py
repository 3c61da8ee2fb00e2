"""An encoder as it was published: its weights, its tokenizer, and how it pools."""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import orjson

from locum.errors import UsageError
from locum.folders import find_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

__all__ = [
    "Pooling",
    "PretrainedEncoder",
    "import_encoder_extra",
    "load_encoder",
    "load_model",
    "may_be_on_hub",
    "quiet",
    "shown_name",
]

Pooling = Literal["mean", "cls"]

_NEEDED = ("torch", "onnx", "onnxruntime", "onnxscript")
_PATTERNS = ["*.json", "*.txt", "*.model", "model*.safetensors", "*/config.json"]
_CURE = "expected a folder that holds an encoder, or the name of one on the Hugging Face hub"
_UNBOUNDED = 1 << 20


class PretrainedEncoder(NamedTuple):
    """An encoder in float32 that is ready to be used or trained.

    Args:
        model: As transformers has it; gives the last hidden states.
        tokenizer: Content of its ``tokenizer.json``.
        pooling: Mean of the hidden states, or that of the first token.
        most_tokens: How many tokens it has positions for.
    """

    model: PreTrainedModel
    tokenizer: bytes
    pooling: Pooling
    most_tokens: int


def load_encoder(place: str) -> PretrainedEncoder:
    """Read an encoder from a folder or from the hub; no code that comes with it is run.

    Only weights in safetensors are read. The pooling is that of ``modules.json`` as
    sentence-transformers writes it, and otherwise the mean; other modules are passed over.

    Raises:
        UsageError: There is none, it cannot be read, or the extra is not installed.
    """
    folder = _find(place)
    transformers = import_encoder_extra("transformers")
    with quiet(transformers), _refusing(place):
        model = _load_model(transformers, folder)
        load = transformers.AutoTokenizer.from_pretrained
        tokenizer = load(folder, trust_remote_code=False, local_files_only=True)
        pooling = _read_pooling(folder)
    if not tokenizer.is_fast:
        raise UsageError(
            f"encoder {place!r} has a tokenizer that the tokenizers package does not know: take "
            "an encoder with a tokenizer.json"
        )
    with _refusing(place):
        content = _known_tokens(tokenizer.backend_tokenizer, model)
    return PretrainedEncoder(model, content, pooling, _most_tokens(model))


def load_model(place: str) -> PreTrainedModel:
    """Read the weights of an encoder alone, as `load_encoder` does.

    Raises:
        UsageError: There is none, it cannot be read, or the extra is not installed.
    """
    folder = _find(place)
    transformers = import_encoder_extra("transformers")
    with quiet(transformers), _refusing(place):
        return _load_model(transformers, folder)


def shown_name(place: str) -> str:
    """Return what may be told of where an encoder is from.

    A folder's own name, without where it lies; the whole name of what lies on the hub.
    """
    folder = find_folder(place)
    on_hub = folder is None and may_be_on_hub(place)
    return place if on_hub else (folder or Path(place)).resolve().name


def import_encoder_extra(module: str) -> Any:  # noqa: ANN401 - a module
    """Return a module of the extra that trains encoders.

    Raises:
        UsageError: It is not installed.
    """
    from importlib import import_module

    try:
        for needed in _NEEDED:
            import_module(needed)
        return import_module(module)
    except ImportError as error:
        raise _missing(error.name or str(error)) from None


def _missing(name: str) -> UsageError:
    return UsageError(
        f"training an encoder needs packages that are not installed ({name}): "
        "pip install 'locum[encoder]'"
    )


def _find(place: str) -> Path:
    folder = find_folder(place)
    if folder is not None:
        return folder
    if not may_be_on_hub(place):
        raise UsageError(f"encoder {place!r} does not exist: {_CURE}")
    return _download(place)


def may_be_on_hub(place: str) -> bool:
    """Whether a place may be a name on the hub, and not only a folder."""
    return bool(place) and place[0] not in "./~" and place.count("/") <= 1


@cache
def _download(place: str) -> Path:
    """Where an encoder of the hub lies; the hub is asked once for each name."""
    try:
        from huggingface_hub import snapshot_download as download
    except ImportError as error:
        raise _missing(error.name or str(error)) from None
    try:
        return Path(download(place, allow_patterns=_PATTERNS))
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().split("\n", maxsplit=1)[0]
        raise UsageError(
            f"encoder {place!r} cannot be fetched: {type(error).__name__}: {reason[:200]}; "
            f"{_CURE}: where the hub cannot be reached, give a folder"
        ) from None


def _load_model(transformers: Any, folder: Path) -> PreTrainedModel:  # noqa: ANN401 - a module
    import torch

    model: PreTrainedModel
    model, loading = transformers.AutoModel.from_pretrained(
        folder,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
        dtype=torch.float32,
        attn_implementation="eager",
        output_loading_info=True,
    )
    # A language model's checkpoint has no pooler, which is not used.
    lacking = sorted(name for name in loading["missing_keys"] if "pooler" not in name)
    if lacking:
        raise ValueError(f"the weights lack {lacking[0]!r}")
    if not all(bool(torch.isfinite(weights).all()) for weights in model.parameters()):
        raise ValueError("some weights are not finite")
    if getattr(model.config, "is_encoder_decoder", False):
        raise ValueError("it is an encoder with a decoder")
    if model.main_input_name != "input_ids":
        raise ValueError(f"it reads {model.main_input_name}, not tokens of a text")
    return model


def _known_tokens(tokenizer: Tokenizer, model: PreTrainedModel) -> bytes:
    """Return a tokenizer's content, without tokens added to it that the model has no vectors for.

    Their names are plain text then. Gemma's tokenizers have such a token, for images.
    """
    rows = getattr(model.get_input_embeddings(), "num_embeddings", _UNBOUNDED)
    content: str = tokenizer.to_str()
    if max(tokenizer.get_vocab().values()) >= rows:
        whole = json.loads(content)
        whole["added_tokens"] = [one for one in whole["added_tokens"] if one["id"] < rows]
        content = json.dumps(whole)
        most = max(type(tokenizer).from_str(content).get_vocab().values())
        if most >= rows:
            raise ValueError(f"its tokenizer has a token {most}, and its weights know {rows}")
    return content.encode()


def _read_pooling(folder: Path) -> Pooling:
    path = folder / "modules.json"
    modules = orjson.loads(path.read_bytes()) if path.is_file() else []
    for module in modules:
        if module["type"].endswith(".Pooling"):
            config = orjson.loads((folder / module["path"] / "config.json").read_bytes())
            mode = config.get("pooling_mode")
            return "cls" if config.get("pooling_mode_cls_token") or mode == "cls" else "mean"
    return "mean"


def _most_tokens(model: PreTrainedModel) -> int:
    most: int = getattr(model.config, "max_position_embeddings", _UNBOUNDED)
    # XLNet, whose positions are relative, gives -1.
    most = most if most > 0 else _UNBOUNDED
    for name, module in model.named_modules():
        # RoBERTa counts positions from after the padding's index.
        if (
            name.endswith("position_embeddings")
            and getattr(module, "padding_idx", None) is not None
        ):
            return most - int(module.padding_idx) - 1
    return most


@contextmanager
def _refusing(place: str) -> Iterator[None]:
    """Turn what transformers raises into a refusal; its errors and those of tokenizers vary."""
    try:
        yield
    except ImportError as error:
        raise _missing(error.name or str(error)) from None
    except Exception as error:  # noqa: BLE001 - they share no class
        reason = str(error).strip().split("\n", maxsplit=1)[0]
        raise UsageError(
            f"encoder {place!r} cannot be loaded: {type(error).__name__}: {reason[:300]}; {_CURE}"
        ) from None


@contextmanager
def quiet(transformers: Any) -> Iterator[None]:  # noqa: ANN401 - a module
    """Load and save models without progress bars and notes on weights that are not used.

    Args:
        transformers: The module.
    """
    logging = transformers.utils.logging
    verbosity, shown = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if shown:
            logging.enable_progress_bar()
