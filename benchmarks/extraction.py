"""Slots and intents as one JSON: Locum's extractors beside a CRF and a BIO-tagging encoder.

On SNIPS and CoNLL-2003 (``benchmarks/extraction_sets.py`` says where from). Locum distils the
training texts with a seed for their division: 60% train, 12% validation, 20% certify and 8% test;
the baselines learn from the same train and validation texts. All are judged on the texts that the
set has to test on, which none has seen: F1 of slots by exact spans, as CoNLL's script counts them;
accuracy of the intent; and the share of texts of which all is right, intent and slots. Certified
coverage is that of whole objects, at 95% agreement with 95% confidence.

    python -m benchmarks.extraction --set snips --data FOLDER --encoder FOLDER --out FILE.jsonl
    python -m benchmarks.extraction --out FILE.jsonl --print

FOLDER of the encoder holds one such as all-MiniLM-L6-v2. ``--peers`` is a Python that has
``python-crfsuite scikit-learn torch transformers``. A run goes on where the last was stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.extraction_sets import SETS, slot_name
from benchmarks.intervals import interval
from benchmarks.result_lines import add_result, read_results
from locum.alignment import tokenize
from locum.distillation import divide
from locum.extraction import distill_extraction
from locum.extraction.answers import build_answer_pool
from locum.extraction.summary import strata
from locum.extractors import meaning
from locum.schema import Example
from locum.shapes import Checker, ExtractionTask

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.extraction_sets import ExtractionSet, TaggedText
    from locum.export import CertifiedExtractor

__all__ = ["main"]

Slots = set[tuple[str, int, int]]

CONTENDERS = ("linear", "encoder", "crf", "bio-encoder")
COLUMNS = {
    "slot_f1": ("slot F1", 3),
    "intent": ("intent accuracy", 3),
    "exact": ("exact object", 3),
    "certified": ("certified coverage", 3),
    "answered": ("answers", 3),
    "answered_agreement": ("right there", 3),
    "train_seconds": ("training s", 0),
    "size_mb": ("disk MB", 1),
    "p50_us": ("p50 us", 0),
    "p99_us": ("p99 us", 0),
    "texts_per_s": ("texts/s", 0),
}


def run(arguments: argparse.Namespace) -> None:
    """Run what has no result yet."""
    done = {(r["set"], r["contender"], r["seed"]) for r in read_results(arguments.out)}
    tagged = SETS[arguments.set](arguments.data)
    for seed in range(arguments.seeds):
        for name in arguments.contenders:
            if (arguments.set, name, seed) in done:
                continue
            print(f"{arguments.set}, {name}, seed {seed} ...", file=sys.stderr, flush=True)
            judge = locum_figures if name in {"linear", "encoder"} else baseline_figures
            figures = judge(name, tagged, seed, arguments)
            key = {"set": arguments.set, "contender": name, "seed": seed}
            add_result(arguments.out, key | {"figures": figures})


def locum_figures(
    name: str, tagged: ExtractionSet, seed: int, arguments: argparse.Namespace
) -> dict[str, float]:
    """Distil the training texts, and judge the student on the others."""
    task = ExtractionTask("task", tagged.schema)
    result = distill_extraction(
        task,
        _examples(tagged),
        family=name,
        encoder=str(arguments.encoder),
        seconds=60 * arguments.minutes,
        seed=seed,
    )
    if result.student is None or result.facts is None:
        raise SystemExit(f"{name}, seed {seed}: {result.decision.reason}")
    figures = _judged(result.student, tagged)
    certificate = result.certificate
    figures["certified"] = certificate.coverage if certificate else 0.0
    figures["train_seconds"] = result.facts.train_seconds
    figures["size_mb"] = result.facts.size_bytes / 1e6
    return figures


def _examples(tagged: ExtractionSet) -> list[Example]:
    pairs = zip(tagged.train, tagged.train_answers, strict=True)
    return [Example(text.text, json.dumps(answer)) for text, answer in pairs]


def _judged(student: CertifiedExtractor, tagged: ExtractionSet) -> dict[str, float]:
    checker = Checker(tagged.schema)
    texts = [text.text for text in tagged.test]
    readings = [student.model.read(text) for text in texts]
    assert all(r.value is None or checker.is_valid(r.value) for r in readings)
    wanted = [meaning(answer, set()) for answer in tagged.test_answers]
    right = [
        r.value is not None and meaning(r.value, set()) == w
        for r, w in zip(readings, wanted, strict=True)
    ]
    intents = [
        r.value is not None and r.value.get("intent", "") == t.intent
        for r, t in zip(readings, tagged.test, strict=True)
    ]
    spans = [
        {(slot_name(mark), start, end) for mark, start, end in reading.marked_characters()}
        for reading in readings
    ]
    answers = [student.answer_text(text) is not None for text in texts]
    times = _times(student, texts)
    answered = np.array(answers)
    return {
        "slot_f1": slot_f1(spans, [set(text.slots) for text in tagged.test]),
        "intent": float(np.mean(intents)),
        "exact": float(np.mean(right)),
        "answered": float(answered.mean()),
        "answered_agreement": float(np.array(right)[answered].mean()),
        **times,
    }


def _times(student: CertifiedExtractor, texts: Sequence[str]) -> dict[str, float]:
    """Least of three times for each text, and texts a second over all of them."""
    least = []
    for text in texts[:300]:
        rounds = []
        for _ in range(3):
            began = time.perf_counter()
            student.answer_text(text)
            rounds.append(time.perf_counter() - began)
        least.append(1e6 * min(rounds))
    began = time.perf_counter()
    for text in texts:
        student.answer_text(text)
    rate = len(texts) / (time.perf_counter() - began)
    p50, p99 = np.percentile(least, [50, 99]).tolist()
    return {"p50_us": p50, "p99_us": p99, "texts_per_s": rate}


def baseline_figures(
    name: str, tagged: ExtractionSet, seed: int, arguments: argparse.Namespace
) -> dict[str, float]:
    """Train a baseline on the same texts, and judge it on the others."""
    task = ExtractionTask("task", tagged.schema)
    examples = _examples(tagged)
    pool = build_answer_pool(task, examples, [example.answer for example in examples])
    rows = divide(pool.examples, strata(task, pool), seed).splits.rows
    learned = np.sort(np.concatenate([rows["train"], rows["validation"]])).tolist()
    with tempfile.TemporaryDirectory() as scratch:
        job = {
            "train": [_bio(tagged.train[row]) for row in learned],
            "test": [_bio(text) for text in tagged.test],
            "seed": seed,
            "encoder": str(arguments.encoder),
            "folder": scratch,
        }
        paths = [Path(scratch) / "job.json", Path(scratch) / "out.json"]
        paths[0].write_text(json.dumps(job), "utf-8")
        subprocess.run(
            [arguments.peers, "-m", "benchmarks.extraction_baselines", name, *map(str, paths)],
            cwd=Path(__file__).parent.parent,
            env=os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
            check=True,
        )
        found = json.loads(paths[1].read_text("utf-8"))
    return _baseline_judged(found, tagged)


def _baseline_judged(found: dict[str, Any], tagged: ExtractionSet) -> dict[str, float]:
    spans = [
        _spans(said["tags"], text) for said, text in zip(found["said"], tagged.test, strict=True)
    ]
    intents = [s["intent"] == t.intent for s, t in zip(found["said"], tagged.test, strict=True)]
    known = [set(text.slots) for text in tagged.test]
    exact = [i and s == k for i, s, k in zip(intents, spans, known, strict=True)]
    return {
        "slot_f1": slot_f1(spans, known),
        "intent": float(np.mean(intents)),
        "exact": float(np.mean(exact)),
        "train_seconds": found["train_seconds"],
        "p50_us": found["p50_us"],
    }


def _bio(text: TaggedText) -> dict[str, Any]:
    """Return a text as tokens with their tags."""
    tokens = tokenize(text.text)
    tags = ["O"] * len(tokens)
    for name, start, end in text.slots:
        inside = [n for n, token in enumerate(tokens) if token.start >= start and token.end <= end]
        for place, number in enumerate(inside):
            tags[number] = f"{'I' if place else 'B'}-{name}"
    return {"tokens": [token.text for token in tokens], "tags": tags, "intent": text.intent}


def _spans(tags: Sequence[str], text: TaggedText) -> Slots:
    """Return the spans of tags in characters, as CoNLL's script reads them."""
    tokens = tokenize(text.text)
    found: list[tuple[str, int, int]] = []
    before = "O"
    for tag, token in zip(tags, tokens, strict=True):
        name = tag[2:]
        if tag.startswith("I-") and before[2:] == name:
            found[-1] = (name, found[-1][1], token.end)
        elif tag != "O":
            found.append((name, token.start, token.end))
        before = tag
    return set(found)


