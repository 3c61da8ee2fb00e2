"""A batch as OpenAI's API describes it."""

from __future__ import annotations

from pydantic import BaseModel

__all__ = ["Problem", "RemoteBatch"]

_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})


class Problem(BaseModel):
    """Why a batch failed as a whole."""

    code: str | None = None
    line: int | None = None
    message: str | None = None


class _Problems(BaseModel):
    data: list[Problem] | None = None


class _Counts(BaseModel):
    completed: int = 0
    failed: int = 0
    total: int = 0


class RemoteBatch(BaseModel):
    """What the provider says of a batch."""

    id: str
    status: str
    created_at: float
    input_file_id: str
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: _Problems | None = None
    request_counts: _Counts | None = None
    metadata: dict[str, str] | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in _ENDED

    @property
    def result_files(self) -> list[str]:
        """The files that say what came of its requests."""
        return [file for file in (self.output_file_id, self.error_file_id) if file]

    @property
    def progress(self) -> str:
        """How far it is, in words."""
        counts = self.request_counts
        if self.status != "in_progress" or counts is None or not counts.total:
            return self.status.replace("_", " ")
        return f"{counts.completed + counts.failed:,} of {counts.total:,} done"

    @property
    def problems(self) -> list[Problem]:
        """Why it failed as a whole."""
        return (self.errors.data if self.errors else None) or []
