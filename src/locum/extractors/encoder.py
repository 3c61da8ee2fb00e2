"""Extractors made of an encoder that was fine-tuned to tag tokens; run in 8 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import orjson

from locum.alignment import tokenize
from locum.errors import ArtefactError, UsageError
from locum.extractors.assembly import find_absences
from locum.extractors.encoder_windows import WindowReader
from locum.extractors.fractions import find_fractional
from locum.extractors.heads import Head
from locum.extractors.protocol import Extractor, Learned, Said, check_answered
from locum.extractors.tag_set import TagSet
from locum.extractors.tagging import Tagging
from locum.losses import softmax
from locum.students import MAX_CHARACTERS
from locum.students.encoder_check import check_graph
from locum.students.encoder_session import LOGITS, EncoderSession
from locum.students.encoder_source import shown_name
from locum.students.encoder_tokens import LEAST_TOKENS
from locum.students.encoder_weights import WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from locum.alignment import ExtractionPlan
    from locum.extractors.encoder_fitting import FittedExtractor
    from locum.extractors.value_tokens import SpokenAnswer
    from locum.shapes import JsonValue

__all__ = ["EMISSIONS", "EncoderExtractor"]

EMISSIONS = "emissions"

_GRAPH, _TOKENIZER, _FACTS = "model.onnx", "tokenizer.json", "encoder.json"
_CERTAIN = np.ones(1)
_NEVER = -30.0


class EncoderExtractor(Extractor):
    """An encoder with a tag for each token, and heads on the mean of its states.

    All is trained together (see `ExtractionObjective` and `locum.students.encoder_tuning.tune`). A
    tenth of the texts is held out to stop early and to judge the rounding; of the weights so many
    stay in float32 that no more than half a point of the held-out windows is clearly lost.

    A text that is longer than the encoder's window is read in windows that overlap. Tags may follow
    each other as spans do: the most probable such sequence is what is read.

    Args:
        schema: JSON Schema of the answers.
        plan: How their fields are to be had.
        encoder: A folder that holds an encoder as transformers or sentence-transformers writes it,
            or its name on the Hugging Face hub.
        epochs: Passes over the texts; by default as many as take about 1,500 steps of 32 texts, 4
            at least and 20 at most.
        learning_rate: Highest rate of the encoder's weights.
        max_tokens: Of a window, or as many as the encoder has positions for.
        seconds: Training ends after so many; what was best until then is kept. No bound by default.
        seed: Of the texts held out, the order of the others, and dropout.
    """

    family: ClassVar[str] = "encoder"
    extra: ClassVar[str] = "onnx"

    def __init__(
        self,
        schema: Mapping[str, Any],
        plan: ExtractionPlan,
        *,
        encoder: str,
        epochs: int | None = None,
        learning_rate: float = 2e-4,
        max_tokens: int = 256,
        seconds: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(schema, plan)
        if not (
            (epochs is None or epochs >= 1) and learning_rate > 0 and max_tokens >= LEAST_TOKENS
        ):
            raise UsageError(
                f"epochs={epochs}, learning_rate={learning_rate}, max_tokens={max_tokens}: "
                f"expected epochs >= 1 or None, learning_rate > 0 and max_tokens >= {LEAST_TOKENS}"
            )
        if seconds is not None and seconds <= 0:
            raise UsageError(f"seconds={seconds}: expected a number above 0, or None")
        self.encoder = str(encoder)
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.max_tokens = max_tokens
        self.seconds = seconds
        self.seed = seed

    def fit(
        self,
        texts: Sequence[str],
        answers: Sequence[JsonValue],
        spoken: Sequence[SpokenAnswer | None] | None = None,
    ) -> Self:
        """Learn from texts and the teacher's answers, ``[N]`` each; as `Extractor.fit`.

        Raises:
            UsageError: The encoder cannot be had, or an extra is not installed.
        """
        from locum.extractors.encoder_fitting import fit_encoder_extractor

        check_answered(texts, answers)
        read = [text[:MAX_CHARACTERS] for text in texts]
        said = self.plan.without_constants(answers)
        found = fit_encoder_extractor(self, read, said, spoken)
        heads = tuple(Head(plan) for plan in found.heads)
        absences = find_absences(self.shape, answers, self.plan.constants)
        fractional = find_fractional(answers)
        self.take(Learned(heads, found.marks, absences, found.left_out, fractional))
        self._take_parts(found)
        return self

    def _take_parts(self, found: FittedExtractor) -> None:
        self.weights_, self.same_, self.epochs_ = found.weights, found.same, found.epochs
        self._set_parts(found.content, found.reader, found.tags)

    def _set_parts(self, content: bytes, reader: WindowReader, tags: Sequence[str]) -> None:
        self._content, self._reader, self._tag_set = content, reader, TagSet(tags)
        self._session = EncoderSession(content)
        size = len(self._tag_set)
        self._chain = self._tag_set.chain(np.zeros((size, size)))
        self._outside = np.full(size, _NEVER)
        self._outside[0] = 0.0

    def say(self, text: str) -> Said:
        """Return what heads and tags say of a text; as `Extractor.say`."""
        tokens = tokenize(text)
        scores = np.tile(self._outside, (len(tokens), 1))
        logits = []
        windows = self._reader.read(text, tokens)
        for window in windows:
            emissions, options = self._session.run_one(window.ids, [EMISSIONS, LOGITS])
            scores[window.words] = emissions[0, window.places]
            logits.append(options[0])
        tagging = Tagging(self._tag_set, self._chain, scores) if self.learned_.marks else None
        return Said(tokens, tagging, self._proba(np.mean(logits, axis=0)))

    def _proba(self, logits: NDArray[np.floating[Any]]) -> list[NDArray[np.floating[Any]]]:
        """Return the probabilities of each head; one with a single option has no logits."""
        found: list[NDArray[np.floating[Any]]] = []
        at = 0
        for head in self.learned_.heads:
            size = len(head.plan.options)
            if size < 2:
                found.append(_CERTAIN)
                continue
            found.append(softmax(logits[None, at : at + size])[0])
            at += size
        return found

    def get_settings(self) -> dict[str, Any]:
        """Return what the constructor took besides schema and plan, as plain data."""
        return {
            "encoder": shown_name(self.encoder),
            "epochs": self.epochs,
            "learning_rate": self.learning_rate,
            "max_tokens": self.max_tokens,
            "seconds": self.seconds,
            "seed": self.seed,
        }

    def save_parts(self, directory: Path) -> list[Path]:
        """Write graph and tokenizer; return the files written."""
        facts = {
            "weights": self.weights_,
            "same": self.same_,
            "epochs": self.epochs_,
            "tokens": self._reader.max_tokens,
            "tags": self._tag_set.tags,
        }
        (directory / _GRAPH).write_bytes(self._content)
        (directory / _TOKENIZER).write_bytes(self._reader.content)
        (directory / _FACTS).write_bytes(orjson.dumps(facts))
        return [directory / name for name in (_GRAPH, _TOKENIZER, _FACTS)]

    def load_parts(self, directory: Path) -> None:
        """Read what `save_parts` wrote; as `Extractor.load_parts`."""
        try:
            facts = orjson.loads((directory / _FACTS).read_bytes())
            content = (directory / _GRAPH).read_bytes()
            check_graph(content)
            tokens = int(facts["tokens"])
            if tokens < LEAST_TOKENS:
                raise ValueError(f"windows of {tokens} tokens")  # noqa: TRY301 - one refusal for all
            reader = WindowReader((directory / _TOKENIZER).read_bytes(), tokens)
            self.weights_, self.same_ = facts["weights"], float(facts["same"])
            self.epochs_ = int(facts["epochs"])
            if self.weights_ not in WEIGHTS:
                raise ValueError(f"weights {self.weights_!r}")  # noqa: TRY301 - one refusal for all
            self._set_parts(content, reader, facts["tags"])
            self._try()
        except (ArtefactError, OSError, ValueError, TypeError, KeyError, UsageError) as error:
            raise ArtefactError(f"{directory} holds no encoder's extractor: {error}") from None

    def _try(self) -> None:
        """Run one token: the parts fit each other or are refused."""
        known = {str(number) for number in range(len(self.learned_.marks))}
        emissions, logits = self._session.run_one(np.zeros(1, np.int64), [EMISSIONS, LOGITS])
        options = [len(head.plan.options) for head in self.learned_.heads]
        wanted = sum(size for size in options if size > 1)
        sound = (
            emissions.shape == (1, 1, len(self._tag_set))
            and logits.shape == (1, wanted)
            and bool(np.isfinite(emissions).all() and np.isfinite(logits).all())
            and set(self._tag_set.names) == known
            and self._tag_set.tags[0] == "O"
        )
        if not sound:
            raise ArtefactError("the graph does not fit the tags and the heads, or is not finite")
