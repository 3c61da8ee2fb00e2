"""The card of a language model that was distilled: what it is, in a page of Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from locum.language.distill import LanguageDistillation

__all__ = ["write_card"]

_HOW = {
    "hard": "the tokens of the texts",
    "offline": "what its teacher said of each token, kept on disk",
    "online": "all that its teacher says of each token",
}


def write_card(result: LanguageDistillation, path: Path) -> None:
    """Write a card beside the weights."""
    of_teacher = f" Its teacher is {result.teacher}" if result.teacher else ""
    if result.teacher_parameters is not None:
        of_teacher += f", of {result.teacher_parameters:,} parameters"
    of_teacher += "." if of_teacher else ""
    rows = [
        ("before training", result.before),
        ("after training", result.after),
        ("its teacher", result.teacher_held_out),
    ]
    table = [f"| {name} | {value:.4f} |" for name, value in rows if value is not None]
    what = (
        f"A causal language model of {result.parameters:,} parameters.{of_teacher} It learned from "
        f"{_HOW[result.mode]}, in {result.steps[-1].tokens:,} targets of {result.documents:,} "
        "texts, of which some were held out."
    )
    warning = (
        "It may say what is false, and what its texts and its teacher would not have said. How it "
        "was trained, step by step, is in `training.json`."
    )
    lines = [
        f"# {result.folder.name}",
        "",
        what,
        "",
        f"Cross-entropy on {result.held_out_tokens:,} held-out targets, in nats a token:",
        "",
        "| | |",
        "|---|---|",
        *table,
        "",
        warning,
        "",
    ]
    path.write_text("\n".join(lines), "utf-8")
