"""The base tagger: features of tokens and their context into a linear-chain random field."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import orjson
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from locum.errors import ArtefactError, UsageError
from locum.extractors.chain_fitting import fit_chain
from locum.extractors.tag_set import TagSet
from locum.extractors.tagging import Tagging
from locum.extractors.token_design import TokenDesign
from locum.extractors.token_rows import TokenRows
from locum.extractors.token_table import tabulate
from locum.extractors.token_vocabulary import choose_features
from locum.extractors.token_weights import MOST, TokenWeights, round_weights
from locum.extractors.training_targets import arrange
from locum.students.base import write_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from locum.extractors.training_targets import Allowed

__all__ = ["LinearTagger"]

Floats = NDArray[np.float32]

_WEIGHTS, _PARAMETERS = "tagger.safetensors", "tagger.json"
_UNREADABLE = (
    OSError,
    SafetensorError,
    orjson.JSONDecodeError,
    TypeError,
    KeyError,
    AttributeError,
    UsageError,
)
_OVERHEAD = 2_048  # parameters, and the names and shapes of the tensors
_MOST_WEIGHTS = 8_000_000
_TOLERANCE = 1e-4


class LinearTagger:
    """A linear-chain conditional random field on features of tokens and their context.

    The features are described by `locum.extractors.token_features`; those count that at least two
    training texts hold. The loss is that of `locum.extractors.chain_loss`, summed over the texts,
    and ``l2 / 2 * |W|^2``. L-BFGS starts at zero and stops where two steps in a row gain less than
    1e-4 of the loss each; no random number takes part. The weights of the features are then rounded
    to 8 bits, each tag with a power of two as its unit, and it is these that predict.

    Args:
        tags: ``K`` of them: ``O``, ``B-x`` and ``I-x``, as `TagSet` takes them.
        l2: Strength of the penalty on weights and transitions.
        max_iterations: Bound on the iterations of L-BFGS; it bounds the time for many texts.
        max_bytes: Bound on what is saved; of more weights the largest are kept.

    Raises:
        UsageError: The tags are not of that kind, or a number is not finite and above zero.
    """

    def __init__(
        self,
        tags: Sequence[str],
        l2: float = 0.1,
        max_iterations: int = 60,
        max_bytes: int = 3_000_000,
    ) -> None:
        if not all(0 < number < math.inf for number in (l2, max_iterations, max_bytes)):
            raise UsageError(
                f"l2={l2}, max_iterations={max_iterations}, max_bytes={max_bytes}: expected "
                "finite numbers above zero"
            )
        self.tag_set = TagSet(tags)
        self.l2 = l2
        self.max_iterations = max_iterations
        self.max_bytes = max_bytes

    @property
    def tags_(self) -> tuple[str, ...]:
        """The tags, in the order of all arrays."""
        return self.tag_set.tags

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002, FBT001, FBT002 - as scikit-learn
        """Return the parameters that the constructor took."""
        names = list(inspect.signature(type(self)).parameters)
        return {"tags": list(self.tags_)} | {
            name: getattr(self, name) for name in names if name != "tags"
        }

    def fit(
        self,
        token_texts: Sequence[Sequence[str]],
        allowed: Sequence[Allowed],
        weights: NDArray[np.floating[Any]] | None = None,
    ) -> Self:
        """Learn from texts of which the tags are known, partly known or weighed.

        Args:
            token_texts: The tokens of each text, ``T``.
            allowed: For each text the tags that each token may have, ``[T, K]`` bools: one where
                the tag is known, all where nothing is. Or logarithms of how likely each is,
                floats, with minus infinity for a tag that is not allowed.
            weights: Of the texts, ``[N]``, zero or more; 1 each by default.

        Raises:
            UsageError: Arrays do not fit the texts, tags allow no sequence, or there is no token
                with a weight.
        """
        given = np.ones(len(token_texts)) if weights is None else np.asarray(weights)
        _check_texts(token_texts, given)
        table = tabulate(token_texts)
        size = len(self.tag_set)
        chain = self.tag_set.chain(np.zeros((size, size), np.float32))
        chunks = arrange(table.lengths, allowed, given.astype(np.float32), chain)
        vocabulary = choose_features(table, _MOST_WEIGHTS // size)
        order = np.concatenate([chunk.tokens for chunk in chunks])
        design = TokenDesign(table, vocabulary, order)
        fitted = fit_chain(design, chunks, self.tag_set, self.l2, self.max_iterations, _TOLERANCE)
        rounded = round_weights(vocabulary, fitted, self._room())
        self._take(rounded, fitted.transitions)
        return self

    def _room(self) -> int:
        """Return how many bytes are left for features and their weights."""
        size = len(self.tag_set)
        scale_intercept_transitions = 4 * size * (2 + size)
        names = len(orjson.dumps(self.tags_))
        return self.max_bytes - _OVERHEAD - names - scale_intercept_transitions

    def _take(self, weights: TokenWeights, transitions: Floats) -> None:
        """Take the fitted state."""
        self.weights_, self.transitions_ = weights, transitions
        self._rows = TokenRows(weights)
        self._chain = self.tag_set.chain(transitions.astype(np.float64))

    def tag(self, tokens: Sequence[str]) -> Tagging:
        """Return the most probable tags of a text, and what else is to be known of them.

        Args:
            tokens: Split as the training texts were; there may be none.
        """
        scores = self._rows.scores(tokens).astype(np.float64)
        return Tagging(self.tag_set, self._chain, scores)

    def tag_many(self, token_texts: Sequence[Sequence[str]]) -> list[Tagging]:
        """Return the same for some texts: bit for bit what `tag` returns for each."""
        return [self.tag(tokens) for tokens in token_texts]

    def save(self, directory: Path) -> list[Path]:
        """Write the fitted state into an existing folder; return the files written."""
        tensors = {"transitions": self.transitions_, **self.weights_.pack()}
        (directory / _WEIGHTS).write_bytes(save(tensors))
        write_parameters(directory / _PARAMETERS, self.get_params())
        return [directory / _WEIGHTS, directory / _PARAMETERS]

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote; nothing that a file holds is run.

        Raises:
            ArtefactError: A file is missing, or holds something else than a linear tagger.
        """
        try:
            tagger = cls(**orjson.loads((directory / _PARAMETERS).read_bytes()))
            tagger._restore(load_file(directory / _WEIGHTS))
        except _UNREADABLE as error:
            raise ArtefactError(f"{directory} holds no linear tagger: {error}") from None
        return tagger

    def _restore(self, tensors: dict[str, NDArray[Any]]) -> None:
        size = len(self.tag_set)
        transitions = tensors["transitions"]
        sound = transitions.dtype == np.float32 and transitions.shape == (size, size)
        if not (sound and bool((np.abs(transitions) < MOST).all())):
            raise ArtefactError(
                f"transitions are {transitions.dtype} {transitions.shape}, expected float32 "
                f"({size}, {size}), finite and not too large: save the tagger again"
            )
        self._take(TokenWeights.unpack(tensors, size), transitions)


def _check_texts(token_texts: Sequence[Sequence[str]], weights: NDArray[np.floating[Any]]) -> None:
    """Refuse what nothing can be learned from."""
    if any(isinstance(tokens, str) for tokens in token_texts):
        raise UsageError("a text is given as one string: expected a list of its tokens")
    sound = np.isfinite(weights) & (weights >= 0)
    if not sound.all() or len(weights) != len(token_texts):
        raise UsageError(
            f"{len(weights)} weights for {len(token_texts)} texts: expected one for each, finite "
            "and not negative"
        )
    if not any(weight and len(tokens) for weight, tokens in zip(weights, token_texts, strict=True)):
        raise UsageError("no text has a token and a weight above zero: expected at least one")
