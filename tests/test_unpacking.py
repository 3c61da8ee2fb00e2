"""Students from the store to the folder of a gateway."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from locum.errors import ArtefactError, InputError
from locum.promotion import unpack_student, write_plan
from locum.store import Database, PromotionStore
from tests.test_promotion_plan import PLAN

if TYPE_CHECKING:
    from pathlib import Path

PIECE_BYTES = 100
MANIFEST = b"{}" * PIECE_BYTES
FILES = {"manifest.json": MANIFEST, "model/weights": bytes(range(256)), "empty": b""}
ARTEFACT = sha256(MANIFEST).hexdigest()


@pytest.fixture
def store(database: Database, monkeypatch: pytest.MonkeyPatch) -> PromotionStore:
    """A store with a student whose files are of several pieces."""
    monkeypatch.setattr("locum.store.student_files._PIECE_BYTES", PIECE_BYTES)
    store = PromotionStore(database)
    store.promote("support", ARTEFACT, FILES, write_plan(PLAN), percent=100.0, shadow=0.02)
    return store


def read(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_student_in_pieces_is_unpacked_whole_and_once(
    store: PromotionStore, tmp_path: Path
) -> None:
    folder = unpack_student(store, ARTEFACT, tmp_path / "students")
    assert folder == tmp_path / "students" / ARTEFACT
    assert read(folder) == FILES
    before = folder.stat().st_ino
    assert unpack_student(store, ARTEFACT, tmp_path / "students").stat().st_ino == before
    assert [*(tmp_path / "students").iterdir()] == [folder]
    assert folder.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "damage", [b"", bytes(range(255)), bytes(range(256)) + b"\0", bytes(256), None]
)
def test_a_damaged_copy_is_replaced(
    store: PromotionStore, tmp_path: Path, damage: bytes | None
) -> None:
    weights = unpack_student(store, ARTEFACT, tmp_path) / "model" / "weights"
    if damage is None:
        weights.unlink()
    else:
        weights.write_bytes(damage)
    assert read(unpack_student(store, ARTEFACT, tmp_path)) == FILES


def test_a_manifest_of_another_student_is_refused(
    store: PromotionStore, database: Database, tmp_path: Path
) -> None:
    database.execute("DELETE FROM artefact_files WHERE name = 'manifest.json' AND part = 1")
    with pytest.raises(ArtefactError, match="was changed: promote the task again"):
        unpack_student(store, ARTEFACT, tmp_path / "students")
    with pytest.raises(InputError, match="holds no student bb"):
        unpack_student(store, "bb", tmp_path / "students")
    assert not (tmp_path / "students").exists()
