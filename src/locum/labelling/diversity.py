"""How much a set of texts repeats itself."""

from __future__ import annotations

import zlib
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from locum.words import find_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["Diversity", "DiversityPair", "compare_diversity", "distinct_2", "vendi_score"]

_MOST_TEXTS = 1_000
_READ_CHARACTERS = 2_000
_GRAM = 3
_BUCKETS = 2**20


class Diversity(NamedTuple):
    """Two measures of a set of texts; sets of the same size alone compare.

    Args:
        distinct_2: As `distinct_2`.
        vendi: As `vendi_score`.
    """

    distinct_2: float
    vendi: float


class DiversityPair(NamedTuple):
    """Synthetic inputs beside as many real ones.

    Args:
        texts: How many of either were measured.
        synthetic: What was measured of inputs that a model wrote.
        real: And of those of production.
    """

    texts: int
    synthetic: Diversity
    real: Diversity


def compare_diversity(
    synthetic: Sequence[str], real: Sequence[str], seed: int = 0
) -> DiversityPair | None:
    """Measure as many synthetic as real texts, at most 1,000, drawn at random.

    Returns:
        ``None`` where there are none of either.
    """
    count = min(len(synthetic), len(real), _MOST_TEXTS)
    if not count:
        return None
    generator = np.random.default_rng(seed)
    measured = []
    for texts in (synthetic, real):
        drawn = np.sort(generator.choice(len(texts), count, replace=False))
        chosen = [texts[row] for row in drawn.tolist()]
        measured.append(Diversity(distinct_2(chosen), vendi_score(chosen)))
    return DiversityPair(count, *measured)


def distinct_2(texts: Sequence[str]) -> float:
    """Return the number of different word pairs by the number of words (Li et al. 2016).

    Words are those of `locum.words.find_words`, case aside; a pair lies within one text. Without
    words it is zero.

    "A Diversity-Promoting Objective Function for Neural Conversation Models", NAACL 2016.
    """
    words = [find_words(text.casefold()) for text in texts]
    total = sum(map(len, words))
    pairs = {pair for found in words for pair in pairwise(found)}
    return len(pairs) / total if total else 0.0


def vendi_score(texts: Sequence[str]) -> float:
    r"""Return the effective number of different texts (Friedman and Dieng 2023).

    .. math:: \exp\left(-\sum_i \lambda_i \log \lambda_i\right)

    over the eigenvalues of ``K / n``, where ``K`` holds the cosines between the texts' counts of
    character trigrams, hashed into about a million places. It is 1 where all texts are the same,
    and ``n`` where no two share a trigram. Of a long text the first 2,000 characters count.

    "The Vendi Score: A Diversity Evaluation Metric for Machine Learning", TMLR 2023.

    Args:
        texts: ``n`` of them; the time grows with the cube of it.
    """
    if not texts:
        return 0.0
    eigenvalues = np.linalg.eigvalsh(_cosines(texts) / len(texts))
    positive = eigenvalues[eigenvalues > 0]
    return float(np.exp(-(positive * np.log(positive)).sum()))


def _cosines(texts: Sequence[str]) -> NDArray[np.float64]:
    """Cosine of each pair of texts, ``[n, n]``."""
    from scipy.sparse import csr_array

    places = [np.fromiter(_hashed_grams(text), np.int64) for text in texts]
    rows = np.repeat(np.arange(len(texts)), [len(found) for found in places])
    columns = np.concatenate(places)
    counts = csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(texts), _BUCKETS))
    counts.sum_duplicates()
    norms = np.sqrt(np.bincount(counts.tocoo().row, counts.data**2, len(texts)))
    cosines: NDArray[np.float64] = (counts @ counts.T).toarray() / np.outer(norms, norms)
    return cosines


def _hashed_grams(text: str) -> Iterator[int]:
    """Places of a text's trigrams; its two ends count as spaces, so that there is one at least."""
    read = f"  {' '.join(text.casefold().split())[:_READ_CHARACTERS]} "
    for start in range(len(read) - _GRAM + 1):
        gram = read[start : start + _GRAM].encode("utf-8", "surrogatepass")
        yield zlib.crc32(gram) % _BUCKETS
