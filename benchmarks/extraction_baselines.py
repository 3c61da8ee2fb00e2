"""Slot filling as others do it: what Locum's extractors are compared with.

Run in a process of its own, by a Python that has the packages::

    python -m benchmarks.extraction_baselines crf JOB OUT
    python -m benchmarks.extraction_baselines bio-encoder JOB OUT

``crf`` is a linear-chain CRF of CRFsuite (Okazaki 2007) on words, prefixes, suffixes, shapes and
their neighbours, with logistic regression on TF-IDF for the intent. ``bio-encoder`` fine-tunes an
encoder with a softmax for each token's BIO tag and one on its first state for the intent, as
JointBERT does (Chen, Zhuo and Wang 2019). JOB holds ``train`` and ``test`` lists of objects with
``tokens``, ``tags`` and ``intent``; OUT gets a list of objects with ``tags`` and ``intent``, the
seconds of training, and the microseconds of a text.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["main"]

Row = dict[str, Any]

_CRF = {"c1": 0.0, "c2": 0.1, "max_iterations": 200, "feature.possible_transitions": True}
_EPOCHS, _RATE, _BATCH, _WARM_UP = 10, 2e-4, 32, 0.1
_TIMED = 300


def crf(job: Row) -> Callable[[Sequence[str]], Row]:
    """Train CRFsuite and logistic regression; return what answers one text."""
    import pycrfsuite
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    trainer = pycrfsuite.Trainer(verbose=False)
    for row in job["train"]:
        trainer.append(_features(row["tokens"]), row["tags"])
    trainer.set_params(_CRF)
    path = str(Path(job["folder"]) / "slots.crf")
    trainer.train(path)
    tagger = pycrfsuite.Tagger()
    tagger.open(path)
    classifier = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        LogisticRegression(C=10.0, max_iter=1_000),
    )
    texts = [" ".join(row["tokens"]) for row in job["train"]]
    intents = sorted({row["intent"] for row in job["train"]})
    if len(intents) > 1:
        classifier.fit(texts, [row["intent"] for row in job["train"]])

    def answer(tokens: Sequence[str]) -> Row:
        alone = len(intents) == 1
        intent = intents[0] if alone else str(classifier.predict([" ".join(tokens)])[0])
        return {"tags": tagger.tag(_features(tokens)), "intent": intent}

    return answer


def _features(tokens: Sequence[str]) -> list[list[str]]:
    words = ["<<", "<", *(_fold(token) for token in tokens), ">", ">>"]
    shapes = ["<<", "<", *(_shape(token) for token in tokens), ">", ">>"]
    found = []
    for at in range(2, len(words) - 2):
        word = words[at]
        own = [f"w={word}", f"s={shapes[at]}"]
        own += [f"p{n}={word[:n]}" for n in range(1, 5) if len(word) >= n]
        own += [f"s{n}={word[-n:]}" for n in range(1, 5) if len(word) >= n]
        own += [f"{step}={words[at + step]}" for step in (-2, -1, 1, 2)]
        own += [f"S{step}={shapes[at + step]}" for step in (-1, 1)]
        own += [f"b-={words[at - 1]} {word}", f"b+={word} {words[at + 1]}"]
        found.append(own)
    return found


def _fold(word: str) -> str:
    folded = unicodedata.normalize("NFKC", word).casefold()
    return "".join("0" if character.isdigit() else character for character in folded)


def _shape(word: str) -> str:
    kinds = (
        "X" if c.isupper() else "x" if c.isalpha() else "d" if c.isdigit() else c for c in word
    )
    shape = ""
    for kind in kinds:
        shape += kind if kind != shape[-1:] else ""
    return shape


def bio_encoder(job: Row) -> Callable[[Sequence[str]], Row]:
    """Fine-tune an encoder for tags and intent; return what answers one text."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    torch.manual_seed(job["seed"])
    tokenizer = AutoTokenizer.from_pretrained(job["encoder"])
    model = AutoModel.from_pretrained(job["encoder"])
    tags = sorted({tag for row in job["train"] for tag in row["tags"]})
    intents = sorted({row["intent"] for row in job["train"]})
    on_tags = torch.nn.Linear(model.config.hidden_size, len(tags))
    on_intent = torch.nn.Linear(model.config.hidden_size, len(intents))
    layers = torch.nn.ModuleList([model, on_tags, on_intent])
    optimizer = torch.optim.AdamW(layers.parameters(), lr=_RATE, weight_decay=0.01)
    steps = _EPOCHS * -(-len(job["train"]) // _BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(step / (_WARM_UP * steps), (steps - step) / (steps * (1 - _WARM_UP))),
    )

    def encode(rows: Sequence[Sequence[str]]) -> tuple[Any, Any, Any]:
        batch = tokenizer(
            [list(row) for row in rows],
            is_split_into_words=True,
            padding=True,
            truncation=True,
            return_tensors="pt",
        )
        firsts = [_first_pieces(batch.word_ids(i), len(row)) for i, row in enumerate(rows)]
        states = model(batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
        return states, firsts, on_intent(states[:, 0])

    place = {tag: number for number, tag in enumerate(tags)}
    layers.train()
    for batch in _batches(job["train"], job["seed"]):
        states, firsts, intent = encode([row["tokens"] for row in batch])
        scores = torch.cat([on_tags(states[i, first]) for i, first in enumerate(firsts)])
        wanted = torch.tensor([place[tag] for row in batch for tag in row["tags"]])
        named = torch.tensor([intents.index(row["intent"]) for row in batch])
        loss = torch.nn.functional.cross_entropy(scores, wanted)
        loss = loss + torch.nn.functional.cross_entropy(intent, named)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
    layers.train(mode=False)

    def answer(tokens: Sequence[str]) -> Row:
        with torch.no_grad():
            states, firsts, intent = encode([tokens])
            best = on_tags(states[0, firsts[0]]).argmax(dim=-1).tolist()
        return {"tags": [tags[n] for n in best], "intent": intents[int(intent.argmax())]}

    return answer


def _first_pieces(words: Sequence[int | None], count: int) -> list[int]:
    first: dict[int, int] = {}
    for place, word in enumerate(words):
        if word is not None:
            first.setdefault(word, place)
    return [first.get(word, 0) for word in range(count)]


def _batches(rows: Sequence[Row], seed: int) -> Iterator[list[Row]]:
    dice = np.random.default_rng(seed)
    for _ in range(_EPOCHS):
        order = dice.permutation(len(rows)).tolist()
        for start in range(0, len(order), _BATCH):
            yield [rows[at] for at in order[start : start + _BATCH]]


def main() -> None:
    """Train, answer, and write down what was said and how long it took."""
    name, job_path, out = sys.argv[1:]
    job = json.loads(Path(job_path).read_text("utf-8"))
    started = time.perf_counter()
    answer = {"crf": crf, "bio-encoder": bio_encoder}[name](job)
    seconds = time.perf_counter() - started
    said = [answer(row["tokens"]) for row in job["test"]]
    times = []
    for row in job["test"][:_TIMED]:
        began = time.perf_counter()
        answer(row["tokens"])
        times.append(1e6 * (time.perf_counter() - began))
    found = {"said": said, "train_seconds": seconds, "p50_us": statistics.median(times)}
    Path(out).write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main()
