"""Let something else than this process compute a writer, before it is certified."""

from __future__ import annotations

import shutil
import time
import weakref
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple, get_args

from locum.errors import UsageError, WriterError
from locum.export import describe_file
from locum.schema import check_name
from locum.teachers.urls import check_url

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from locum.distillation import Progress
    from locum.writers import Writer
    from locum.writers.served import LlamaServer, RunningServer

__all__ = ["WriteThrough"]

_LLAMA = "llama.cpp"
_SMALL = "q8_0"
_WEIGHTS = "model.safetensors"
# Tokens that a cut text may have more than it was cut to, read again between others.
_SLACK = 16
_ATTEMPTS = 3
_WAIT_SECONDS, _LOOK_SECONDS = 3_600.0, 1.0


class WriteThrough(NamedTuple):
    """What is to compute a writer.

    Args:
        numbers: How numbers are rounded, for llama.cpp; ``None`` where a server runs already.
        url: Base of that server's API; ``None`` for llama.cpp.
        models: Folder into which weights are written that it is to have.
    """

    numbers: str | None
    url: str | None
    models: Path | None

    @classmethod
    def read(cls, said: str | None, task: str, models: str | Path | None) -> WriteThrough | None:
        """Return what is meant; ``None`` for this process.

        Args:
            said: ``llama.cpp``, ``llama.cpp:q4_0`` or the like, or a URL.
            task: Name of the task.
            models: Folder for weights, which a server needs that runs already.

        Raises:
            UsageError: It is none of these, or holds a password, or there is no folder.
        """
        from locum.language import GgufType

        if said is None:
            return None
        if said.startswith(("http://", "https://")):
            check_name(task)
            check_url(said, "server")
            if models is None:
                raise UsageError(
                    f"write_through={said!r}: expected models=FOLDER too, where the weights are "
                    "written that this server is to have"
                )
            return cls(None, said, Path(models))
        program, _, numbers = said.partition(":")
        numbers = numbers or _SMALL
        if program != _LLAMA or numbers not in get_args(GgufType):
            raise UsageError(
                f"write_through={said!r}: expected llama.cpp, llama.cpp:TYPE with one of "
                f"{', '.join(get_args(GgufType))}, or the URL of a server's API such as "
                "http://127.0.0.1:8000/v1"
            )
        return cls(numbers, None, None)

    def rehearse(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        """See that llama.cpp can compute the model before time is spent on its training.

        Raises:
            UsageError: It cannot be exported.
            WriterError: llama.cpp is not there, or cannot load it.
        """
        if self.numbers is not None:
            prompt = [int(tokenizer.eos_token_id)]
            _start_llama(model, tokenizer, self.numbers, _SLACK).go_on([prompt], 1)

    def move(self, writer: Writer, model: PreTrainedModel, task: str, told: Progress) -> Writer:
        """Return a writer that is computed so.

        Args:
            writer: The same in this process.
            model: Its model.
            task: Name of its task.
            told: Is told what it waits for.

        Raises:
            WriterError: There is no such server.
        """
        if self.numbers is not None:
            context = len(writer.prompts.prompt("")) + sum(writer.limits) + _SLACK
            told.stage(f"exporting the student for llama.cpp, {self.numbers}")
            return writer.through(_start_llama(model, writer.tokenizer, self.numbers, context))
        return writer.through(self._wait_for_server(writer, task, told))

    def _wait_for_server(self, writer: Writer, task: str, told: Progress) -> RunningServer:
        from locum.writers.served import RunningServer

        assert self.models is not None
        assert self.url is not None
        place, sha256 = _save_weights(writer, self.models, task)
        server = RunningServer(self.url, place.name, sha256, _ATTEMPTS)
        command = f"vllm serve {place} --served-model-name {place.name}"
        told.stage(f"waiting until {self.url} has {place.name}, such as by: {command}")
        until, said = time.monotonic() + _WAIT_SECONDS, ""
        while True:
            try:
                server.look()
            except WriterError as error:
                if time.monotonic() > until:
                    raise WriterError(f"{error}, such as by: {command}", gone=True) from None
                if str(error) != said:
                    said = str(error)
                    told.stage(f"still waiting: {said}")
                time.sleep(_LOOK_SECONDS)
            else:
                return server


def _start_llama(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, numbers: str, context: int
) -> LlamaServer:
    from locum.language import save_gguf
    from locum.writers.served import LlamaServer

    scratch = TemporaryDirectory(prefix="locum-")
    weights = Path(scratch.name) / "model.gguf"
    server = LlamaServer(weights, numbers, context, _ATTEMPTS)
    weakref.finalize(server, scratch.cleanup)
    save_gguf(model, tokenizer, weights, numbers)
    return server


def _save_weights(writer: Writer, models: Path, task: str) -> tuple[Path, str]:
    """Write a folder that says by its name which weights are in it; return it and their hash."""
    unfinished = models / f".{task}-unfinished"
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        writer.backend.save(unfinished)
        writer.tokenizer.save_pretrained(unfinished)
        sha256 = describe_file(unfinished / _WEIGHTS).sha256
        place = models / f"{task}-{sha256[:12]}"
        if not place.exists():
            unfinished.rename(place)
    except OSError as error:
        raise UsageError(f"folder {str(models)!r} cannot be written: {error}") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return place.resolve(), sha256
