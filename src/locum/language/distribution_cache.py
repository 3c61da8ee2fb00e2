"""What a teacher said of sequences of tokens, on disk, so that it is asked once.

A cache is one SQLite file for each teacher, vocabulary and way of keeping, named by a hash of them:
what another teacher said, or at another temperature, is never found. What `put` returned from is on
disk, whatever happens to the process, and what it was at is not there at all. Any number of
processes may read and write.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from locum.errors import ArtefactError, UsageError
from locum.language.distribution_codec import (
    CodingModel,
    decode_block,
    encode_block,
    model_number,
)
from locum.language.distributions import (
    Drawn,
    DrawnTokens,
    Levels,
    Listed,
    TopTokens,
    levels_of_drawn,
    levels_of_listed,
    log_probabilities_of,
)
from locum.store.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["DistributionCache"]

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS models (
        number INTEGER PRIMARY KEY, fitted_rows INTEGER NOT NULL, content BLOB NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS blocks (
        key TEXT PRIMARY KEY, row_count INTEGER NOT NULL, content BLOB NOT NULL
    )""",
)
_VERSION = 1
_MOST_TOKENS = 1 << 24
_KEYS_A_QUERY = 500
# A model is fitted again when there are so many times the rows that it was fitted to, up to some.
_GROWTH = 4
_ENOUGH_ROWS = 65_536
_MOST_NUMBERS = 4_000_000


