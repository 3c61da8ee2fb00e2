"""The same inputs teach the same student in any process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.small_embeddings import clustered_embeddings
from tests.student_cases import make_data
from tests.tiny_encoder import save_tiny_encoder

_ROOT = Path(__file__).parents[1]
_FIT = """
import hashlib, sys
from pathlib import Path
from locum.students import find_family
from tests.student_cases import make_data

family, made_from, folder = sys.argv[1:]
settings = {
    "linear": {},
    "static": {"embeddings": made_from},
    "encoder": {"encoder": made_from, "epochs": 1},
}[family]
data = make_data(200, 1)
student = find_family(family)(["red", "green", "blue"], **settings).fit(data.texts, data.truth)
for path in sorted(student.save(Path(folder))):
    print(path.name, hashlib.sha256(path.read_bytes()).hexdigest())
"""


@pytest.mark.parametrize(
    "family", ["linear", "static", pytest.param("encoder", marks=pytest.mark.slow)]
)
def test_a_family_learns_the_same_in_another_process(family: str, tmp_path: Path) -> None:
    made_from = tmp_path / "made-from"
    if family == "static":
        clustered_embeddings().save(made_from)
    else:
        save_tiny_encoder(made_from, make_data(200, 1).texts)
    saved = []
    for hash_seed in ("1", "2"):
        folder = tmp_path / hash_seed
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", _FIT, family, str(made_from), str(folder)],
            cwd=_ROOT,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        )
        saved.append(done.stdout)
    assert saved[0] == saved[1]
    assert b"weights.safetensors" in saved[0]
