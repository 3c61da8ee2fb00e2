"""The cache of a teacher's distributions: what is kept stays, and is found by its own alone."""

# ruff: noqa: N806 - names end in their shapes

from __future__ import annotations

import multiprocessing
import pickle
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from locum.errors import ArtefactError, InputError, UsageError
from locum.language import (
    CachedTeacher,
    DistributionCache,
    Drawn,
    DrawnTokens,
    LanguageSettings,
    Listed,
    ModelTeacher,
    Packed,
    TopTokens,
    fill_cache,
    list_tokens,
    pack,
    train_language_model,
)
from locum.language.sampling import draw_tokens, keep, likeliest_tokens
from locum.losses import (
    SampledTargets,
    SparseTargets,
    forward_kl,
    sampled_cross_entropy,
)
from tests.cache_filling import KEPT, VOCABULARY, open_cache, some_sequences
from tests.test_language_training import SIZE, some_documents, student_of
from tests.tiny_model import new_model
from tests.token_rows import HashTeacher, by_token, likeliest, read_all, softmax_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
KILLS = 4


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[DistributionCache]:
    with open_cache(tmp_path) as opened:
        yield opened


def rows_of(seed: int, rows: int = 12) -> Listed:
    return likeliest(softmax_rows(rows, VOCABULARY, seed), KEPT.count)


def assert_alike(found: Listed | Drawn | None, rows: Listed) -> None:
    assert isinstance(found, Listed)
    (ids_NK, logs_NK), (read_NK, values_NK) = by_token(rows), by_token(found)
    np.testing.assert_array_equal(read_NK, ids_NK)
    # Half a step of the square root, and as much again where all are made to sum to one.
    roots = np.exp(logs_NK / 2), np.exp(values_NK / 2)
    np.testing.assert_allclose(roots[1], roots[0], atol=1 / KEPT.scale)


def test_what_is_put_is_found(cache: DistributionCache) -> None:
    keys = [f"key {number}" for number in range(30)]
    assert cache.missing([*keys, keys[0]]) == keys
    for number, key in enumerate(keys[:20]):
        cache.put(key, rows_of(number))
    assert cache.missing(keys) == keys[20:]
    assert (cache.sequences, cache.rows) == (20, 240)
    assert 0 < cache.size_in_bytes < cache.path.stat().st_size + 10**6
    for number, key in enumerate(keys[:20]):
        assert_alike(cache.get(key), rows_of(number))
    assert cache.get("another") is None


def test_what_is_put_again_stays(cache: DistributionCache) -> None:
    cache.put("key", rows_of(0))
    cache.put("key", rows_of(1))
    assert cache.sequences == 1
    assert_alike(cache.get("key"), rows_of(0))


def test_coding_models_follow_what_is_kept(cache: DistributionCache) -> None:
    sizes = []
    for number in range(70):
        cache.put(f"key {number}", rows_of(number))
        sizes.append(cache.size_in_bytes)
    with closing(sqlite3.connect(cache.path)) as connection:
        fitted = connection.execute("SELECT fitted_rows FROM models ORDER BY fitted_rows")
        assert [rows for (rows,) in fitted] == [12, 48, 192, 768]
    assert_alike(cache.get("key 0"), rows_of(0))
    assert sizes[-1] - sizes[-2] < sizes[1] - sizes[0]


@pytest.mark.parametrize(
    "other",
    [
        {"teacher": "another"},
        {"vocabulary": VOCABULARY + 1},
        {"settings": TopTokens(KEPT.count, temperature=2.0)},
        {"settings": TopTokens(KEPT.count + 1)},
        {"settings": TopTokens(KEPT.count, error=1e-4)},
        {"settings": DrawnTokens(KEPT.count)},
    ],
)
def test_others_do_not_see_it(
    cache: DistributionCache, tmp_path: Path, other: dict[str, object]
) -> None:
    cache.put("key", rows_of(0))
    own: dict[str, object] = {"teacher": "hash", "vocabulary": VOCABULARY, "settings": KEPT}
    with DistributionCache(tmp_path, **{**own, **other}) as beside:  # type: ignore[arg-type]
        assert beside.missing(["key"]) == ["key"]
        assert beside.get("key") is None
    with DistributionCache(tmp_path, **own) as same:  # type: ignore[arg-type]
        assert same.missing(["key"]) == []