class DistributionCache:
    """Distributions of the next token, by the sequence of tokens that they belong to.

    Args:
        folder: Where the file is; it is made when it does not exist.
        teacher: The fingerprint of whoever says them.
        vocabulary: How many tokens it knows.
        settings: What is kept of what it says.

    Raises:
        UsageError: More tokens are to be kept than there are, or there are too many, or the teacher
            has no fingerprint.
        InputError: The file cannot be opened.
        ArtefactError: It is of a later version.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        teacher: str,
        vocabulary: int,
        settings: TopTokens | DrawnTokens,
    ) -> None:
        if not 1 <= vocabulary <= _MOST_TOKENS:
            raise UsageError(f"vocabulary is {vocabulary:,}, expected 1 to {_MOST_TOKENS:,} tokens")
        if not teacher:
            raise UsageError("the teacher has no fingerprint, expected a text that tells it apart")
        if isinstance(settings, TopTokens) and settings.count > vocabulary:
            raise UsageError(
                f"count is {settings.count:,}, expected at most the {vocabulary:,} tokens of the "
                "vocabulary"
            )
        self.teacher, self.vocabulary, self.settings = teacher, vocabulary, settings
        self._facts = {
            "teacher": teacher,
            "vocabulary": vocabulary,
            "kept": type(settings).__name__,
            **asdict(settings),
        }
        named = json.dumps(self._facts, sort_keys=True).encode()
        self.path = Path(folder) / f"{hashlib.sha256(named).hexdigest()[:32]}.sqlite"
        self._models: dict[int, CodingModel] = {}
        self._process = os.getpid()
        self._left: list[SqliteDatabase] = []
        self._database = self._open()
        self._rows_known = self.rows

    def _open(self) -> SqliteDatabase:
        database = SqliteDatabase(self.path, is_store=False)
        version = database.version()
        if version > _VERSION:
            database.close()
            raise ArtefactError(
                f"{self.path} has version {version}, expected {_VERSION}: it is of a later Locum"
            )
        if version < _VERSION:
            with database.transaction():
                for statement in _SCHEMA:
                    database.execute(statement)
                database.executemany(
                    "INSERT OR IGNORE INTO facts VALUES (?, ?)",
                    [(name, str(value)) for name, value in self._facts.items()],
                )
                database.set_version(_VERSION)
        return database

    def _opened(self) -> SqliteDatabase:
        if self._process != os.getpid():
            # SQLite's connections do not survive a fork; nor may the parent's be closed here.
            self._left.append(self._database)
            self._database, self._process = self._open(), os.getpid()
        return self._database

    def __getstate__(self) -> dict[str, Any]:
        """Leave the connection out, as for a process that is started anew."""
        return {**self.__dict__, "_database": None, "_left": [], "_models": {}, "_process": -1}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the file again."""
        self.__dict__.update(state)
        self._database, self._process = self._open(), os.getpid()

    def close(self) -> None:
        """Close the file."""
        self._opened().close()

    def __enter__(self) -> Self:
        """Use the cache in a ``with`` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    @property
    def sequences(self) -> int:
        """Of how many sequences it holds distributions."""
        return int(self._opened().execute("SELECT count(*) FROM blocks")[0][0])

    @property
    def rows(self) -> int:
        """How many distributions it holds."""
        return int(self._opened().execute("SELECT total(row_count) FROM blocks")[0][0])

    @property
    def size_in_bytes(self) -> int:
        """What the blocks and their models take, without what SQLite adds."""
        database = self._opened()
        sizes = [
            database.execute(f"SELECT total(length(content)) FROM {table}")[0][0]  # noqa: S608
            for table in ("blocks", "models")
        ]
        return int(sum(sizes))

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Return those of some keys of which there is nothing, each once, in their order."""
        wanted = list(dict.fromkeys(keys))
        found: set[str] = set()
        for start in range(0, len(wanted), _KEYS_A_QUERY):
            some = wanted[start : start + _KEYS_A_QUERY]
            marks = ",".join("?" * len(some))
            sql = f"SELECT key FROM blocks WHERE key IN ({marks})"  # noqa: S608 - marks alone
            found |= {row[0] for row in self._opened().execute(sql, some)}
        return [key for key in wanted if key not in found]

    def put(self, key: str, rows: Listed | Drawn) -> None:
        """Keep the rows of a sequence. They are on disk when this returns.

        Where the sequence has rows already, those stay.

        Args:
            key: Of the sequence, as of `locum.language.Packed.keys`.
            rows: One for each target, in reading order.

        Raises:
            UsageError: The rows are not what the settings keep.
            InputError: They cannot be written.
        """
        levels = self._levels(key, rows)
        content = encode_block(levels, self.settings.scale, self._model_for(levels))
        self._opened().execute(
            "INSERT OR IGNORE INTO blocks VALUES (?, ?, ?)", (key, len(levels.ids_NK), content)
        )
        self._rows_known += len(levels.ids_NK)

    def _levels(self, key: str, rows: Listed | Drawn) -> Levels:
        if isinstance(rows, Listed) and isinstance(self.settings, TopTokens):
            return levels_of_listed(rows, self.settings, self.vocabulary)
        if isinstance(rows, Drawn) and isinstance(self.settings, DrawnTokens):
            seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8])
            dice = np.random.default_rng([self.settings.seed, seed])
            return levels_of_drawn(rows, self.settings, self.vocabulary, dice)
        raise UsageError(
            f"{type(rows).__name__} rows are put where {type(self.settings).__name__} are kept: "
            "expected Listed for TopTokens, Drawn for DrawnTokens"
        )

    def _model_for(self, levels: Levels) -> CodingModel:
        """Return the newest model, fitted again where there is much more than it knows."""
        found = self._newest(len(levels.ids_NK))
        if found is not None:
            return found
        with self._opened().transaction():
            # Another process may have been faster.
            self._rows_known = self.rows
            return self._newest(len(levels.ids_NK)) or self._fit(levels)

    def _newest(self, added: int) -> CodingModel | None:
        found = self._opened().execute(
            "SELECT number, fitted_rows FROM models ORDER BY fitted_rows DESC LIMIT 1"
        )
        if not found:
            return None
        [(number, fitted)] = found
        enough = fitted >= _ENOUGH_ROWS or self._rows_known + added < _GROWTH * fitted
        return self._model(number) if enough else None

    def _fit(self, levels: Levels) -> CodingModel:
        samples = [(levels, self.settings.scale)]
        numbers = levels.ids_NK.size
        # Keys are hashes, so that the first are any.
        for (key,) in self._opened().execute("SELECT key FROM blocks ORDER BY key"):
            if numbers > _MOST_NUMBERS:
                break
            found = self._read(key)
            assert found is not None
            samples.append(found)
            numbers += found[0].ids_NK.size
        model = CodingModel.fit(samples)
        rows = self._rows_known + len(levels.ids_NK)
        self._opened().execute(
            "INSERT OR REPLACE INTO models VALUES (?, ?, ?)", (model.number, rows, model.content)
        )
        self._models[model.number] = model
        return model

    def _model(self, number: int) -> CodingModel:
        if number not in self._models:
            found = self._opened().execute("SELECT content FROM models WHERE number = ?", (number,))
            if not found:
                raise ArtefactError(f"model {number:08x} is not in {self.path}")
            self._models[number] = CodingModel.read(found[0][0])
        return self._models[number]

    def get(self, key: str) -> Listed | Drawn | None:
        """Return the rows of a sequence; ``None`` where there are none.

        Raises:
            ArtefactError: They are damaged.
        """
        found = self._read(key)
        if found is None:
            return None
        levels, scale = found
        if levels.tails_N is not None:
            return Listed(levels.ids_NK, log_probabilities_of(levels.levels_NK, levels.tails_N))
        return Drawn(levels.ids_NK, (levels.levels_NK / scale).astype(np.float32))

    def _read(self, key: str) -> tuple[Levels, int] | None:
        found = self._opened().execute("SELECT content FROM blocks WHERE key = ?", (key,))
        if not found:
            return None
        [(content,)] = found
        try:
            return decode_block(content, self._model(model_number(content)))
        except ArtefactError as error:
            raise ArtefactError(
                f"{self.path}, sequence {key}: {error}; remove it with "
                "DistributionCache.remove and fill the cache again"
            ) from None

    def remove(self, keys: Iterable[str]) -> int:
        """Remove the rows of some sequences, as of damaged ones; return how many had any."""
        return self._opened().executemany(
            "DELETE FROM blocks WHERE key = ?", [(key,) for key in keys]
        )
