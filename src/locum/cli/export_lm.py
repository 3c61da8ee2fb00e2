"""``locum export-lm``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from locum.cli.progress import stderr_console
from locum.errors import UsageError

__all__ = ["export_lm_command"]


def export_lm_command(
    model: Annotated[
        str, typer.Argument(help="Folder, GGUF file, or name on the Hugging Face hub.")
    ],
    *,
    to: Annotated[
        Path, typer.Option(help="A file that ends in .gguf, or a folder for safetensors.")
    ],
    kind: Annotated[
        str | None,
        typer.Option(
            "--type",
            help="Of a GGUF file's numbers: f32, f16, bf16, q8_0, q5_1, q5_0, q4_1 or q4_0.",
            show_default="q8_0",
        ),
    ] = None,
    pre_tokenizer: Annotated[
        str | None,
        typer.Option(
            help="llama.cpp's name for how the tokenizer splits text, where it is not found."
        ),
    ] = None,
) -> None:
    """Write a language model as a GGUF file for llama.cpp, or as a folder for everything else."""
    from locum.teachers.pretrained import Pretrained

    gguf = to.suffix.casefold() == ".gguf"
    if not gguf and (kind or pre_tokenizer):
        raise UsageError(
            f"--to {str(to)!r} is a folder, which has no --type and no --pre-tokenizer: expected a "
            "file that ends in .gguf"
        )
    if to.exists():
        made = "file" if gguf else "folder"
        raise UsageError(f"--to {str(to)!r} exists: expected the place of a {made} to be made")
    source = Pretrained(model)
    loaded = source.load("auto", "cpu")
    from locum.language.export import save_folder, save_gguf

    if gguf:
        save_gguf(loaded, source.tokenizer, to, kind or "q8_0", pre_tokenizer=pre_tokenizer)
    else:
        save_folder(loaded, source.tokenizer, to)
    files = [to] if gguf else [path for path in to.iterdir() if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    stderr_console().print(f"{to}: {loaded.num_parameters():,} parameters, {size:,.1f} MB")