def slot_f1(found: Iterable[Slots], known: Iterable[Slots]) -> float:
    """Return the F1 of spans over all texts."""
    pairs = list(zip(found, known, strict=True))
    hits = sum(len(one & other) for one, other in pairs)
    said, wanted = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))
    return 2 * hits / (said + wanted)


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Print a Markdown table for each set: means over seeds with 95% intervals."""
    for name in dict.fromkeys(row["set"] for row in rows):
        print(f"\n## {name}\n")
        _print_set([row for row in rows if row["set"] == name])


def _print_set(rows: Sequence[dict[str, Any]]) -> None:
    heads = ["student", *(head for head, _ in COLUMNS.values())]
    print("| " + " | ".join(heads) + " |")
    print("|---" * len(heads) + "|")
    for name in dict.fromkeys(row["contender"] for row in rows):
        figures = [row["figures"] for row in rows if row["contender"] == name]
        cells = []
        for column, (_, digits) in COLUMNS.items():
            values = [one[column] for one in figures if column in one]
            cells.append(interval(values, digits) if values else "")
        print("| " + " | ".join([f"{name} ({len(figures)} seeds)", *cells]) + " |")


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", choices=SETS, default="snips", help="which set to run")
    parser.add_argument("--data", type=Path, help="folder of that set")
    parser.add_argument("--encoder", type=Path, help="folder of an encoder")
    parser.add_argument("--peers", default=sys.executable, help="Python that has the others")
    parser.add_argument("--contenders", type=lambda text: text.split(","), default=CONTENDERS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=60, help="that training may take")
    parser.add_argument("--out", type=Path, required=True, help="file of results, a line each")
    parser.add_argument("--print", action="store_true", help="print what is there, and run nothing")
    arguments = parser.parse_args()
    if not arguments.print:
        run(arguments)
    print_table(read_results(arguments.out))


if __name__ == "__main__":
    main()
