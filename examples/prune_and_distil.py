"""Prune and distil (Minitron; Muralidharan et al. 2024): a small language model out of a large one.

The teacher first reads some of the texts (teacher correction; Sreenivas et al. 2024): what it has
never read it can't teach. Students are the teacher with something taken away: the layers that
change their input least (ShortGPT; Men et al. 2024), the channels and neurons that the texts use
least, or both. What is left then reads other texts, and learns

hard         the next token of the text;
distilled    the teacher's distribution of it, token by token.

Printed are parameters and the loss on texts that were held out (nats a token): of the teacher, of
what was just pruned, and of both after the same tokens, with the share of the damage that each
repaired: of the way from the pruned model to its teacher. The texts are files, or folders of them,
for instance Vim's manual, which is Debian's package ``vim-runtime``::

    pip install '.[lm]'
    python -m examples.prune_and_distil --teacher HuggingFaceTB/SmolLM2-135M-Instruct \
        --texts /usr/share/vim/vim90/doc
"""

from __future__ import annotations

import argparse
import sys
from copy import deepcopy
from math import lcm
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from locum.language import (
    LanguageSettings,
    ModelTeacher,
    Packed,
    block_influence,
    cross_entropy,
    drop_layers,
    end_token,
    measure_importance,
    most_influential,
    pack,
    prune_width,
    read_documents,
    train_language_model,
)
from locum.teachers.pretrained import Pretrained, logits_of_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from locum.language import Document

MEASURED = 32  # sequences by which it is found what the texts use
STEP = 8  # sequences, which go through a model at once: each pass reads and writes all weights


class Divided(NamedTuple):
    """Sequences for the teacher to read, for students to learn from, and to measure by."""

    correction: Packed
    train: Packed
    held_out: Packed


def divide(
    documents: Sequence[Document],
    tokenizer: PreTrainedTokenizerBase,
    length: int,
    held_out: int,
    correction: int,
) -> Divided:
    """Hold every tenth document out, and give so many sequences of the others to the teacher."""
    fill = end_token(tokenizer)
    apart = pack(documents[::10], length, fill)
    rest = pack([document for at, document in enumerate(documents) if at % 10], length, fill)
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(rest.ids_SL), generator=generator).tolist()
    if len(order) <= correction:
        sys.exit(
            f"the texts hold {len(order):,} sequences of {length} tokens, expected over "
            f"{correction:,}: give more --texts, or fewer --corrections"
        )
    measured = torch.randperm(len(apart.ids_SL), generator=generator)[:held_out].tolist()
    return Divided(
        rest.some(order[:correction]), rest.some(order[correction:]), apart.some(measured)
    )


class Outcome(NamedTuple):
    """Held-out losses of a student, in nats a token."""

    parameters: int
    pruned: float
    hard: float
    distilled: float


def share(of: int, kept: float, multiple: int = 1) -> int:
    """Return a share of a size, rounded to a multiple of something."""
    return max(1, round(of * kept / multiple)) * multiple


def pruned(
    teacher: PreTrainedModel, texts: Divided, kept: float
) -> Iterator[tuple[str, PreTrainedModel]]:
    """Make students that keep a share of the layers, of the width, and of both."""
    config = teacher.config
    ids = texts.train.ids_SL[:MEASURED]
    batches = [ids[start : start + STEP] for start in range(0, len(ids), STEP)]
    layers = share(config.num_hidden_layers, kept)
    width = {
        # transformers wants whole channels for each head, and matrix units whole eights.
        "hidden": share(config.hidden_size, kept, lcm(config.num_attention_heads, 8)),
        "intermediate": share(config.intermediate_size, kept, 8),
    }
    influential = most_influential(block_influence(teacher, batches), layers)
    shallow = drop_layers(teacher, influential)
    yield "fewer layers", shallow
    yield "narrower", prune_width(teacher, measure_importance(teacher, batches), **width)
    yield "both", prune_width(shallow, measure_importance(shallow, batches), **width)


def train(
    model: PreTrainedModel, texts: Packed, teacher: ModelTeacher | None, steps: int, rate: float
) -> None:
    """Train a model, on the teacher's distributions where there is one."""
    settings = LanguageSettings(
        most_steps=steps,
        epochs=steps,
        sequences_per_step=STEP,
        sequences_per_pass=STEP,
        learning_rate=rate,
    )
    train_language_model(model.requires_grad_(), texts, teacher, settings)


def main() -> None:
    """Prune, train, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--teacher", required=True, help="folder, GGUF file, or name on the hub")
    parser.add_argument("--texts", nargs="+", required=True, help="files or folders of text")
    parser.add_argument("--keep", type=float, default=2 / 3, help="share of layers, and of width")
    parser.add_argument("--corrections", type=int, default=40, help="steps of the teacher, or 0")
    parser.add_argument("--steps", type=int, default=100, help="of students, eight sequences each")
    parser.add_argument("--length", type=int, default=128, help="tokens of a sequence")
    parser.add_argument("--held-out", type=int, default=64, help="sequences to measure by")
    parser.add_argument("--rate", type=float, default=5e-4)
    arguments = parser.parse_args()
    source = Pretrained(arguments.teacher)
    teacher = source.load("float32", "cpu")
    documents = read_documents(arguments.texts, source.tokenizer)
    texts = divide(
        documents,
        source.tokenizer,
        arguments.length,
        arguments.held_out,
        arguments.corrections * STEP,
    )
    unread = cross_entropy(teacher, texts.held_out)
    if arguments.corrections:
        train(teacher, texts.correction, None, arguments.corrections, arguments.rate / 5)
    asked = ModelTeacher(teacher, logits_of_tokens(source.tokenizer))
    outcomes: dict[str, Outcome] = {}
    for name, student in pruned(teacher, texts, arguments.keep):
        before = cross_entropy(student, texts.held_out)
        after = []
        for way, of in (("hard", None), ("distilled", asked)):
            copy = deepcopy(student)
            train(copy, texts.train, of, arguments.steps, arguments.rate)
            after.append(cross_entropy(copy, texts.held_out))
            print(f"{name}, {way}: {before:.3f} to {after[-1]:.3f}", file=sys.stderr, flush=True)
        outcomes[name] = Outcome(student.num_parameters(), before, *after)
    tokens = arguments.steps * STEP * arguments.length
    whole = cross_entropy(teacher, texts.held_out)
    print(f"loss on {texts.held_out.rows:,} held-out tokens; {tokens:,} tokens to learn from")
    print(f"the teacher's before and after it read such texts: {unread:.3f}, {whole:.3f}")
    print(f"{'student':14}{'parameters':>10}{'pruned':>8}{'hard':>14}{'distilled':>16}")
    print(f"{'(teacher)':14}{teacher.num_parameters() / 1e6:9.1f}M{whole:8.3f}")
    for name, found in outcomes.items():
        damage = found.pruned - whole
        cells = [
            f"{loss:8.3f} {(found.pruned - loss) / damage if damage > 0 else np.nan:5.0%}"
            for loss in (found.hard, found.distilled)
        ]
        print(f"{name:14}{found.parameters / 1e6:9.1f}M{found.pruned:8.3f}" + "  ".join(cells))


if __name__ == "__main__":
    main()
