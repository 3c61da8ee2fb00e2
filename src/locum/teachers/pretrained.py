"""A language model as it was published: on the Hugging Face hub, in a folder or a GGUF file."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locum.chat_templates import dated_template
from locum.errors import UsageError
from locum.folders import find_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

    from locum.teachers.prompts import Message

    T = TypeVar("T")

__all__ = ["Pretrained", "import_lm", "logits_of_tokens"]

_MEBIBYTE = 1024 * 1024
_HASHED_WHOLE = 16 * _MEBIBYTE
_SAMPLES, _SAMPLE_BYTES = 512, 16 * 1024
_KINDS_OF_FILES = frozenset({".json", ".jinja", ".model", ".txt", ".safetensors", ".bin"})


class Pretrained:
    """Finds a model, tells it from others, and loads it. No code that comes with it is run.

    Args:
        model: A name on the hub, a folder, or a GGUF file.
        gguf_file: The file to take from a folder or repository that holds GGUF files.
        revision: Branch, tag or commit on the hub.

    Raises:
        UsageError: The folder or file does not exist.
    """

    def __init__(
        self, model: str | Path, gguf_file: str | None = None, revision: str | None = None
    ) -> None:
        path = find_path(model)
        if path is not None and path.is_file():
            path, gguf_file = path.parent, path.name
        self._folder = path.resolve() if path is not None and path.is_dir() else None
        if self._folder is None and (isinstance(model, Path) or model[:1] in {"", ".", "/", "~"}):
            raise UsageError(
                f"model {str(model)!r} does not exist: expected a folder, a GGUF file, or a name "
                "on the Hugging Face hub such as Qwen/Qwen3-1.7B"
            )
        self.name = gguf_file or (self._folder.name if self._folder else str(model))
        self._place = str(self._folder or model)
        self._gguf_file = gguf_file
        self._revision = revision

    @cached_property
    def fingerprint(self) -> str:
        """A SHA-256 of the commit on the hub, or of the files of the folder.

        Of a file over 16 MiB it takes the size, the first MiB and 512 pieces evenly spread, which
        training changes; an edit of a few weights may pass unseen.

        Raises:
            UsageError: The model cannot be found, or the extra is not installed.
        """
        digest = hashlib.sha256(f"{self._gguf_file}\n".encode())
        if self._folder is None:
            digest.update(f"{self._place}\n{self._commit()}".encode())
            return digest.hexdigest()
        for path in self._files(self._folder):
            digest.update(f"{path.name}\n{path.stat().st_size}\n".encode())
            _update(digest, path)
        return digest.hexdigest()

    def _files(self, folder: Path) -> list[Path]:
        if self._gguf_file:
            return [folder / self._gguf_file]
        return sorted(path for path in folder.iterdir() if path.suffix in _KINDS_OF_FILES)

    def _commit(self) -> str:
        # The hub's cache keeps a file in a folder that is named after the commit.
        return self._downloaded(self._gguf_file or "config.json").parent.name

    def _downloaded(self, file: str) -> Path:
        download = import_lm("huggingface_hub").hf_hub_download
        return Path(self._try(lambda: download(self._place, file, revision=self._revision)))

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Its tokenizer.

        Raises:
            UsageError: It cannot be loaded, or the extra is not installed.
        """
        load = import_lm("transformers").AutoTokenizer.from_pretrained
        found: PreTrainedTokenizerBase = self._try(lambda: load(self._place, **self._options()))
        return found

    def load(self, dtype: str, device: str | None, *, whole: bool = False) -> PreTrainedModel:
        """Load its weights, ready to be asked.

        Args:
            dtype: A type's name as torch has it, or ``auto`` for the one they are stored in.
            device: As torch calls it; by default ``cuda`` where there is one, else ``cpu``.
            whole: Whether the weights of a GGUF file are unpacked, for a model that is looked into,
                changed or saved; else they are only where nothing computes in the file's types.

        Raises:
            UsageError: They cannot be loaded, or the extra is not installed.
        """
        torch, load = (
            import_lm("torch"),
            import_lm("transformers").AutoModelForCausalLM.from_pretrained,
        )
        where = device or ("cuda" if torch.cuda.is_available() else "cpu")
        options: dict[str, Any] = {"dtype": dtype, "device_map": where, **self._options()}
        if whole and self._gguf_file:
            quantization = import_lm("transformers").GgufConfig(dequantize=True)
            options["quantization_config"] = quantization
        if self._gguf_file:
            options["config"] = self._config_of_file(self._gguf_file)
        model: PreTrainedModel = self._try(lambda: load(self._place, **options))
        return model

    def _config_of_file(self, file: str) -> PreTrainedConfig:
        from locum.teachers.gguf_positions import with_positions

        read = import_lm("transformers").AutoConfig.from_pretrained
        place = self._folder / file if self._folder else self._downloaded(file)
        return with_positions(self._try(lambda: read(self._place, **self._options())), place)

    def _options(self) -> dict[str, str]:
        options = {"gguf_file": self._gguf_file, "revision": self._revision}
        return {option: value for option, value in options.items() if value}

    def _try(self, load: Callable[[], T]) -> T:
        from safetensors import SafetensorError

        try:
            return load()
        except ImportError as error:
            raise _missing(error) from None
        except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
            reason = str(error).strip().split("\n", maxsplit=1)[0]
            raise UsageError(
                f"model {self._place!r} cannot be loaded: {type(error).__name__}: {reason[:300]}; "
                "expected a causal language model that transformers knows"
            ) from None

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """Return the tokens that ask for the answer to some messages.

        What looks like the template's own tokens in a message is text: an input cannot end its
        turn and write the model's.
        """
        if self.tokenizer.chat_template is None:
            text = _plain_text(messages)
            return list(self.tokenizer(text, split_special_tokens=True).input_ids)
        tokens: list[int] = self._apply(messages, tokenize=True, sanitize_control_tokens=True)
        return tokens

    def render(self, messages: Sequence[Message]) -> str:
        """Return the text of which `encode` gives the tokens."""
        if self.tokenizer.chat_template is None:
            return _plain_text(messages)
        text: str = self._apply(messages, tokenize=False)
        return text

    def _apply(self, messages: Sequence[Message], **options: bool) -> Any:  # noqa: ANN401 - both
        import jinja2

        # A model that would think aloud first is told not to; other templates pass this over.
        options |= {"add_generation_prompt": True, "return_dict": False, "enable_thinking": False}
        apply: Callable[..., Any] = self.tokenizer.apply_chat_template
        template = dated_template(self.tokenizer)
        try:
            return apply(list(messages), chat_template=template, **options)
        except jinja2.TemplateError:
            return apply(_without_system(messages), chat_template=template, **options)


