"""``locum train-lm``."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from locum.cli.output import print_json, print_rows
from locum.cli.progress import TerminalProgress
from locum.errors import UsageError

if TYPE_CHECKING:
    from locum.language import LanguageDistillation, TrainingStep
    from locum.language.settings import LossName

__all__ = ["train_lm_command"]


def train_lm_command(
    texts: Annotated[
        list[Path],
        typer.Argument(
            help="Files and folders: .txt, .md and .rst are a text each; of .jsonl a line is one, "
            "with text, prompt and completion, or messages."
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder of the student; it is made.")],
    teacher: Annotated[
        str | None,
        typer.Option(
            help="Name on the Hugging Face hub, folder, GGUF file, or URL of a server such as vLLM."
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help="The teacher's name at that URL.")] = None,
    student: Annotated[
        str | None, typer.Option(help="What the student is made of; else the teacher.")
    ] = None,
    layers: Annotated[int | None, typer.Option(min=1, help="Layers that are kept.")] = None,
    keep: Annotated[
        Literal["spread", "influence"],
        typer.Option(help="Which layers: evenly spread, or those that matter most on the texts."),
    ] = "spread",
    hidden: Annotated[int | None, typer.Option(min=1, help="Channels that are kept.")] = None,
    intermediate: Annotated[
        int | None, typer.Option(min=1, help="Neurons of each layer that are kept.")
    ] = None,
    heads: Annotated[
        int | None, typer.Option(min=1, help="Attention heads of each layer that are kept.")
    ] = None,
    adapters: Annotated[
        int | None,
        typer.Option("--lora", min=1, help="Rank of adapters that learn instead of all weights."),
    ] = None,
    mode: Annotated[
        Literal["offline", "online", "hard"],
        typer.Option(
            help="Ask the teacher once and keep its likeliest tokens; ask it at every step; or "
            "learn the texts alone."
        ),
    ] = "offline",
    top: Annotated[
        int | None,
        typer.Option(
            "--top", min=1, help="Offline: likeliest tokens kept of each.", show_default="50"
        ),
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(min=1, help="Offline: keep so many draws instead, which have no bias."),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder of what teachers said, kept for other runs; else none is."),
    ] = None,
    on_policy: Annotated[
        float,
        typer.Option(min=0, max=1, help="Online: share of steps on what the student writes."),
    ] = 0.0,
    loss: Annotated[
        Literal[
            "forward_kl",
            "reverse_kl",
            "jensen_shannon",
            "skew_kl",
            "skew_reverse_kl",
            "total_variation",
        ],
        typer.Option(help="Divergence from the teacher."),
    ] = "forward_kl",
    temperature: Annotated[float, typer.Option(help="Of both softmaxes, above 0.")] = 1.0,
    soft_share: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of the divergence; the rest is the texts' tokens."),
    ] = 1.0,
    length: Annotated[int, typer.Option(min=2, help="Tokens of a sequence.")] = 512,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the texts.")] = 1,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps at the most.")] = None,
    step_sequences: Annotated[int, typer.Option(min=1, help="Sequences of a step.")] = 16,
    pass_sequences: Annotated[
        int,
        typer.Option(min=1, help="Sequences at once in memory; changes no result but by dropout."),
    ] = 4,
    learning_rate: Annotated[float, typer.Option(help="Highest rate of AdamW.")] = 5e-4,
    precision: Annotated[
        Literal["bfloat16", "float32"], typer.Option(help="What is computed in.")
    ] = "bfloat16",
    held_out: Annotated[
        float, typer.Option(help="Share of the texts that the student is measured on.")
    ] = 0.05,
    held_out_texts: Annotated[
        list[Path] | None, typer.Option(help="Files and folders to measure on instead.")
    ] = None,
    measure_every: Annotated[
        int, typer.Option(min=0, help="Steps between measurements; 0 for first and last alone.")
    ] = 0,
    save_every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 100,
    device: Annotated[
        str | None, typer.Option(help="cpu or cuda; else cuda where there is one.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all draws.")] = 0,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Train a small language model on texts, and on what a large one says of their tokens.

    The student is a smaller model of the same tokens, or some of the teacher: fewer layers, or
    narrower. It is saved as transformers reads it. A run that is stopped goes on where it was when
    it is started again; under accelerate launch or torchrun several processes share it.
    """
    from locum.language import LanguageLoss, LanguageSettings, Origin, distill_language_model
    from locum.language.distributions import DrawnTokens, TopTokens
    from locum.students.encoder_source import quiet as without_bars
    from locum.teachers.pretrained import import_lm

    if top is not None and draws is not None:
        raise UsageError(f"--top {top} and --draws {draws}: one of them is kept, leave one out")
    kept: TopTokens | DrawnTokens | None = None
    if draws is not None:
        kept = DrawnTokens(draws, temperature, seed=seed)
    elif top is not None:
        kept = TopTokens(top, temperature)
    name: LossName = loss
    settings = LanguageSettings(
        loss=LanguageLoss(name, temperature, soft_share),
        epochs=epochs,
        most_steps=steps,
        sequences_per_step=step_sequences,
        sequences_per_pass=pass_sequences,
        learning_rate=learning_rate,
        precision=precision,
        on_policy_share=on_policy,
        measure_every=measure_every,
        save_every=save_every,
        seed=seed,
    )
    # Of processes that share the training, one speaks.
    silent = os.environ.get("RANK", "0") != "0"
    still = without_bars(import_lm("transformers")) if quiet or silent else nullcontext()
    with still, TerminalProgress(quiet=quiet or silent) as progress:

        def tell(step: TrainingStep, of: int) -> None:
            measured = "" if step.held_out is None else f", held-out {step.held_out:.4f}"
            now = "" if step.loss is None else f", loss {step.loss:.4f}"
            progress.stage(f"step {step.number:,} of {of:,}{now}{measured}")

        result = distill_language_model(
            texts,
            out,
            teacher=teacher,
            served_as=model,
            origin=Origin(student, layers, keep, hidden, intermediate, heads, adapters),
            mode=mode,
            kept=kept,
            cache=cache,
            settings=settings,
            length=length,
            held_out=held_out_texts or held_out,
            device=device,
            say=progress.stage,
            tell=tell,
        )
    if silent:
        return
    if json_output:
        print_json(result.as_object())
    else:
        _show(result)


def _show(result: LanguageDistillation) -> None:
    of_teacher = result.teacher_parameters
    share = f", {result.parameters / of_teacher:.0%} of its teacher's" if of_teacher else ""
    last = result.steps[-1]
    rows = [
        ["student", f"{result.parameters:,} parameters{share}"],
        ["learned from", f"{last.tokens:,} tokens of {result.documents:,} texts, {result.mode}"],
        ["held-out loss", f"{result.before:.4f} before, {result.after:.4f} after, nats a token"],
        ["", f"of {result.held_out_tokens:,} tokens"],
    ]
    if result.teacher_held_out is not None:
        rows.append(["  of the teacher", f"{result.teacher_held_out:.4f}"])
    if result.mode == "offline":
        asked = f"{result.asked:,} sequences asked about"
        rows.append(["cache", f"{result.cache_bytes / 1e6:,.1f} MB, {asked}"])
    seconds = last.seconds or 1e-9
    rows.append(["time", f"{last.seconds:,.0f} s, {last.tokens / seconds:,.0f} tokens a second"])
    rows.append(["folder", str(result.folder)])
    print_rows(rows, to_stdout=True)
