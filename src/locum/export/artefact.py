"""The artefact: a folder that holds a certified student, and runs nothing when it is loaded.

``manifest.json`` names the format's version, the family, the task, the temperature and the
certificate, and holds the size and the SHA-256 of every other file. Loading reads the manifest,
checks each file against it, and only then lets the family read its own files (safetensors and
JSON). A file that the manifest does not name is refused too.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from locum.config import RedactionSettings
from locum.errors import ArtefactError, LocumError
from locum.evaluation import Certificate
from locum.export.certified import CertifiedStudent
from locum.export.model_card import render_model_card
from locum.redaction import Redactor
from locum.schema import MANIFEST, Task
from locum.students import find_family

__all__ = ["FORMAT_VERSION", "artefact_size", "load_artefact", "save_artefact"]

FORMAT_VERSION: Literal[1] = 1
_CARD = "README.md"
_LARGEST_MANIFEST = 50_000_000

Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*\.[a-z]+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _File(_Strict):
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _TaskEntry(_Strict):
    name: str
    kind: Literal["classification"] = "classification"
    instruction: str
    labels: list[str]
    descriptions: dict[str, str]
    examples: dict[str, str]


class _CertificateEntry(_Strict):
    threshold: Fraction
    target: Fraction
    confidence: Fraction
    coverage: Fraction
    agreement: Fraction
    lower_bound: Fraction
    all_requests: Fraction
    inputs: int
    answered: int
    disagreements: int


class _RedactionEntry(_Strict):
    off: list[str]
    patterns: dict[str, str]


class _Manifest(_Strict):
    format_version: Literal[1]
    locum_version: str
    family: str
    teacher: str
    task: _TaskEntry
    temperature: Positive
    certificate: _CertificateEntry
    training_data_sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    redaction: _RedactionEntry | None = None
    files: dict[FileName, _File]


def save_artefact(student: CertifiedStudent, directory: str | Path) -> Path:
    """Write a student into a folder that does not exist yet or holds an artefact.

    It is written beside the folder and moved there whole, so that none is ever half written.

    Raises:
        ArtefactError: The folder holds something else, or cannot be written.
    """
    target = Path(directory)
    if target.exists() and not (target / MANIFEST).is_file():
        raise ArtefactError(f"{target} exists and holds no artefact: choose another folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".locum-") as scratch:
            whole = Path(scratch) / "artefact"
            whole.mkdir()
            _write(student, whole)
            if target.exists():
                target.replace(Path(scratch) / "previous")
            whole.replace(target)
    except OSError as error:
        raise ArtefactError(f"{target} cannot be written: {error.strerror}") from None
    return target


def _write(student: CertifiedStudent, directory: Path) -> None:
    files = student.model.save(directory)
    card = directory / _CARD
    card.write_text(render_model_card(student), "utf-8")
    task = student.task
    manifest = _Manifest(
        format_version=FORMAT_VERSION,
        locum_version=version("locum"),
        family=student.model.family,
        teacher=student.teacher,
        task=_TaskEntry(
            name=task.name,
            instruction=task.instruction,
            labels=list(task.labels),
            descriptions=dict(task.descriptions),
            examples=dict(task.examples),
        ),
        temperature=student.temperature,
        certificate=_CertificateEntry(**student.certificate._asdict()),
        training_data_sha256=student.training_sha256,
        redaction=_redaction_entry(student.redaction),
        files={path.name: _describe(path.read_bytes()) for path in [*files, card]},
    )
    (directory / MANIFEST).write_bytes(
        orjson.dumps(manifest.model_dump(), option=orjson.OPT_INDENT_2)
    )


def _redaction_entry(redaction: RedactionSettings | None) -> _RedactionEntry | None:
    if redaction is None:
        return None
    return _RedactionEntry(off=sorted(redaction.off), patterns=dict(redaction.patterns))


def _describe(content: bytes) -> _File:
    return _File(size=len(content), sha256=hashlib.sha256(content).hexdigest())


def load_artefact(directory: str | Path) -> CertifiedStudent:
    """Read a student from its folder; nothing that a file holds is run.

    Raises:
        ArtefactError: The folder holds no artefact; or a file was changed, is missing or is not
            named by the manifest; or its format is of a version that this Locum does not know.
    """
    folder = Path(directory)
    manifest = _read_manifest(folder)
    _check_files(folder, manifest)
    try:
        family = find_family(manifest.family)
        declared = manifest.task
        task = Task(
            name=declared.name,
            labels=tuple(declared.labels),
            instruction=declared.instruction,
            descriptions=declared.descriptions,
            examples=declared.examples,
        )
    except LocumError as error:
        raise ArtefactError(f"{folder}: {error}") from None
    model = family.load(folder)
    if model.classes_ != task.labels:
        raise ArtefactError(f"{folder}: the student's labels are not those of its manifest")
    return CertifiedStudent(
        task=task,
        model=model,
        temperature=manifest.temperature,
        certificate=Certificate(**manifest.certificate.model_dump()),
        teacher=manifest.teacher,
        training_sha256=manifest.training_data_sha256,
        redaction=_redaction(folder, manifest.redaction),
    )


def _redaction(folder: Path, entry: _RedactionEntry | None) -> RedactionSettings | None:
    if entry is None:
        return None
    settings = RedactionSettings(frozenset(entry.off), entry.patterns)
    try:
        Redactor(settings)
    except LocumError as error:
        raise ArtefactError(f"{folder}: {error}") from None
    return settings


def _read_manifest(folder: Path) -> _Manifest:
    path = folder / MANIFEST
    try:
        if path.stat().st_size > _LARGEST_MANIFEST:
            raise ArtefactError(f"{path} is larger than {_LARGEST_MANIFEST:,} bytes: refused")
        content: Any = orjson.loads(path.read_bytes())
    except OSError:
        raise ArtefactError(
            f"{folder} holds no student: there is no readable {MANIFEST} in it; distil the task "
            "first, or give the folder of a student"
        ) from None
    except orjson.JSONDecodeError as error:
        raise ArtefactError(f"{path} is not valid JSON: {error}") from None
    found = content.get("format_version") if isinstance(content, dict) else None
    if found != FORMAT_VERSION:
        raise ArtefactError(
            f"{folder} has format version {found!r} and this Locum knows {FORMAT_VERSION}: save "
            "the student again, or use the Locum that wrote it"
        )
    try:
        return _Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ArtefactError(f"{path}: {where}: {first['msg']}") from None


def _check_files(folder: Path, manifest: _Manifest) -> None:
    present = {entry.name for entry in os.scandir(folder) if not entry.name.startswith(".")}
    unknown = sorted(present - {MANIFEST} - set(manifest.files))
    if unknown:
        raise ArtefactError(f"{folder} holds {unknown[0]!r}, which its manifest does not name")
    for name, expected in manifest.files.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise ArtefactError(f"{folder} lacks the file {name!r} that its manifest names")
        if path.stat().st_size != expected.size or _describe(path.read_bytes()) != expected:
            raise ArtefactError(
                f"{path} is not the file that was saved (its SHA-256 or size differs from the "
                "manifest's): get an unchanged copy"
            )


def artefact_size(directory: Path) -> int:
    """Return the size of all files of an artefact, in bytes."""
    return sum(entry.stat().st_size for entry in os.scandir(directory))