def test_a_damaged_block_is_refused_and_can_be_removed(cache: DistributionCache) -> None:
    cache.put("whole", rows_of(0))
    cache.put("damaged", rows_of(1))
    with closing(sqlite3.connect(cache.path)) as connection:
        [(content,)] = connection.execute("SELECT content FROM blocks WHERE key = 'damaged'")
        changed = bytes([*content[:90], content[90] ^ 4, *content[91:]])
        connection.execute("UPDATE blocks SET content = ? WHERE key = 'damaged'", (changed,))
        connection.commit()
    with pytest.raises(ArtefactError, match=r"sequence damaged: .*checksum.*remove"):
        cache.get("damaged")
    assert_alike(cache.get("whole"), rows_of(0))
    assert cache.remove(["damaged", "none"]) == 1
    assert cache.missing(["whole", "damaged"]) == ["damaged"]
    cache.put("damaged", rows_of(1))
    assert_alike(cache.get("damaged"), rows_of(1))


def test_a_damaged_model_is_refused(cache: DistributionCache, tmp_path: Path) -> None:
    cache.put("key", rows_of(0))
    with closing(sqlite3.connect(cache.path)) as connection:
        connection.execute("UPDATE models SET content = CAST(x'00' || substr(content, 2) AS BLOB)")
        connection.commit()
    with open_cache(tmp_path) as again, pytest.raises(ArtefactError, match="damaged"):
        again.get("key")


def test_files_that_are_no_cache_are_refused(cache: DistributionCache, tmp_path: Path) -> None:
    with closing(sqlite3.connect(cache.path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(ArtefactError, match="later Locum"):
        open_cache(tmp_path)
    other = tmp_path / "other"
    with open_cache(other) as made:
        path = made.path
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(InputError, match="cannot be"):
        open_cache(other)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"teacher": ""}, "fingerprint"),
        ({"vocabulary": 10}, "at most the 10 tokens"),
        ({"vocabulary": 1 << 25}, "expected 1 to 16,777,216"),
    ],
)
def test_caches_that_cannot_be_are_refused(
    tmp_path: Path, wrong: dict[str, object], said: str
) -> None:
    own: dict[str, object] = {"teacher": "hash", "vocabulary": VOCABULARY, "settings": KEPT}
    with pytest.raises(UsageError, match=said):
        DistributionCache(tmp_path, **{**own, **wrong})  # type: ignore[arg-type]


def test_rows_of_another_kind_are_refused(cache: DistributionCache) -> None:
    drawn = Drawn(np.zeros((1, KEPT.count), np.int64), np.zeros((1, KEPT.count), np.float32))
    with pytest.raises(UsageError, match="Drawn rows are put where TopTokens are kept"):
        cache.put("key", drawn)
    assert cache.missing(["key"]) == ["key"]


def read_log(log: Path) -> list[tuple[str, list[str]]]:
    """Return what a filling process noted; a line that does not end is left out."""
    lines = log.read_bytes().split(b"\n")[:-1] if log.exists() else []
    return [(line.split()[0].decode(), line.decode().split()[1:]) for line in lines]


def test_killed_anywhere_nothing_kept_is_lost_or_asked_again(tmp_path: Path) -> None:
    folder, log = tmp_path / "cache", tmp_path / "log"
    command = [sys.executable, "-m", "tests.cache_filling", str(folder), str(log)]
    dice = np.random.default_rng(0)
    packed = some_sequences()
    runs, kills = 0, 0
    while not (runs and read_log(log)[-1][0] == "finished"):
        seen = len(read_log(log))
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
        wanted = int(dice.integers(1, 10))  # of some sixty lines
        deadline = time.monotonic() + 60
        while kills < KILLS and len(read_log(log)) < seen + wanted and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.0005)
        if kills < KILLS:
            time.sleep(dice.uniform(0, 0.01))
            process.send_signal(signal.SIGKILL)
        _, complaint = process.communicate(timeout=60)
        assert process.returncode in {0, -signal.SIGKILL}, complaint.decode()
        kills += process.returncode == -signal.SIGKILL
        runs += 1
        with open_cache(folder) as cache:
            kept = {key for word, keys in read_log(log) if word == "kept" for key in keys}
            assert cache.missing(sorted(kept)) == []
    assert kills == KILLS
    kept.clear()
    for word, keys in read_log(log):
        assert not (word == "asked" and kept & set(keys))
        kept |= set(keys) if word == "kept" else set()
    teacher = HashTeacher(VOCABULARY)
    with open_cache(folder) as cache:
        assert cache.sequences == len(packed.ids_SL)
        counts = packed.learned_SL.sum(dim=1).tolist()
        for key, ids, rows in zip(packed.keys(), packed.ids_SL.tolist(), counts, strict=True):
            assert_alike(cache.get(key), likeliest(teacher.logits(ids, rows), KEPT.count))


