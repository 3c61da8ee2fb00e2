"""How an encoder student is made of an encoder and inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from locum.errors import UsageError
from locum.students.encoder_graph import (
    add_head,
    compile_graph,
    export_graph,
    replace_head,
    replace_weights,
)
from locum.students.encoder_head import Scale, choose_l2, fit_head
from locum.students.encoder_label_objective import LabelLesson, LabelObjective
from locum.students.encoder_layers import drop_layers
from locum.students.encoder_novelty import EmbeddingNovelty
from locum.students.encoder_pooling import last_width
from locum.students.encoder_refusal import check_finite, refusing
from locum.students.encoder_session import EncoderSession
from locum.students.encoder_source import load_encoder
from locum.students.encoder_tokens import TokenReader
from locum.students.encoder_tuning import Schedule, hold_out, seeded, tune
from locum.students.encoder_weights import WEIGHTS, clearly_loses
from locum.students.softmax_regression import build_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnx import ModelProto

    from locum.students.encoder import EncoderStudent
    from locum.students.encoder_head import Head
    from locum.students.encoder_tuning import TunedEncoder
    from locum.students.encoder_weights import Weights
    from locum.students.softmax_regression import Term

__all__ = ["EncoderFitting", "FittedEncoder", "learn_head_again"]

Floats = NDArray[np.float32]

_MOST_FOR_NOVELTY = 5_000
_EXAMPLES = 100
_MOST_FOR_ROUNDING = 2_000


class FittedEncoder(NamedTuple):
    """What an encoder student consists of, and what is known of it.

    Args:
        content: The graph with the head.
        reader: Of the texts.
        novelty: Of embeddings.
        weights: How they are rounded.
        same_label: Share of the inputs held out to which the graph gives the same label as the
            same in float32 does.
        loss: By how much less it agrees with the teacher there, as a share.
        epochs: After how many epochs training gave this state.
        penalty: Of the head, against the sum of the losses of the inputs.
    """

    content: bytes
    reader: TokenReader
    novelty: EmbeddingNovelty
    weights: Weights
    same_label: float
    loss: float
    epochs: int
    penalty: float


class _Compiled(NamedTuple):
    """A graph without a head, ready to be run."""

    graph: ModelProto
    session: EncoderSession


class _Rounding(NamedTuple):
    """A way to round, with what it does to the inputs held out."""

    weights: Weights
    compiled: _Compiled
    same_label: float
    loss: float


class EncoderFitting:
    """Makes a student of an encoder and inputs; see `EncoderStudent`."""

    def __init__(
        self,
        student: EncoderStudent,
        inputs: Sequence[str],
        soft_labels: NDArray[np.float64],
        human_labels: NDArray[np.integer] | None,
    ) -> None:
        if len(inputs) < 2:
            raise UsageError(f"{len(inputs)} inputs: expected at least two to train an encoder on")
        self._student = student
        source = load_encoder(student.encoder)
        self._pooling = source.pooling
        self._model = drop_layers(source.model, student.layers) if student.layers else source.model
        self._reader = TokenReader(source.tokenizer, min(student.max_tokens, source.most_tokens))
        self._rows = self._reader.read(inputs)
        self._soft = soft_labels.astype(np.float32)
        self._terms = build_terms(
            soft_labels, human_labels, student.temperature, student.human_weight
        )
        self._answers = soft_labels.argmax(axis=1)
        self._held_out = hold_out(len(inputs), student.seed)
        with refusing(student.encoder, "exported"):
            self._graph = export_graph(self._model, self._pooling, self._reader.max_tokens)
            self._width = last_width(self._model)

    def run(self) -> FittedEncoder:
        """Learn a head, then train the encoder if that is wanted, then choose the rounding."""
        first = self._compile("int8")
        embeddings = first.session.embed(self._rows)
        check_finite(self._student.encoder, embeddings)
        l2 = choose_l2(embeddings, self._terms, self._held_out)
        tuned = self._tune(embeddings, l2)
        if tuned is not None and tuned.state is not None:
            head = tuned.state
            replace_weights(self._graph, tuned.weights)
            rounding = self._choose_rounding(self._compile("int8"), lambda _: head)
            return self._finish(rounding, head, tuned.epochs, l2)
        rounding = self._choose_rounding(first, lambda session: self._sample_head(session, l2))
        if rounding.weights != "int8":
            embeddings = rounding.compiled.session.embed(self._rows)
        return self._finish(rounding, fit_head(embeddings, self._terms, l2), 0, l2)

    def _tune(self, embeddings: Floats, l2: float) -> TunedEncoder[Head] | None:
        student = self._student
        if not student.epochs:
            return None
        head = fit_head(embeddings[~self._held_out], self._terms_of(~self._held_out), l2)
        scale = Scale.of(embeddings)
        lesson = LabelLesson(
            self._model, self._pooling, head, scale, self._rows, self._terms, self._soft
        )
        schedule = Schedule(student.epochs, student.learning_rate, student.seconds, student.seed)
        lengths = np.array([len(row) for row in self._rows])
        with refusing(student.encoder, "trained"), seeded(student.seed):
            objective = LabelObjective(lesson)
            return tune(self._model, objective, lengths, self._held_out, schedule)

    def _compile(self, weights: Weights) -> _Compiled:
        step = -(-len(self._rows) // _EXAMPLES)
        with refusing(self._student.encoder, f"compiled ({weights})"):
            graph = compile_graph(self._graph, weights, self._rows[::step])
        return _Compiled(graph, EncoderSession(graph.SerializeToString()))

    def _choose_rounding(
        self, first: _Compiled, head_of: Callable[[EncoderSession], Head]
    ) -> _Rounding:
        """Return the first way to round of which it is not clear that it agrees less.

        Args:
            first: The graph in 8 bits.
            head_of: Gives the head that a graph is judged with.
        """
        held_out = np.flatnonzero(self._held_out).tolist()
        rows, answers = [self._rows[row] for row in held_out], self._answers[held_out]
        exact = self._compile("float32")
        expected = head_of(exact.session).logits(exact.session.embed(rows)).argmax(axis=1)
        for weights in WEIGHTS[:-1]:
            compiled = first if weights == "int8" else self._compile(weights)
            session = compiled.session
            found = head_of(session).logits(session.embed(rows)).argmax(axis=1)
            right, still = expected == answers, found == answers
            if not clearly_loses(right, still):
                same = float((found == expected).mean())
                return _Rounding(weights, compiled, same, float(right.mean() - still.mean()))
        return _Rounding("float32", exact, 1.0, 0.0)

    def _sample_head(self, session: EncoderSession, l2: float) -> Head:
        """Return a head of a graph, learned from at most 2,000 inputs that are not held out."""
        known = np.flatnonzero(~self._held_out)
        some = known[:: -(-len(known) // _MOST_FOR_ROUNDING)]
        embeddings = session.embed([self._rows[row] for row in some.tolist()])
        return fit_head(embeddings, self._terms_of(some), l2 * len(known) / len(some))

    def _finish(self, rounding: _Rounding, head: Head, epochs: int, l2: float) -> FittedEncoder:
        step = _novelty_step(len(self._rows))
        embeddings = rounding.compiled.session.embed(self._rows[::step])
        return FittedEncoder(
            content=add_head(rounding.compiled.graph, *head),
            reader=self._reader,
            novelty=EmbeddingNovelty.fit(embeddings, self._answers[::step], self._width),
            weights=rounding.weights,
            same_label=rounding.same_label,
            loss=rounding.loss,
            epochs=epochs,
            penalty=l2 * len(self._rows),
        )

    def _terms_of(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> list[Term]:
        return [term._replace(targets=term.targets[chosen]) for term in self._terms]


def learn_head_again(
    content: bytes,
    embeddings: Floats,
    terms: Sequence[Term],
    answers: NDArray[np.int64],
    penalty: float,
    width: int,
) -> tuple[bytes, EmbeddingNovelty]:
    """Return a graph with a head that learned from other inputs, and their novelty.

    Args:
        content: The graph with its head.
        embeddings: Of the inputs by that graph, ``[N, d]``.
        terms: What is to be learned of them.
        answers: Index of the teacher's label of each, ``[N]``.
        penalty: Of the head, against the sum of the losses of the inputs.
        width: Of what novelty is told by.
    """
    head = fit_head(embeddings, terms, penalty / len(embeddings))
    step = _novelty_step(len(embeddings))
    novelty = EmbeddingNovelty.fit(embeddings[::step], answers[::step], width)
    return replace_head(content, *head), novelty


def _novelty_step(inputs: int) -> int:
    """Every so many inputs are looked at to tell strange ones."""
    return -(-inputs // _MOST_FOR_NOVELTY)
