"""Texts as token pieces, by the `tokenizers` library, for many texts at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson

from locum.errors import UsageError
from locum.students.ngrams import MAX_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from tokenizers import Tokenizer

__all__ = ["PieceTokenizer", "Pieces", "check_static_extra", "missing_static_extra"]

_MOST_REMEMBERED = 100_000
_LONGEST_REMEMBERED = 40
_LOCAL_NORMALISERS = frozenset({None, "BertNormalizer", "Lowercase"})
_SPACE_SPLITTERS = frozenset({"BertPreTokenizer", "Whitespace", "WhitespaceSplit"})


class Pieces(NamedTuple):
    """Pieces of ``N`` texts, one text after the other.

    Args:
        starts: Where each text starts in ``ids``, and where the last one ends, ``[N + 1]``.
        ids: Number of each piece in the vocabulary.
    """

    starts: NDArray[np.int64]
    ids: NDArray[np.int64]


class PieceTokenizer:
    """A tokenizer that gives pieces without special tokens, padding or truncation.

    Where the tokenizer splits at every space and changes each character by itself, as that of BERT
    does, a text's pieces are those of its words, and the pieces of words met before are
    remembered: the same pieces in a fraction of the time.

    Args:
        content: The bytes of a ``tokenizer.json``: data alone, no code.

    Attributes:
        content: The same.
        size: One more than the largest number of a piece.
        splits_at_spaces: Whether it splits so: then a text takes as long as its words do.
        unknown_id: Number of the piece that stands for what the vocabulary lacks, or -1.

    Raises:
        UsageError: They are no tokenizer, or the extra is not installed.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._tokenizer = _parse(content)
        state = orjson.loads(content)
        self.splits_at_spaces = _splits_at_spaces(state)
        self._known: dict[str, list[int]] = {}
        self.unknown_id = _unknown_id(self._tokenizer, state)
        vocabulary = self._tokenizer.get_vocab(with_added_tokens=True)
        self.size = max(self.unknown_id, *vocabulary.values(), -1) + 1

    def __reduce__(self) -> tuple[type[PieceTokenizer], tuple[bytes]]:
        """Let a copy be made of the content: other threads may be adding to the words met."""
        return PieceTokenizer, (self.content,)

    def cut(self, texts: Sequence[str]) -> Pieces:
        """Return the pieces of each text; of a text over 20,000 characters the first 20,000 count.

        Half a surrogate pair counts as a question mark.
        """
        each = [self.cut_one(text) for text in texts]
        starts = np.zeros(len(each) + 1, np.int64)
        np.cumsum([len(ids) for ids in each], out=starts[1:])
        return Pieces(starts, np.array([piece for ids in each for piece in ids], np.int64))

    def cut_one(self, text: str) -> list[int]:
        """Return the pieces of one text."""
        text = text[:MAX_CHARACTERS]
        if not self.splits_at_spaces:
            return self._cut_whole(text)
        known = self._known
        pieces: list[int] = []
        for word in text.split(" "):
            found = known.get(word)
            if found is None:
                found = self._remember(word)
            pieces += found
        return pieces

    def _remember(self, word: str) -> list[int]:
        found = self._cut_whole(word)
        if len(word) <= _LONGEST_REMEMBERED:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known = {}
            self._known[word] = found
        return found

    def _cut_whole(self, text: str) -> list[int]:
        try:
            encoded = self._tokenizer.encode(text, add_special_tokens=False)
        except TypeError:
            sound = text.encode("utf-8", "replace").decode()
            encoded = self._tokenizer.encode(sound, add_special_tokens=False)
        return encoded.ids

    def around(self) -> tuple[list[int], list[int]]:
        """Return the special tokens that its encoder expects before and after a text."""
        encoded = self._tokenizer.encode("a", add_special_tokens=True)
        own = [place for place, special in enumerate(encoded.special_tokens_mask) if not special]
        first, last = (own[0], own[-1] + 1) if own else (0, 0)
        return encoded.ids[:first], encoded.ids[last:]


def missing_static_extra(error: ImportError) -> UsageError:
    """Return the error that says how the static family is installed."""
    return UsageError(
        f"a static student needs packages that are not installed ({error.name or error}): "
        "pip install 'locum[static]' for --embeddings in Model2Vec's format, or also "
        "'locum[encoder]' to distil them from a sentence encoder"
    )


def check_static_extra() -> None:
    """Do nothing where the extra is installed.

    Raises:
        UsageError: It is not; the message says how to install it.
    """
    try:
        import tokenizers  # noqa: F401 - whether it is there
    except ImportError as error:
        raise missing_static_extra(error) from None


def _parse(content: bytes) -> Tokenizer:
    check_static_extra()
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_buffer(content)
    except Exception as error:  # noqa: BLE001 - it raises the base class itself
        reason = str(error)[:200]
        raise UsageError(f"tokenizer.json holds no tokenizer that can be read: {reason}") from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _unknown_id(tokenizer: Tokenizer, state: dict[str, Any]) -> int:
    """Number of the piece that stands for what the vocabulary lacks, or -1."""
    model = state["model"]
    if isinstance(model.get("unk_id"), int):
        return int(model["unk_id"])
    token = model.get("unk_token")
    if token is None:
        return -1
    found = tokenizer.token_to_id(token)
    if found is None:
        raise UsageError(f"tokenizer.json has no piece {token!r}, which stands for unknown ones")
    return int(found)


def _splits_at_spaces(state: dict[str, Any]) -> bool:
    added = [token["content"] for token in state.get("added_tokens") or []]
    return (
        _type(state, "normalizer") in _LOCAL_NORMALISERS
        and _type(state, "pre_tokenizer") in _SPACE_SPLITTERS
        and not any(" " in content for content in added)
    )


def _type(state: dict[str, Any], part: str) -> str | None:
    return (state.get(part) or {}).get("type")
