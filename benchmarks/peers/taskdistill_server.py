"""taskdistill's cascade server with a student that takes no time.

Its student is a language model of half a billion parameters, which takes a tenth of a second and
longer. What is measured is what stands around it: its own scripted backend answers from a table, so
that any student of its own would be slower.

``python benchmarks/peers/taskdistill_server.py PORT ANSWERS``, in a Python that has taskdistill;
ANSWERS is a JSON object of texts and their labels. Its files go below ``TASKDISTILL_HOME``.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["main"]

CONFIDENCE = 0.99
THRESHOLD = 0.9
TASK = "banking77"


class NoTeacher:
    """In the place of a teacher: where it is asked, what is measured is not the student."""

    mode = "replay"
    model = "none"

    async def complete(self, body: dict[str, Any]) -> Any:  # noqa: ANN401 - another package's type
        """Refuse."""
        raise RuntimeError(f"the student did not answer {body}")

    def stream(self, body: dict[str, Any]) -> Any:  # noqa: ANN401 - another package's type
        """Refuse."""
        raise RuntimeError(f"the student did not answer {body}")

    async def aclose(self) -> None:
        """Close nothing."""


def main(port: int, answers: dict[str, str]) -> None:
    """Serve until the process is ended."""
    fake = import_module("taskdistill.backends.fake")
    task = import_module("taskdistill.config").load_task(TASK)
    task.labels = sorted(set(answers.values()))
    said = {text: (label, CONFIDENCE) for text, label in answers.items()}
    worker = import_module("taskdistill.serve.worker").ModelWorker(
        lambda: fake.FakeBackend(answers=said), spec=task
    )
    app = import_module("taskdistill.serve.app").create_app(
        task,
        worker=worker,
        teacher=NoTeacher(),
        threshold=THRESHOLD,
        store=import_module("taskdistill.store").Store(),
    )
    import_module("uvicorn").run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
