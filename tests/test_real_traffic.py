"""Slow: the promise on 13,042 real queries with a real teacher's answers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

ROOT = Path(__file__).parent.parent
CALLS = ROOT / "benchmarks" / "data" / "banking77_deepseek.csv"

pytestmark = pytest.mark.slow


def run(*command: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def test_banking77_is_certified_on_most_inputs(tmp_path: Path) -> None:
    printed = run(
        "-m", "locum", "distill", "banking77", "--calls", str(CALLS), "--json", folder=tmp_path
    )
    result = orjson.loads(printed)
    assert result["certificate"]["coverage"] >= 0.64
    assert result["certificate"]["lower_bound"] >= 0.95
    assert result["test"]["answered_agreement"]["value"] >= 0.95


def test_the_promise_is_kept_over_random_splits(tmp_path: Path) -> None:
    benchmark = ROOT / "benchmarks" / "certificate_validity.py"
    printed = run(str(benchmark), "--splits", "20", folder=tmp_path)
    certified, usual = (int(found) for found in re.findall(r"(\d+) of 20", printed))
    assert certified <= 3
    assert usual > certified
