"""The encoder family: a pre-trained encoder with a softmax, served by onnxruntime in 8 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import orjson
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from locum.errors import ArtefactError, UsageError
from locum.losses import softmax
from locum.students.base import BaseStudent, read_lesson, write_parameters
from locum.students.encoder_check import check_graph
from locum.students.encoder_novelty import EmbeddingNovelty, MahalanobisDistance
from locum.students.encoder_session import EncoderSession
from locum.students.encoder_source import shown_name
from locum.students.encoder_tokens import LEAST_TOKENS, TokenReader
from locum.students.encoder_weights import WEIGHTS
from locum.students.protocol import Judgement
from locum.students.softmax_regression import build_terms

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from locum.students.encoder_weights import Weights

__all__ = ["EncoderStudent"]

_GRAPH, _TOKENIZER = "model.onnx", "tokenizer.json"
_WEIGHTS, _PARAMETERS = "weights.safetensors", "student.json"
_UNREADABLE = (
    OSError,
    SafetensorError,
    orjson.JSONDecodeError,
    AttributeError,
    TypeError,
    KeyError,
    ValueError,
    UsageError,
)


class EncoderStudent(BaseStudent):
    """Softmax regression on the embeddings of an encoder, which may be fine-tuned to it.

    With ``epochs=0`` the encoder is left as it is and a head is learned on its embeddings, those of
    several layers (see `pooled` and `choose_l2`). Otherwise head and encoder are then trained
    together (see `tune`), which starts from that head: linear probing, then fine-tuning (Kumar et
    al. 2022). The loss is
    ``(1 - w) * T^2 * CE(soft labels at T, softmax(z / T)) + w * CE(human label, softmax(z))``
    (Hinton, Vinyals and Dean 2015). A tenth of the inputs is held out to choose the penalty, to
    stop early, and to judge the rounding.

    The student that results is an ONNX graph with 8-bit weights (see `round_weights`), and all
    that it says is that graph's. It is compared with the same in float32 on the inputs held out.
    Where it clearly agrees with the teacher on over half a point fewer of them, more of the weights
    stay in float32: ``weights_`` says which, ``quantised_agreement_`` how often both give the same
    label, and ``quantisation_loss_`` how much less the graph agrees with the teacher, as a share.

    The novelty of an input is the distance of its embedding to the nearest mean of a label, and how
    that compares to its distance to the mean of all (see `EmbeddingNovelty`).

    Args:
        classes: The labels, in the order of the soft labels' columns.
        encoder: A folder that holds an encoder as transformers or sentence-transformers writes it,
            or its name on the Hugging Face hub.
        temperature: Distillation temperature ``T``.
        human_weight: ``w``, between 0 and 1: how much a human label counts where there is one.
        epochs: Passes over the inputs in which the encoder is trained; 0 leaves it as it is.
        learning_rate: Highest rate of the encoder's weights.
        layers: How many of its layers the encoder keeps (see `drop_layers`); all by default.
        max_tokens: A text is cut off after so many, or as many as the encoder has positions for.
        seconds: Training of the encoder ends after so many; what was best until then is kept. The
            result depends on the machine's speed only where the bound binds: where all epochs would
            take longer (see `StepPlan`). No bound by default.
        seed: Of the inputs held out, the order of the others, and dropout.
    """

    family: ClassVar[str] = "encoder"
    searched: ClassVar[bool] = False
    extra: ClassVar[str] = "onnx"

    def __init__(
        self,
        classes: Sequence[str],
        encoder: str,
        temperature: float = 1.0,
        human_weight: float = 0.0,
        epochs: int = 0,
        learning_rate: float = 1e-4,
        layers: int | None = None,
        max_tokens: int = 256,
        seconds: float | None = None,
        seed: int = 0,
    ) -> None:
        if not (temperature > 0 and 0 <= human_weight <= 1):
            raise UsageError(
                f"temperature={temperature}, human_weight={human_weight}: expected "
                "temperature > 0 and 0 <= human_weight <= 1"
            )
        if not (epochs >= 0 and learning_rate > 0 and max_tokens >= LEAST_TOKENS):
            raise UsageError(
                f"epochs={epochs}, learning_rate={learning_rate}, max_tokens={max_tokens}: "
                f"expected epochs >= 0, learning_rate > 0 and max_tokens >= {LEAST_TOKENS}"
            )
        if not (layers is None or layers > 0) or not (seconds is None or seconds > 0):
            raise UsageError(
                f"layers={layers}, seconds={seconds}: expected a number above 0, or None"
            )
        self.classes_ = tuple(classes)
        self.encoder = str(encoder)
        self.temperature = temperature
        self.human_weight = human_weight
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.layers = layers
        self.max_tokens = max_tokens
        self.seconds = seconds
        self.seed = seed
        self.penalty_: float | None = None

    def fit(
        self,
        inputs: Sequence[str],
        soft_labels: NDArray[np.float64],
        human_labels: NDArray[np.integer] | None = None,
    ) -> Self:
        """Learn from soft labels ``[N, C]``; ``human_labels`` holds an index or -1 for each.

        Raises:
            UsageError: The encoder cannot be had, or an extra is not installed.
        """
        from locum.students.encoder_fitting import EncoderFitting

        lesson = read_lesson(inputs, soft_labels, self.classes_, human_labels)
        found = EncoderFitting(self, *lesson).run()
        self.weights_: Weights = found.weights
        self.quantised_agreement_ = found.same_label
        self.quantisation_loss_ = found.loss
        self.epochs_ = found.epochs
        self.penalty_ = found.penalty
        self._take(found.content, found.reader, found.novelty)
        return self

    def refit(
        self,
        inputs: Sequence[str],
        soft_labels: NDArray[np.float64],
        human_labels: NDArray[np.integer] | None = None,
    ) -> Self:
        """Let the head learn again from these inputs, all else staying as `fit` chose it.

        The penalty too stays, and weighs as much against each input. Nothing changes in a student
        whose encoder was trained: the embeddings of what it learned from no longer look like those
        of other inputs, and a head of both would believe the former.

        Args:
            inputs: ``N`` texts, those of `fit` among them.
            soft_labels: ``[N, C]``.
            human_labels: An index or -1 for each.

        Raises:
            UsageError: The student was loaded, so that its penalty is not known.
        """
        from locum.students.encoder_fitting import learn_head_again

        texts, soft_labels, human_labels = read_lesson(
            inputs, soft_labels, self.classes_, human_labels
        )
        if self.penalty_ is None:
            raise UsageError("a student that was loaded cannot be refitted: fit it")
        if self.epochs_:
            return self
        rows = self._reader.read(texts)
        terms = build_terms(soft_labels, human_labels, self.temperature, self.human_weight)
        embeddings = self._session.embed(rows)
        content, novelty = learn_head_again(
            self._content,
            embeddings,
            terms,
            soft_labels.argmax(axis=1),
            self.penalty_,
            len(self._novelty.whole.centre),
        )
        self._take(content, self._reader, novelty)
        return self

    def _take(self, content: bytes, reader: TokenReader, novelty: EmbeddingNovelty) -> None:
        """Take the fitted state."""
        self._content, self._reader, self._novelty = content, reader, novelty
        self._session = EncoderSession(content)

    def _judge(self, texts: list[str]) -> Judgement:
        if not texts:
            return Judgement(np.zeros((0, len(self.classes_)), np.float32), np.zeros(0, np.float32))
        found = self._session.run(self._reader.read(texts))
        # One by one: the rounding of a matrix product depends on how many rows it has.
        novelty = [self._novelty.measure(embedding[None]) for embedding in found.embeddings]
        return Judgement(softmax(found.logits), np.concatenate(novelty))

    def cut_share(self, texts: Sequence[str]) -> float:
        """Return the share of texts that are longer than what the student reads of a text.

        It reads the first ``max_tokens`` tokens, fewer where the encoder has fewer positions, with
        those that mark beginning and end; what comes after them plays no part in its answer. The
        texts are cut into tokens, nothing is run. 0 of no texts.
        """
        return self._reader.cut_share(texts)

    def _save(self, directory: Path) -> list[Path]:
        state = {
            "parameters": self.get_params() | {"encoder": shown_name(self.encoder)},
            "weights": self.weights_,
            "quantised_agreement": self.quantised_agreement_,
            "quantisation_loss": self.quantisation_loss_,
            "epochs": self.epochs_,
            "tokens": self._reader.max_tokens,
        }
        (directory / _GRAPH).write_bytes(self._content)
        (directory / _TOKENIZER).write_bytes(self._reader.content)
        tensors = {
            f"{part}.{name}": array
            for part, distance in self._novelty._asdict().items()
            for name, array in distance._asdict().items()
        }
        (directory / _WEIGHTS).write_bytes(save(tensors))
        write_parameters(directory / _PARAMETERS, state)
        return [directory / name for name in (_GRAPH, _TOKENIZER, _WEIGHTS, _PARAMETERS)]

    @classmethod
    def _load(cls, directory: Path) -> Self:
        try:
            state = orjson.loads((directory / _PARAMETERS).read_bytes())
            student = cls(**state["parameters"])
            content = (directory / _GRAPH).read_bytes()
            tokenizer = (directory / _TOKENIZER).read_bytes()
            tensors = load_file(directory / _WEIGHTS)
            novelty = EmbeddingNovelty(
                *(
                    MahalanobisDistance(
                        *(tensors[f"{part}.{name}"] for name in MahalanobisDistance._fields)
                    )
                    for part in EmbeddingNovelty._fields
                )
            )
            tokens = student._restore_facts(state)
        except _UNREADABLE as error:
            raise ArtefactError(f"{directory} holds no encoder student: {error}") from None
        try:
            check_graph(content)
            student._take(content, TokenReader(tokenizer, tokens), novelty)
            student._try()
        except ArtefactError as error:
            raise ArtefactError(f"{directory} holds no encoder student: {error}") from None
        return student

    def _restore_facts(self, state: dict[str, Any]) -> int:
        """Take what is known of the student; return after how many tokens a text is cut off."""
        self.weights_ = state["weights"]
        if self.weights_ not in WEIGHTS:
            raise ValueError(f"weights {self.weights_!r}")
        self.quantised_agreement_ = float(state["quantised_agreement"])
        self.quantisation_loss_ = float(state["quantisation_loss"])
        self.epochs_ = int(state["epochs"])
        return int(state["tokens"])

    def _try(self) -> None:
        """Run the last token that the tokenizer knows: the parts fit each other or are refused."""
        found = self._session.run([np.full(2, self._reader.tokens - 1)])
        width = len(self._novelty.whole.centre)
        arrays = [*found, *(array for distance in self._novelty for array in distance)]
        sound = (
            found.logits.shape == (1, len(self.classes_))
            and found.embeddings.ndim == 2
            and 0 < width <= found.embeddings.shape[1]
            and all(distance.centre.shape == (width,) for distance in self._novelty)
            and all(distance.whitening.shape == (width, width) for distance in self._novelty)
            and all(distance.means.shape[1:] == (width,) for distance in self._novelty)
            and all(len(distance.means) for distance in self._novelty)
            and all(array.dtype == np.float32 for array in arrays)
            and all(bool(np.isfinite(array).all()) for array in arrays)
        )
        if not sound:
            raise ArtefactError(
                f"the graph and the weights do not fit {len(self.classes_)} labels and each other, "
                "or are not finite: save the student again"
            )
