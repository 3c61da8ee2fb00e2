"""A saved student of Locum's, as a worker that only predicts loads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.students import find_family

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.peers.protocol import Job
    from locum.students import Student

__all__ = ["load"]


def load(folder: Path, job: Job) -> Student:
    """Read what `locum_ladder` saved."""
    return find_family(job.settings["family"]).load(folder)
