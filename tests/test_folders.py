"""Folders that users name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from locum.distillation.search import SearchSettings
from locum.errors import UsageError
from locum.folders import find_folder
from locum.teachers.pretrained import Pretrained

if TYPE_CHECKING:
    from pathlib import Path

NO_FOLDERS = ("", "~nobody-of-this-name/model", "./" + "x" * 300, "a\0b", "nowhere")


@pytest.mark.parametrize("place", NO_FOLDERS)
def test_what_is_no_folder_is_no_error(place: str) -> None:
    assert find_folder(place) is None


def test_a_folder_is_found_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_folder("~/model") == tmp_path / "model"
    assert find_folder(tmp_path) == tmp_path


@pytest.mark.parametrize("place", NO_FOLDERS[1:3])
def test_an_encoder_that_lies_nowhere_is_refused(place: str) -> None:
    with pytest.raises(UsageError, match="does not exist: expected a folder"):
        SearchSettings(encoder=place).check(set(), "with labels")
    with pytest.raises(UsageError, match="does not exist: expected a folder, a GGUF file"):
        Pretrained(place)
