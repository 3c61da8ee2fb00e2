"""A teacher that was asked before training, once for all passes.

Shapes: S sequences, N rows (targets that count, in reading order), K listed or drawn tokens.
"""

# ruff: noqa: N806 - names end in their shapes

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from locum.errors import UsageError
from locum.language.distributions import Drawn, Listed
from locum.language.packing import refuse_other_tokens, refuse_unpacked
from locum.language.teachers import refuse_unasked
from locum.losses import SampledTargets, SparseTargets

if TYPE_CHECKING:
    from collections.abc import Callable

    from locum.language.distribution_cache import DistributionCache
    from locum.language.packing import Packed
    from locum.language.teachers import Said, Signal, TokenTeacher

__all__ = ["CachedTeacher", "fill_cache"]

# Logits of so many rows are held at once.
_ROWS_AT_ONCE = 256


def fill_cache(
    cache: DistributionCache,
    packed: Packed,
    teacher: TokenTeacher,
    *,
    batch_sequences: int = 8,
    tell: Callable[[int, int], None] | None = None,
) -> int:
    """Ask a teacher about the sequences that a cache has nothing of; return how many they were.

    It may be stopped anywhere and started again: what was kept is not asked for again.

    Args:
        cache: Where to keep what it says.
        packed: The sequences; those without a target are passed over.
        teacher: Whom to ask.
        batch_sequences: How many it is asked about at once.
        tell: Called with how many of the missing ones are kept, and their number.

    Raises:
        UsageError: The cache is of another teacher or vocabulary, or the teacher says what the
            cache does not keep; or the texts are not packed, or the teacher cannot be asked.
    """
    refuse_unpacked(packed)
    refuse_unasked(teacher)
    fingerprint = teacher.fingerprint
    if (cache.teacher, cache.vocabulary) != (fingerprint, teacher.vocabulary):
        raise UsageError(
            f"the cache is of teacher {cache.teacher!r} with {cache.vocabulary:,} tokens and "
            f"{fingerprint!r} with {teacher.vocabulary:,} is asked: make a cache of its own"
        )
    refuse_other_tokens(packed, teacher.vocabulary)
    keys = packed.keys()
    place_of = {key: place for place, key in reversed(list(enumerate(keys)))}
    learned = packed.learned_SL.any(dim=1).tolist()
    missing = [key for key in cache.missing(keys) if learned[place_of[key]]]
    for start in range(0, len(missing), batch_sequences):
        some = missing[start : start + batch_sequences]
        batch = packed.some([place_of[key] for key in some])
        signal = teacher.ask(batch)
        ends = np.cumsum(batch.learned_SL.sum(dim=1).tolist()).tolist()
        for key, first, end in zip(some, [0, *ends[:-1]], ends, strict=True):
            cache.put(key, _asked(cache, key, signal, range(first, end)))
        if tell is not None:
            tell(start + len(some), len(missing))
    return len(missing)


def _asked(cache: DistributionCache, key: str, signal: Signal, rows: range) -> Listed | Drawn:
    import torch

    from locum.language.sampling import keep

    # Draws depend on the sequence, not on where in a run it was asked about.
    seed = hashlib.sha256(f"{getattr(cache.settings, 'seed', 0)} {key}".encode()).digest()[:7]
    generator = torch.Generator().manual_seed(int.from_bytes(seed))
    parts = [
        keep(signal(slice(start, min(start + _ROWS_AT_ONCE, rows.stop))), cache.settings, generator)
        for start in range(rows.start, rows.stop, _ROWS_AT_ONCE)
    ]
    return type(parts[0])(*(np.concatenate(some) for some in zip(*parts, strict=True)))


class CachedTeacher:
    """Says of each target what a cache has of it.

    Args:
        cache: It, filled with the sequences that will be asked about.

    Attributes:
        asked_before: It says nothing of texts that come to be later, as what a student writes.
    """

    asked_before = True

    def __init__(self, cache: DistributionCache) -> None:
        self._cache = cache

    @property
    def fingerprint(self) -> str:
        """That of the teacher, and of what is kept."""
        return f"{self._cache.teacher} {self._cache.settings}"

    @property
    def vocabulary(self) -> int:
        """How many tokens the teacher knows."""
        return self._cache.vocabulary

    def ask(self, batch: Packed) -> Signal:
        """Return what gives what is kept of a slice of the batch's rows.

        Raises:
            UsageError: A sequence is not in the cache, or has other rows there than one a target.
            ArtefactError: One is damaged.
        """
        import torch

        learned = batch.learned_SL.sum(dim=1).tolist()
        keys = [key for key, count in zip(batch.keys(), learned, strict=True) if count]
        parts = [(key, self._cache.get(key)) for key in keys]
        lacking = [key for key, part in parts if part is None]
        if lacking:
            raise UsageError(
                f"{len(lacking):,} of {len(keys):,} sequences are not in the cache "
                f"{self._cache.path}: fill it with these texts, packed to this length, by "
                "fill_cache; text that the student writes needs the teacher itself"
            )
        found = [part for _, part in parts if part is not None]
        counts = [count for count in learned if count]
        for key, part, count in zip(keys, found, counts, strict=True):
            self._refuse_other_rows(key, len(part.ids_NK), count)
        device, temperature = batch.ids_SL.device, self._cache.settings.temperature
        ids_NK, values_NK = (
            torch.from_numpy(np.concatenate(some)).to(device) for some in zip(*found, strict=True)
        )
        if isinstance(found[0], Listed):
            listed = SparseTargets(ids_NK, values_NK, temperature)
            return listed.rows

        def drawn(rows: slice) -> Said:
            return SampledTargets(ids_NK[rows], values_NK[rows], temperature)

        return drawn

    def _refuse_other_rows(self, key: str, rows: int, targets: int) -> None:
        if rows != targets:
            raise UsageError(
                f"{self._cache.path} has {rows:,} rows of the sequence {key} with {targets:,} "
                "targets, expected one for each: remove it with DistributionCache.remove and put "
                "its rows anew; the first token of a document is no target"
            )