def test_processes_read_at_once_while_another_writes(cache: DistributionCache) -> None:
    keys = [f"key {number}" for number in range(20)]
    for number, key in enumerate(keys):
        cache.put(key, rows_of(number))
    expected = read_all(cache, keys)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        results = [pool.apply_async(read_all, (cache, keys)) for _ in range(4)]
        for number in range(20, 40):
            cache.put(f"key {number}", rows_of(number))
        assert [result.get(timeout=60) for result in results] == [expected] * 4
    assert cache.sequences == 40


def test_a_pickled_cache_opens_its_file_again(cache: DistributionCache) -> None:
    cache.put("key", rows_of(0))
    with pickle.loads(pickle.dumps(cache)) as again:  # noqa: S301 - its own
        assert_alike(again.get("key"), rows_of(0))
        again.put("other", rows_of(1))
    assert_alike(cache.get("other"), rows_of(1))


def test_workers_of_a_loader_read(cache: DistributionCache) -> None:
    """They are forked, with a connection that they may not use."""
    keys = [f"key {number}" for number in range(8)]
    for number, key in enumerate(keys):
        cache.put(key, rows_of(number))
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from tests.cache_filling import open_cache\n"
        "cache = open_cache(Path(sys.argv[1]))\n"
        "assert cache.get('key 0') is not None\n"
        "child = os.fork()\n"
        "read = all(cache.get(f'key {n}') is not None for n in range(8))\n"
        "if not child:\n"
        "    os._exit(0 if read and cache.rows == 96 else 1)\n"
        "assert read and os.waitpid(child, 0)[1] == 0\n"
        "cache.close()\n"
    )
    command = [sys.executable, "-c", code, str(cache.path.parent)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)


class StoppedError(Exception):
    """Raised where a teacher stops."""


def test_a_teacher_is_asked_for_what_is_missing_alone(cache: DistributionCache) -> None:
    packed, asked, told = some_sequences(), list[str](), list[tuple[int, int]]()

    def before(keys: list[str]) -> None:
        if len(asked) == 24:
            raise StoppedError
        asked.extend(keys)

    def filling(teacher: HashTeacher) -> int:
        return fill_cache(cache, packed, teacher, batch_sequences=8, tell=lambda *n: told.append(n))

    with pytest.raises(StoppedError):
        filling(HashTeacher(VOCABULARY, before))
    assert (len(asked), cache.sequences) == (24, 24)
    assert filling(HashTeacher(VOCABULARY, asked.extend)) == 36
    assert sorted(asked) == sorted(packed.keys())
    assert told[:3] == [(8, 60), (16, 60), (24, 60)]
    assert told[-1] == (36, 36)
    assert filling(HashTeacher(VOCABULARY, before)) == 0


def test_only_its_own_teacher_fills_a_cache(tmp_path: Path) -> None:
    with DistributionCache(
        tmp_path, teacher="another", vocabulary=VOCABULARY, settings=KEPT
    ) as cache:
        with pytest.raises(UsageError, match="'another' with 500 tokens and 'hash'"):
            fill_cache(cache, some_sequences(), HashTeacher(VOCABULARY))
        with pytest.raises(UsageError, match="not in the cache"):
            CachedTeacher(cache).ask(some_sequences())


