"""How an encoder becomes an extractor."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.alignment import tokenize
from locum.errors import UsageError
from locum.extractors.encoder import EMISSIONS
from locum.extractors.encoder_objective import ExtractionLesson, ExtractionObjective, Layers
from locum.extractors.encoder_windows import WindowReader
from locum.extractors.heads import plan_heads
from locum.extractors.tag_lessons import tag_lessons
from locum.students.encoder_graph import (
    STATES,
    Product,
    add_outputs,
    compile_graph,
    export_states,
    replace_weights,
)
from locum.students.encoder_refusal import refusing
from locum.students.encoder_session import EMBEDDING, LOGITS, EncoderSession
from locum.students.encoder_source import load_encoder
from locum.students.encoder_tuning import Schedule, hold_out, seeded, tune
from locum.students.encoder_weights import WEIGHTS, clearly_loses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import ModelProto

    from locum.extractors.encoder import EncoderExtractor
    from locum.extractors.heads import HeadPlan, HeadTargets
    from locum.extractors.marks import Mark
    from locum.extractors.value_tokens import SpokenAnswer
    from locum.shapes import JsonValue
    from locum.students.encoder_weights import Weights

__all__ = ["FittedExtractor", "fit_encoder_extractor"]

Floats = NDArray[np.float32]

_EXAMPLES = 100
_STEPS, _BATCH = 1_500, 32
_FEWEST_EPOCHS, _MOST_EPOCHS = 4, 20


class FittedExtractor(NamedTuple):
    """What an encoder's extractor consists of.

    Args:
        heads: What they tell apart.
        marks: What spans may be.
        left_out: Texts that taught no tags.
        content: The graph with all on top of it.
        reader: Of the texts.
        tags: Of the tokens, in the order of the emissions.
        weights: How they are rounded.
        same: Share of the windows held out on which the graph is as right or wrong as in float32.
        epochs: After how many epochs training gave this state.
    """

    heads: list[HeadPlan]
    marks: tuple[Mark, ...]
    left_out: int
    content: bytes
    reader: WindowReader
    tags: tuple[str, ...]
    weights: Weights
    same: float
    epochs: int


class _Rounded(NamedTuple):
    """A graph that is rounded in a way, and how often it is as right as in float32."""

    content: bytes
    weights: Weights
    same: float


def fit_encoder_extractor(
    extractor: EncoderExtractor,
    texts: Sequence[str],
    answers: Sequence[JsonValue],
    spoken: Sequence[SpokenAnswer | None] | None,
) -> FittedExtractor:
    """Fine-tune an encoder, round it, and put everything on top of it.

    Raises:
        UsageError: There are too few texts, the encoder cannot be had, or an extra is missing.
    """
    if len(texts) < 2:
        raise UsageError(f"{len(texts)} texts: expected at least two to train an encoder on")
    source = load_encoder(extractor.encoder)
    model = source.model
    reader = WindowReader(source.tokenizer, min(extractor.max_tokens, source.most_tokens))
    lessons = tag_lessons(extractor.shape, extractor.units, texts, answers)
    planned = plan_heads(extractor.units, extractor.shape, answers)
    learning = [(plan, targets) for plan, targets in planned if len(plan.options) > 1]
    of_text = [reader.read(text, tokenize(text)) for text in texts]
    owners = np.repeat(np.arange(len(texts)), [len(windows) for windows in of_text])
    windows = [window for own in of_text for window in own]
    allowed = dict(zip(lessons.texts, lessons.allowed, strict=True))
    lesson = ExtractionLesson(
        model,
        windows,
        [
            allowed[text][window.words] if text in allowed else None
            for text, window in zip(owners.tolist(), windows, strict=True)
        ],
        [_by_text(plan, targets, spoken, len(texts))[owners] for plan, targets in learning],
    )
    held_out = hold_out(len(texts), extractor.seed)[owners]
    schedule = Schedule(
        extractor.epochs or _epochs(len(texts)),
        extractor.learning_rate,
        extractor.seconds,
        extractor.seed,
    )
    lengths = np.array([len(window.ids) for window in windows])
    with refusing(extractor.encoder, "trained"):
        with seeded(extractor.seed):
            objective = ExtractionObjective(lesson, len(lessons.tags))
        tuned = tune(model, objective, lengths, held_out, schedule)
    with refusing(extractor.encoder, "exported"):
        graph = export_states(model, reader.max_tokens)
    replace_weights(graph, tuned.weights)
    layers = tuned.state or objective.state()
    with refusing(extractor.encoder, "compiled"):
        rounded = _round(graph, layers, lesson, np.flatnonzero(held_out).tolist())
    return FittedExtractor(
        [plan for plan, _ in planned],
        lessons.marks,
        lessons.torn + lessons.rare,
        rounded.content,
        reader,
        lessons.tags,
        rounded.weights,
        rounded.same,
        tuned.epochs,
    )


def _by_text(
    plan: HeadPlan,
    targets: HeadTargets,
    spoken: Sequence[SpokenAnswer | None] | None,
    texts: int,
) -> Floats:
    """Return a head's soft labels for all texts; those without an option teach nothing."""
    soft_labels = np.zeros((texts, len(plan.options)), np.float32)
    soft_labels[targets.rows] = targets.soft_labels(plan, spoken)
    return soft_labels


def _round(
    graph: ModelProto, layers: Layers, lesson: ExtractionLesson, judged: Sequence[int]
) -> _Rounded:
    """Return the first way to round of which it is not clear that fewer windows are read right."""
    step = -(-len(lesson.windows) // _EXAMPLES)
    examples = [window.ids for window in lesson.windows[::step]]
    exact = _complete(compile_graph(graph, "float32", examples), layers)
    expected = _right(exact, lesson, judged)
    for weights in WEIGHTS[:-1]:
        content = _complete(compile_graph(graph, weights, examples), layers)
        found = _right(content, lesson, judged)
        if not clearly_loses(expected, found):
            return _Rounded(content, weights, float((expected == found).mean()))
    return _Rounded(exact, "float32", 1.0)


def _complete(graph: ModelProto, layers: Layers) -> bytes:
    products = {
        EMISSIONS: Product(STATES, *layers.tags),
        LOGITS: Product(EMBEDDING, *layers.options),
    }
    return add_outputs(graph, products)


def _right(content: bytes, lesson: ExtractionLesson, judged: Sequence[int]) -> NDArray[np.bool_]:
    """Return of which windows every tag and every head's best option is what the teacher says."""
    session = EncoderSession(content)
    ends = np.cumsum([soft_labels.shape[1] for soft_labels in lesson.soft_labels])
    return np.array([_is_right(session, lesson, ends, row) for row in judged], np.bool_)


def _is_right(
    session: EncoderSession, lesson: ExtractionLesson, ends: NDArray[np.int64], row: int
) -> bool:
    window, allowed = lesson.windows[row], lesson.allowed[row]
    emissions, logits = session.run_one(window.ids, [EMISSIONS, LOGITS])
    if allowed is not None:
        tags = emissions[0, window.places].argmax(axis=-1)
        if not allowed[np.arange(len(tags)), tags].all():
            return False
    parts = np.split(logits[0], ends[:-1]) if len(ends) else []
    return all(
        part.argmax() == soft_labels[row].argmax() or not soft_labels[row].any()
        for part, soft_labels in zip(parts, lesson.soft_labels, strict=True)
    )


def _epochs(texts: int) -> int:
    """Return passes that come to about 1,500 steps, 4 at least and 20 at most."""
    return min(max(_FEWEST_EPOCHS, -(-_STEPS * _BATCH // texts)), _MOST_EPOCHS)
