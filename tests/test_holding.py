"""One run alone holds a file, and lets go of it however it ends."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from locum.errors import InputError
from locum.store import hold

if TYPE_CHECKING:
    from pathlib import Path

_HOLDER = """
import sys, time
from pathlib import Path
from locum.store import hold
with hold(Path(sys.argv[1]), busy="busy"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_file_is_held_by_one_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "texts.jsonl"
    with hold(file, busy="busy"), pytest.raises(InputError, match="busy"), hold(file, busy="busy"):
        pass
    with hold(file, busy="busy"), hold(tmp_path / "other", busy="busy"):
        assert not file.exists()


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    file = tmp_path / "texts.jsonl"
    command = [sys.executable, "-c", _HOLDER, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match="busy"), hold(file, busy="busy"):
            pass
        holder.kill()
        holder.wait()
        with hold(file, busy="busy"):
            pass


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", "utf-8")
    place = tmp_path / "file" / "texts.jsonl"
    with pytest.raises(InputError, match=r"\.texts\.jsonl\.lock cannot"), hold(place, busy="busy"):
        pass
