"""The artefact: a folder that holds a certified student, and runs nothing when it is loaded.

``manifest.json`` names the format's version, the family, the task, the temperature, the deferral
score and the certificate, and holds the size and the SHA-256 of every other file. Loading reads the
manifest, checks each file against it, and only then lets the family read its own files. A file that
the manifest does not name is refused too. A cascade keeps the files of its members in folders of
their own, ``first`` and ``second``; all else lies on one level.
"""

from __future__ import annotations

import tempfile
from importlib.metadata import version
from pathlib import Path

import orjson

from locum.calibration import PLAIN_SCORE, DeferralScore
from locum.config import RedactionSettings
from locum.errors import ArtefactError, LocumError
from locum.evaluation import Certificate
from locum.export.certified import CertifiedStudent
from locum.export.files import FileFacts, check_files, describe_file
from locum.export.manifest import (
    FORMAT_VERSION,
    CertificateEntry,
    DeferralEntry,
    FileEntry,
    Manifest,
    RedactionEntry,
    TaskEntry,
    read_manifest,
)
from locum.export.model_card import render_model_card
from locum.redaction import Redactor
from locum.schema import MANIFEST, Task
from locum.students import find_family

__all__ = ["load_artefact", "save_artefact"]

_CARD = "README.md"


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
            _swap(whole, target, Path(scratch) / "previous")
    except OSError as error:
        raise ArtefactError(f"{target} cannot be written: {error.strerror}") from None
    return target


def _swap(new: Path, target: Path, previous: Path) -> None:
    """Put a folder into the place of another, which comes back where that is interrupted."""
    if target.exists():
        target.replace(previous)
    try:
        new.replace(target)
    except BaseException:
        if previous.exists() and not target.exists():
            previous.replace(target)
        raise


def _write(student: CertifiedStudent, directory: Path) -> None:
    files = student.model.save(directory)
    card = directory / _CARD
    card.write_text(render_model_card(student), "utf-8")
    task = student.task
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        locum_version=version("locum"),
        family=student.model.family,
        teacher=student.teacher,
        task=TaskEntry(
            name=task.name,
            instruction=task.instruction,
            labels=list(task.labels),
            descriptions=dict(task.descriptions),
            examples=dict(task.examples),
        ),
        temperature=student.temperature,
        certificate=CertificateEntry(**student.certificate._asdict()),
        training_data_sha256=student.training_sha256,
        redaction=_redaction_entry(student.redaction),
        deferral=_deferral_entry(student.deferral),
        files={
            path.relative_to(directory).as_posix(): FileEntry(**describe_file(path)._asdict())
            for path in [*files, card]
        },
    )
    (directory / MANIFEST).write_bytes(
        orjson.dumps(manifest.model_dump(), option=orjson.OPT_INDENT_2)
    )


def _redaction_entry(redaction: RedactionSettings | None) -> RedactionEntry | None:
    if redaction is None:
        return None
    return RedactionEntry(off=sorted(redaction.off), patterns=dict(redaction.patterns))


def _deferral_entry(deferral: DeferralScore) -> DeferralEntry | None:
    """What is not there is the plain score."""
    if deferral.kind == "plain":
        return None
    return DeferralEntry.model_validate(deferral._asdict())


def load_artefact(directory: str | Path) -> CertifiedStudent:
    """Read a student from its folder; nothing that a file holds is run.

    Raises:
        ArtefactError: The folder holds no artefact; or a file was changed, is missing or is not
            named by the manifest; or its format is of a version that this Locum does not know.
    """
    folder = Path(directory)
    manifest = read_manifest(folder)
    check_files(
        folder, {n: FileFacts(f.size, f.sha256) for n, f in manifest.files.items()}, MANIFEST
    )
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
        deferral=_deferral(manifest.deferral),
    )


def _redaction(folder: Path, entry: RedactionEntry | None) -> RedactionSettings | None:
    if entry is None:
        return None
    settings = RedactionSettings(frozenset(entry.off), entry.patterns)
    try:
        Redactor(settings)
    except LocumError as error:
        raise ArtefactError(f"{folder}: {error}") from None
    return settings


def _deferral(entry: DeferralEntry | None) -> DeferralScore:
    if entry is None:
        return PLAIN_SCORE
    return DeferralScore(
        entry.kind,
        tuple(entry.means),
        tuple(entry.scales),
        tuple(entry.coefficients),
        entry.intercept,
    )
