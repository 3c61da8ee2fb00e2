"""Ways to teach a language model, side by side: the same student, the same texts, the same tokens.

The student is a copy of the teacher with those layers that change most what passes through them.
The texts are descriptions of Debian's packages by people, the same sequences in the same order for
every way:

hard        the tokens of the texts
offline     the teacher's 50 likeliest tokens of each, kept on disk with the mass of all others
drawn       50 draws from the teacher of each, kept on disk
online      all of the teacher's distribution
on-policy   the same, and in half of the steps on what the student itself writes

A teacher that has read little of such texts is first trained on others of them for
``--corrections`` steps ("teacher correction"; Sreenivas et al. 2024, LLM Pruning and Distillation
in Practice, section 3.1); 0 for the teacher as it is.

What is measured is the cross-entropy of texts that were held out, in nats a token, as training goes
on; and the tokens that a second of training takes, the filling of a cache counted apart. Rows are
by the tokens of the texts: on policy the student learns from fewer, where it ends a text sooner.

    python -m benchmarks.language_models --teacher FOLDER --out FILE.jsonl
    python -m benchmarks.language_models --out FILE.jsonl --print

Needs ``pip install 'locum[lm]'`` and Debian's package index, see
``benchmarks/debian_descriptions.py``. It goes on where it was stopped, a way and seed at a time.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from benchmarks.debian_descriptions import read_descriptions
from benchmarks.intervals import interval
from benchmarks.result_lines import add_result, read_results
from locum.dataset import find_groups
from locum.language import (
    CachedTeacher,
    DistributionCache,
    DrawnTokens,
    LanguageSettings,
    ModelTeacher,
    TopTokens,
    block_influence,
    cross_entropy,
    drop_layers,
    end_token,
    fill_cache,
    most_influential,
    pack,
    passage,
    train_language_model,
)
from locum.teachers.pretrained import Pretrained, logits_of_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from locum.language import Packed, TrainingStep
    from locum.language.teachers import TokenTeacher

WAYS = ("hard", "offline", "drawn", "online", "on-policy")
KEPT: dict[str, TopTokens | DrawnTokens] = {"offline": TopTokens(50), "drawn": DrawnTokens(50)}
HELD_OUT = 48
DESCRIPTIONS = 8_000


class Lesson(NamedTuple):
    """What every way has in common."""

    train: Packed
    held_out: Packed
    teacher: PreTrainedModel
    student: PreTrainedModel
    vocabulary: int
    settings: LanguageSettings


def prepare(seed: int, arguments: argparse.Namespace) -> Lesson:
    """Draw texts, correct the teacher, and make the student of it."""
    source = Pretrained(arguments.teacher)
    vocabulary = logits_of_tokens(source.tokenizer)
    settings = LanguageSettings(
        sequences_per_step=arguments.step_sequences,
        sequences_per_pass=arguments.step_sequences,
        learning_rate=arguments.learning_rate,
        measure_every=arguments.measure_every,
        seed=seed,
    )
    wanted = arguments.steps * arguments.step_sequences
    spare = arguments.corrections * arguments.step_sequences
    packed = read_texts(source.tokenizer, HELD_OUT + wanted + spare, arguments.length, seed)
    held_out, train, rest = (
        packed.some(slice(*ends))
        for ends in ((0, HELD_OUT), (HELD_OUT, HELD_OUT + wanted), (HELD_OUT + wanted, None))
    )
    teacher = source.load("float32", "cpu")
    if arguments.corrections:
        slower = replace(settings, learning_rate=arguments.learning_rate / 5, measure_every=0)
        steps = train_language_model(
            teacher, rest, None, slower, vocabulary=vocabulary, held_out=held_out
        ).steps
        print(f"teacher corrected: {steps[0].held_out:.4f} to {steps[-1].held_out:.4f}", flush=True)
    batches = [train.ids_SL[start : start + 4] for start in range(0, 32, 4)]
    kept = most_influential(block_influence(teacher, batches), arguments.layers)
    print(f"layers kept: {kept}", flush=True)
    student = drop_layers(teacher, kept)
    return Lesson(train, held_out, teacher.bfloat16(), student, vocabulary, settings)


def read_texts(
    tokenizer: PreTrainedTokenizerBase, sequences: int, length: int, seed: int
) -> Packed:
    """Draw descriptions, without near-copies of one another."""
    dice = np.random.default_rng(seed)
    found = read_descriptions()
    texts = [found[n].text for n in dice.permutation(len(found))[:DESCRIPTIONS]]
    _, first = np.unique(find_groups(texts).group, return_index=True)
    documents = [passage(texts[n], tokenizer) for n in dice.permutation(first)]
    packed = pack(documents, length, end_token(tokenizer))
    order = dice.permutation(len(packed.ids_SL)).tolist()
    if len(order) < sequences:
        raise SystemExit(f"{len(order):,} sequences of texts, {sequences:,} are needed")
    return packed.some(order[:sequences])


def run_way(way: str, lesson: Lesson, cache_folder: Path) -> dict[str, Any]:
    """Train a student; return its curve and what it took."""
    asked = ModelTeacher(lesson.teacher, lesson.vocabulary, "the teacher of this run")
    filled, bytes_a_token = 0.0, None
    teacher: TokenTeacher | None = None if way == "hard" else asked
    if way in KEPT:
        cache = DistributionCache(
            cache_folder,
            teacher=asked.fingerprint,
            vocabulary=lesson.vocabulary,
            settings=KEPT[way],
        )
        start = time.perf_counter()
        fill_cache(cache, lesson.train, asked)
        filled = time.perf_counter() - start
        bytes_a_token = cache.size_in_bytes / cache.rows
        teacher = CachedTeacher(cache)
    student = copy.deepcopy(lesson.student).requires_grad_(requires_grad=True)
    settings = replace(lesson.settings, on_policy_share=0.5 if way == "on-policy" else 0.0)

    def tell(step: TrainingStep, of: int) -> None:
        if step.held_out is not None:
            print(f"{way} step {step.number}/{of}: {step.held_out:.4f}", flush=True)

    done = train_language_model(
        student,
        lesson.train,
        teacher,
        settings,
        vocabulary=lesson.vocabulary,
        held_out=lesson.held_out,
        tell=tell,
    )
    last = done.steps[-1]
    return {
        "way": way,
        "seed": settings.seed,
        "layers": student.config.num_hidden_layers,
        "parameters": student.num_parameters(),
        "teacher_parameters": lesson.teacher.num_parameters(),
        "curve": [(step.tokens, step.held_out) for step in done.steps if step.held_out is not None],
        "teacher_held_out": cross_entropy(
            lesson.teacher, lesson.held_out, vocabulary=lesson.vocabulary
        ),
        "tokens_per_second": last.tokens / last.seconds,
        "filling_seconds": filled,
        "bytes_per_token": bytes_a_token,
    }


def print_results(path: Path) -> None:
    """Print curves and rates, means over seeds."""
    results = read_results(path)
    seeds = sorted({result["seed"] for result in results})
    known = [way for way in WAYS if any(result["way"] == way for result in results)]
    first = results[0]
    print(
        f"{first['parameters']:,} of the teacher's {first['teacher_parameters']:,} parameters, "
        f"{first['layers']} layers; seeds {', '.join(map(str, seeds))}"
    )
    print(f"held-out loss of the teacher: {_mean(results, 'teacher_held_out'):.4f}")
    marks = [tokens for tokens, _ in first["curve"]]
    print(f"{'tokens':>10}" + "".join(f"{way:>18}" for way in known))
    for place, tokens in enumerate(marks):
        shown = [
            interval([r["curve"][place][1] for r in results if r["way"] == way], 4) for way in known
        ]
        print(f"{tokens:>10,}" + "".join(f"{cell:>18}" for cell in shown))
    by_way = {way: [result for result in results if result["way"] == way] for way in known}
    learned = {way: np.mean([r["curve"][-1][0] for r in some]) for way, some in by_way.items()}
    print("tokens learned from: " + ", ".join(f"{way} {n:,.0f}" for way, n in learned.items()))
    for name, form in (
        ("tokens_per_second", ",.0f"),
        ("filling_seconds", ",.0f"),
        ("bytes_per_token", ",.1f"),
    ):
        cells = [
            f"{way} {_mean(some, name):{form}}"
            for way, some in by_way.items()
            if some[0][name] is not None
        ]
        print(f"{name.replace('_', ' ')}: {', '.join(cells)}")


def _mean(results: list[dict[str, Any]], name: str) -> float:
    return float(np.mean([result[name] for result in results]))


def main() -> None:
    """Run what is missing, or print what there is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--teacher", help="folder of a language model")
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--corrections", type=int, default=40, help="steps of the teacher")
    parser.add_argument("--step-sequences", type=int, default=8)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--measure-every", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--print", action="store_true")
    arguments = parser.parse_args()
    if arguments.print:
        print_results(arguments.out)
        return
    torch.set_num_threads(arguments.threads)
    done = {(result["way"], result["seed"]) for result in read_results(arguments.out)}
    for seed in range(arguments.seeds):
        missing = [way for way in arguments.ways if (way, seed) not in done]
        if not missing:
            continue
        lesson = prepare(seed, arguments)
        for way in missing:
            with tempfile.TemporaryDirectory() as folder:
                add_result(arguments.out, run_way(way, lesson, Path(folder)))
    print_results(arguments.out)


if __name__ == "__main__":
    main()
