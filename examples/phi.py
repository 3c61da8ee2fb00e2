"""Phi's recipe (Gunasekar et al. 2023) in small: to learn what a larger model wrote.

The teacher goes on from the beginnings of texts, at temperature 1. A student with some of its
layers then learns what follows these beginnings,

people     as the texts' authors wrote it;
teacher    as the teacher wrote it (sequence-level distillation; Kim and Rush 2016);
both ways  as the teacher wrote it, and at each token what else it might have written.

Printed is the loss (nats a token) on continuations of other texts, written by people and by the
teacher. All students see the same beginnings. The texts are files, or folders of them, for instance
Vim's manual, which is Debian's package ``vim-runtime``::

    pip install '.[lm]'
    python -m examples.phi --teacher HuggingFaceTB/SmolLM2-135M-Instruct \
        --texts /usr/share/vim/vim90/doc
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import numpy as np
import torch

from locum.language import (
    Document,
    LanguageSettings,
    ModelTeacher,
    Packed,
    cross_entropy,
    drop_layers,
    end_token,
    pack,
    read_documents,
    train_language_model,
)
from locum.teachers.pretrained import Pretrained, logits_of_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel

WRITTEN_AT_ONCE, PASS = 32, 4


def passages(documents: Sequence[Document], length: int, number: int) -> list[list[int]]:
    """Draw pieces of so many tokens from texts."""
    pieces = [
        document.tokens[start : start + length]
        for document in documents
        for start in range(0, len(document.tokens) - length + 1, length)
    ]
    if len(pieces) < number:
        sys.exit(
            f"the texts hold {len(pieces):,} pieces of {length} tokens, expected {number:,}: give "
            "more --texts, or a smaller --train or --held-out"
        )
    order = np.random.default_rng(0).permutation(len(pieces))[:number]
    return [pieces[at] for at in order.tolist()]


def write(
    teacher: PreTrainedModel, beginnings: Sequence[list[int]], tokens: int, end: int
) -> list[list[int]]:
    """Let the teacher go on from beginnings of one length, each by so many tokens or to its end."""
    torch.manual_seed(0)
    written: list[list[int]] = []
    for start in range(0, len(beginnings), WRITTEN_AT_ONCE):
        ids = torch.tensor(beginnings[start : start + WRITTEN_AT_ONCE])
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            whole = teacher.generate(  # type: ignore[operator]
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                do_sample=True,
                temperature=1.0,
                top_k=0,
                top_p=1.0,
                max_new_tokens=tokens,
                pad_token_id=end,
                eos_token_id=end,
            )
        rows = whole[:, ids.shape[1] :].tolist()
        written += [row[: row.index(end) + 1] if end in row else row for row in rows]
        print(f"{len(written):,} of {len(beginnings):,} written", file=sys.stderr, flush=True)
    return written


def packed(beginnings: Sequence[list[int]], continuations: Sequence[list[int]], end: int) -> Packed:
    """Return sequences of which the continuations are learned, and the beginnings are read."""
    documents = [
        Document(first + then, [False] * len(first) + [True] * len(then))
        for first, then in zip(beginnings, continuations, strict=True)
    ]
    longest = max(len(document.tokens) for document in documents)
    return pack(documents, 2 * longest, end)


def main() -> None:
    """Write, train, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--teacher", required=True, help="folder, GGUF file, or name on the hub")
    parser.add_argument("--texts", nargs="+", required=True, help="files or folders of text")
    parser.add_argument("--layers", type=int, help="of the student; by default a third")
    parser.add_argument("--train", type=int, default=512, help="beginnings to learn from")
    parser.add_argument("--held-out", type=int, default=64, help="beginnings to measure by")
    parser.add_argument("--beginning", type=int, default=32, help="tokens of a beginning")
    parser.add_argument("--continuation", type=int, default=64, help="tokens after it")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=5e-4)
    arguments = parser.parse_args()
    source = Pretrained(arguments.teacher)
    teacher = source.load("float32", "cpu")
    end, first = end_token(source.tokenizer), arguments.beginning
    whole = passages(
        read_documents(arguments.texts, source.tokenizer),
        first + arguments.continuation,
        arguments.train + arguments.held_out,
    )
    beginnings = [piece[:first] for piece in whole]
    people = [piece[first:] for piece in whole]
    written = write(teacher, beginnings, arguments.continuation, end)
    learn, measure = slice(arguments.train), slice(arguments.train, None)
    of_people, of_teacher = (
        packed(beginnings[learn], texts[learn], end) for texts in (people, written)
    )
    held_out = [packed(beginnings[measure], texts[measure], end) for texts in (people, written)]
    settings = LanguageSettings(
        epochs=arguments.epochs,
        sequences_per_step=PASS,
        sequences_per_pass=PASS,
        learning_rate=arguments.rate,
    )
    layers = arguments.layers or max(1, teacher.config.num_hidden_layers // 3)
    asked = ModelTeacher(teacher, logits_of_tokens(source.tokenizer))
    rows = {"(teacher)": teacher, "before": drop_layers(teacher, layers)}
    for name, texts, of in (
        ("people", of_people, None),
        ("teacher", of_teacher, None),
        ("both ways", of_teacher, asked),
    ):
        rows[name] = drop_layers(teacher, layers)
        train_language_model(rows[name].requires_grad_(), texts, of, settings)
        print(f"{name}: trained", file=sys.stderr, flush=True)
    print(
        f"{rows['before'].num_parameters() / 1e6:.1f}M of {teacher.num_parameters() / 1e6:.1f}M "
        f"parameters; {of_people.rows:,} tokens of people, {of_teacher.rows:,} of the teacher, "
        f"{arguments.epochs} times"
    )
    print(f"{'learned from':14}{'loss on people':>16}{'on the teacher':>16}")
    for name, model in rows.items():
        print(f"{name:14}" + "".join(f"{cross_entropy(model, some):16.3f}" for some in held_out))


if __name__ == "__main__":
    main()
