"""``locum predict``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from locum.cli.options import Home
from locum.cli.places import find_artefact, parse_columns
from locum.cli.progress import stderr_console
from locum.cli.task_inputs import refuse_file_flags
from locum.errors import UsageError
from locum.schema import Extraction, Generation, Prediction
from locum.traffic.strict_json import write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["predict_command"]

Said = Prediction | Extraction | Generation


def predict_command(
    task: Annotated[str, typer.Argument(help="Name of a distilled task, or path of a student.")],
    texts: Annotated[list[str] | None, typer.Argument(help="Texts; else lines of stdin.")] = None,
    *,
    inputs: Annotated[
        Path | None, typer.Option(help="CSV, TSV, JSONL or TXT of texts to predict.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="text=NAME: which column holds the texts.")
    ] = None,
    encoding: Annotated[str, typer.Option(help="Encoding of the file.")] = "utf-8",
    partial: Annotated[
        bool,
        typer.Option(
            "--partial", help="Of JSON that is deferred, give the fields that are certified alone."
        ),
    ] = False,
    home: Home = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line.")
    ] = False,
) -> None:
    """Predict texts from the command line, a file or standard input, one line each.

    Prints label, JSON or text, confidence, and "answered" where the certificate covers the input or
    "deferred" where the teacher should be asked, separated by tabs.
    """
    from locum.export import CertifiedExtractor, load_artefact

    student = load_artefact(find_artefact(task, home))
    source = _texts(texts or [], inputs, column, encoding)
    if partial and not isinstance(student, CertifiedExtractor):
        raise UsageError(f"--partial is for answers in JSON, and {task!r} answers otherwise")
    show: Callable[..., str | bytes] = _to_json if json_output else _to_line
    predictions: Iterator[Said] = student.predict_batch(source)
    for prediction in predictions:
        typer.echo(show(prediction, partial=partial))


def _texts(
    given: list[str], inputs: Path | None, column: list[str] | None, encoding: str
) -> Iterator[str]:
    if given and inputs is not None:
        raise UsageError("give texts or --inputs FILE, not both")
    if inputs is not None:
        from locum.dataset import read_texts

        return iter(read_texts(inputs, parse_columns(column or []), encoding))
    refuse_file_flags(column, encoding)
    return iter(given) if given else _lines(sys.stdin.buffer)


def _lines(stream: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines; what is no UTF-8 is read with a sign for each lost byte, and told."""
    broken = []
    for number, line in enumerate(stream, start=1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            broken.append(number)
            text = line.decode("utf-8", "replace")
        yield text.rstrip("\r\n")
    if broken:
        lines = f"line {broken[0]}" if len(broken) == 1 else f"{len(broken):,} lines"
        first = "" if len(broken) == 1 else f", the first on line {broken[0]}"
        stderr_console().print(
            f"note: {lines} of standard input not in UTF-8{first}: bytes were read as \ufffd",
        )


def _to_json(prediction: Said, *, partial: bool) -> bytes:
    """Return an object in UTF-8, whatever the encoding of standard output."""
    if not isinstance(prediction, Extraction):
        return write_json(prediction._asdict())
    fields = {
        path: field._asdict()
        for path, field in prediction.fields.items()
        if field.accepted or not partial
    }
    return write_json(prediction._asdict() | {"fields": fields})


def _to_line(prediction: Said, *, partial: bool) -> str:
    route = "answered" if prediction.answered else "deferred"
    if isinstance(prediction, Prediction):
        said = prediction.label
    elif isinstance(prediction, Generation):
        # A line is an answer's.
        said = "" if prediction.answer is None else " ".join(prediction.answer.split())
    elif partial and not prediction.answered:
        accepted = {
            path: field.value
            for path, field in prediction.fields.items()
            if field.accepted and field.value not in (None, [])
        }
        said, route = write_json(accepted).decode(), "partial" if accepted else route
    else:
        said = write_json(prediction.answer).decode()
    return f"{said}\t{prediction.confidence:.4f}\t{route}"