def import_lm(module: str) -> Any:  # noqa: ANN401 - a module
    """Import a module of the extra ``lm``.

    Raises:
        UsageError: The extra is not installed.
    """
    from importlib import import_module

    try:
        import_module("accelerate")
        return import_module(module)
    except ImportError as error:
        raise _missing(error) from None


def _missing(error: ImportError) -> UsageError:
    return UsageError(
        f"a local model needs packages that are not installed ({error.name or error}): "
        "pip install 'locum[lm]'"
    )


def logits_of_tokens(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return how many logits there are up to the last that is of a token.

    Where ids are missing, as before added tokens, they are more than there are tokens.
    """
    return 1 + max(tokenizer.get_vocab().values())


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """The same for templates that refuse a system message: it begins the first message."""
    system, first, *others = messages
    joined = {"role": first["role"], "content": f"{system['content']}\n\n{first['content']}"}
    return [joined, *others]


def _plain_text(messages: Sequence[Message]) -> str:
    """The same for models that know no turns, up to where the label goes."""
    form = {"system": "{}", "user": "\n\nText: {}\nLabel:", "assistant": " {}"}
    return "".join(form[message["role"]].format(message["content"]) for message in messages)


def _update(digest: hashlib._Hash, path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= _HASHED_WHOLE:
            digest.update(file.read())
            return
        digest.update(file.read(_MEBIBYTE))
        for number in range(1, _SAMPLES + 1):
            file.seek((size - _SAMPLE_BYTES) * number // _SAMPLES)
            digest.update(file.read(_SAMPLE_BYTES))
