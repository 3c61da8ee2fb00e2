"""Tasks that are recorded, distilled and promoted by ``locum``'s own commands, to be served."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.banking_calls import (
    TASK,
    answer_body,
    instruction,
    labels_of,
    read_calls,
    request_body,
    write_pairs,
)
from benchmarks.extraction_sets import read_snips

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "ServedCall",
    "ServedTask",
    "locum",
    "make_banking",
    "make_commands",
    "promote",
    "read_status",
]

COMMANDS = "commands"
COMMANDS_INSTRUCTION = "Say what the command to the assistant wants, and fill its slots."
COMMANDS_MODEL = "gpt-4.1-mini"
COMMANDS_LEARNED = 6_000


class ServedCall(NamedTuple):
    """A held-out call.

    Args:
        text: The input.
        body: What is sent.
        student: What the student says, as text.
        answered: Whether its certificate covers that.
        teacher: What the teacher says.
    """

    text: str
    body: dict[str, Any]
    student: str
    answered: bool
    teacher: str


class ServedTask(NamedTuple):
    """A task that is promoted.

    Args:
        name: Its name.
        home: Folder of its store.
        calls: Held-out calls.
    """

    name: str
    home: Path
    calls: list[ServedCall]

    @property
    def answered(self) -> list[ServedCall]:
        """Those that the student answers."""
        return [call for call in self.calls if call.answered]


def locum(*words: str, home: Path) -> str:
    """Run a command of ``locum``, and return what it printed."""
    command = [sys.executable, "-m", "locum", *words, "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"locum {words[0]}: {done.stdout}{done.stderr}")
    return done.stdout


def promote(task: ServedTask, percent: float, shadow: float) -> None:
    """Promote the task's student."""
    locum(
        *("promote", task.name, "--percent", f"{percent:g}", "--shadow", f"{shadow:g}"),
        home=task.home,
    )


def read_status(task: ServedTask) -> dict[str, Any]:
    """Return what ``locum status`` says."""
    [standing] = json.loads(locum("status", task.name, "--json", home=task.home))["tasks"]
    found: dict[str, Any] = standing
    return found


def make_banking(folder: Path) -> ServedTask:
    """Distil the recorded banking queries; what is there from before is taken."""
    calls = read_calls()
    system = instruction(labels_of(calls))
    home = folder / TASK
    if not (home / TASK / "student").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        pairs = folder / f"{TASK}.jsonl"
        write_pairs([call for call in calls if call.split == "train"], system, pairs)
        distil(TASK, pairs, home)
    held_out = [call for call in calls if call.split == "test" and call.is_plain]
    texts = [call.text for call in held_out]
    said = predict(TASK, texts, home)
    served = [
        ServedCall(
            call.text,
            request_body(system, call.text),
            prediction["label"],
            prediction["answered"],
            call.answer,
        )
        for call, prediction in zip(held_out, said, strict=True)
    ]
    return ServedTask(TASK, home, served)


def make_commands(folder: Path, data: Path) -> ServedTask:
    """Distil SNIPS, whose answers are JSON, likewise; people's answers are the teacher's."""
    whole = read_snips(data)
    home = folder / COMMANDS
    if not (home / COMMANDS / "student").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        rows = list(zip(whole.train, whole.train_answers, strict=True))
        chosen = random.Random(0).sample(rows, COMMANDS_LEARNED)  # noqa: S311 - a sample
        pairs = folder / f"{COMMANDS}.jsonl"
        with pairs.open("w", encoding="utf-8") as file:
            for number, (text, answer) in enumerate(chosen):
                request = command_body(text.text, whole.schema)
                answered = answer_body(f"{number:024d}", json.dumps(answer), text.text)
                pair = {"request": request, "response": answered | {"model": COMMANDS_MODEL}}
                file.write(json.dumps(pair) + "\n")
        distil(COMMANDS, pairs, home)
    texts = [text.text for text in whole.test if text.text.isascii() and "$" not in text.text]
    said = predict(COMMANDS, texts, home)
    served = [
        ServedCall(
            text,
            command_body(text, whole.schema),
            json.dumps(prediction["answer"]),
            prediction["answered"],
            "",
        )
        for text, prediction in zip(texts, said, strict=True)
    ]
    return ServedTask(COMMANDS, home, served)


def command_body(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return what an application sends to have a command taken apart."""
    shape = {"name": "command", "schema": schema}
    return {
        **request_body(COMMANDS_INSTRUCTION, text),
        "model": COMMANDS_MODEL,
        "response_format": {"type": "json_schema", "json_schema": shape},
    }


def distil(task: str, pairs: Path, home: Path) -> None:
    """Import calls, and train the linear student."""
    print(f"{task}: importing and distilling ...", file=sys.stderr, flush=True)
    locum("import", str(pairs), "--task", task, home=home)
    locum("distill", task, "--student", "linear", "--quiet", home=home)


def predict(task: str, texts: list[str], home: Path) -> list[dict[str, Any]]:
    """Return what the student says of texts."""
    file = home / "held_out.jsonl"
    file.write_text("".join(json.dumps({"text": t}) + "\n" for t in texts), encoding="utf-8")
    printed = locum("predict", task, "--inputs", str(file), "--json", home=home)
    return [json.loads(line) for line in printed.splitlines()]