def test_a_cached_teacher_says_what_the_teacher_said(cache: DistributionCache) -> None:
    packed, teacher = some_sequences(6), HashTeacher(VOCABULARY)
    fill_cache(cache, packed, teacher)
    cached = CachedTeacher(cache)
    assert cached.vocabulary == VOCABULARY
    assert cached.fingerprint != teacher.fingerprint
    batch = packed.some([4, 1, 1])
    said, online = cached.ask(batch), teacher.ask(batch)
    rows = slice(3, 30)
    listed = said(rows)
    assert isinstance(listed, SparseTargets)
    student_NV = torch.randn(27, VOCABULARY, generator=torch.Generator().manual_seed(0))
    logs_NV = online(rows)
    assert isinstance(logs_NV, torch.Tensor)
    best = likeliest_tokens(logs_NV, KEPT)
    exact = SparseTargets(torch.tensor(best.ids_NK), torch.tensor(best.log_probabilities_NK))
    losses = [float(forward_kl(student_NV, targets)) for targets in (listed, exact)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    # A sequence without a target has no rows, and is not looked for.
    batch.learned_SL[2] = False
    assert isinstance(cached.ask(batch)(slice(0, 5)), SparseTargets)
    batch.ids_SL[0, 3] += 1
    with pytest.raises(UsageError, match="1 of 2 sequences are not in the cache"):
        cached.ask(batch)


@pytest.mark.parametrize("more", [-1, 1])
def test_a_sequence_of_other_rows_than_targets_is_refused(
    cache: DistributionCache, more: int
) -> None:
    """One more in a sequence and one less in the next would be as many in all."""
    packed = some_sequences(2)
    counts = packed.learned_SL.sum(dim=1).tolist()
    for key, count in zip(packed.keys(), (counts[0] + more, counts[1] - more), strict=True):
        cache.put(key, list_tokens([{3: -0.5}] * count, KEPT.count))
    teacher = CachedTeacher(cache)
    with pytest.raises(UsageError, match=rf"{packed.keys()[0]} with {counts[0]} targets, .*remove"):
        teacher.ask(packed)
    cache.remove(packed.keys())
    fill_cache(cache, packed, HashTeacher(VOCABULARY))
    teacher.ask(packed)


@pytest.mark.parametrize("kept", [TopTokens(10), DrawnTokens(10), DrawnTokens(10, power=0.8)])
def test_a_student_learns_from_a_cache(tmp_path: Path, kept: TopTokens | DrawnTokens) -> None:
    packed = pack(some_documents(), 32, 0)
    teacher = ModelTeacher(new_model("llama", SIZE), fingerprint="tiny", precision="float32")
    settings = LanguageSettings(
        epochs=4, sequences_per_step=4, precision="float32", learning_rate=3e-3
    )
    with DistributionCache(tmp_path, teacher="tiny", vocabulary=SIZE, settings=kept) as cache:
        assert fill_cache(cache, packed, teacher) == len(packed.ids_SL)
        training = train_language_model(student_of(), packed, CachedTeacher(cache), settings)
    losses = [step.loss for step in training.steps if step.loss is not None]
    assert np.mean(losses[-3:]) < np.mean(losses[:3])


def test_likeliest_tokens_are_those_of_the_softmax() -> None:
    logits_NV = torch.tensor([[0.0, 2.0, 1.0, -1.0]])
    rows = likeliest_tokens(logits_NV, TopTokens(2, temperature=2.0))
    assert rows.ids_NK.tolist() == [[1, 2]]
    expected = (logits_NV / 2).log_softmax(-1)[0, [1, 2]].numpy()
    np.testing.assert_allclose(rows.log_probabilities_NK[0], expected, rtol=1e-6)
    with pytest.raises(UsageError, match="at most the 4 tokens"):
        likeliest_tokens(logits_NV, TopTokens(5))
    with pytest.raises(UsageError, match="not all numbers"):
        likeliest_tokens(logits_NV * torch.nan, TopTokens(2))


def test_what_was_listed_or_drawn_already_is_kept() -> None:
    dice = torch.Generator()
    ids_NK, logs_NK = torch.tensor([[5, 3, 8]]), torch.log(torch.tensor([[0.1, 0.5, 0.2]]))
    listed = keep(SparseTargets(ids_NK, logs_NK, 1.0), TopTokens(2), dice)
    assert listed[0].tolist() == [[3, 8]]
    np.testing.assert_allclose(np.exp(listed[1]), [[0.5, 0.2]], rtol=1e-6)
    drawn = keep(SampledTargets(ids_NK, logs_NK.exp()), DrawnTokens(3), dice)
    assert drawn[0].tolist() == [[5, 3, 8]]
    for said, kept, message in (
        (SparseTargets(ids_NK, logs_NK, 2.0), TopTokens(2), "temperature 2.0"),
        (SparseTargets(ids_NK, logs_NK), TopTokens(4), "lists 3 tokens"),
        (SparseTargets(ids_NK, logs_NK), DrawnTokens(3), "SparseTargets"),
        (SampledTargets(ids_NK, logs_NK), TopTokens(3), "SampledTargets"),
    ):
        with pytest.raises(UsageError, match=message):
            keep(said, kept, dice)


@pytest.mark.parametrize("power", [1.0, 0.7, 1.5])
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_samples_give_the_whole_cross_entropy_on_average(
    tmp_path: Path, power: float, temperature: float
) -> None:
    """After the cache as well, which rounds weights."""
    trials, size = 4000, 12
    dice = torch.Generator().manual_seed(0)
    teacher_V = torch.randn(size, generator=dice)
    student_V = torch.randn(size, generator=dice)
    kept = DrawnTokens(6, temperature=temperature, power=power)
    drawn = draw_tokens(teacher_V.expand(trials, size), kept, dice)
    with DistributionCache(tmp_path, teacher="t", vocabulary=size, settings=kept) as cache:
        cache.put("key", drawn)
        found = cache.get("key")
    assert isinstance(found, Drawn)
    teacher_V, likely_V = (teacher_V / temperature).softmax(-1), student_V / temperature
    dense = -(temperature**2) * float((teacher_V * likely_V.log_softmax(-1)).sum())
    for rows in (drawn, found):
        ids_NK, weights_NK = torch.from_numpy(rows.ids_NK), torch.from_numpy(rows.weights_NK)
        losses = torch.stack(
            [
                sampled_cross_entropy(
                    student_V[None],
                    ids_NK[n : n + 1],
                    weights_NK[n : n + 1],
                    temperature=temperature,
                )
                for n in range(trials)
            ]
        )
        error = float(losses.std()) / trials**0.5
        assert float(losses.mean()) == pytest.approx(dense, abs=4 * error)
        assert 0 < error < 0.1 * dense


def test_each_token_is_drawn_as_often_as_it_is_likely() -> None:
    dice = torch.Generator().manual_seed(1)
    logits_V = torch.tensor([2.0, 0.0, -1.0, -torch.inf, 1.0])
    drawn = draw_tokens(logits_V.expand(3000, 5), DrawnTokens(7), dice)
    sums = np.zeros(5)
    np.add.at(sums, drawn.ids_NK, drawn.weights_NK)
    expected = logits_V.softmax(-1).double().numpy()
    np.testing.assert_allclose(drawn.weights_NK.sum(axis=1), 1, rtol=1e-5)
    error = np.sqrt(expected * (1 - expected) / 21_000)
    assert (np.abs(sums / 3000 - expected) <= 4 * error + 1e-12).all()
    assert sums[3] == 0


def test_draws_depend_on_the_sequence_alone(tmp_path: Path) -> None:
    packed = some_sequences(8)

    def drawn(folder: str, order: list[int], kept: DrawnTokens) -> list[Listed | Drawn]:
        with open_cache(tmp_path / folder, kept) as cache:
            for some in order:
                fill_cache(cache, packed.some([some]), HashTeacher(VOCABULARY))
            found = list(map(cache.get, Packed.keys(packed)))
        assert None not in found
        return [rows for rows in found if rows is not None]

    one = drawn("one", list(range(8)), DrawnTokens(16))
    other = drawn("other", [5, 2, 7, 0, 1, 3, 6, 4], DrawnTokens(16))
    for left, right in zip(one, other, strict=True):
        for part, beside in zip(by_token(left), by_token(right), strict=True):
            np.testing.assert_array_equal(part, beside)
    third = drawn("third", list(range(8)), DrawnTokens(16, seed=1))
    assert not np.array_equal(by_token(third[0])[0], by_token(one[0])[0])
