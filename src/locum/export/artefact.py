"""The artefact: a folder that holds a certified student, and runs nothing when it is loaded.

``manifest.json`` names the format's version, the family, the task, the temperature, the deferral
score and the certificate, and holds the size and the SHA-256 of every other file. Loading reads the
manifest, checks each file against it, and only then lets the family read its own files. A file that
the manifest does not name is refused too. A student that is made of others keeps their files in
folders of their own (``first`` and ``second`` of a cascade, ``member-0`` and so on of an ensemble),
and an extractor those of its tagger and heads; all else lies on one level.
"""

from __future__ import annotations

import json
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locum.calibration import PLAIN_SCORE, DeferralScore
from locum.config import RedactionSettings
from locum.dataset import NO_SURROUNDINGS, Surroundings
from locum.errors import ArtefactError, LocumError
from locum.evaluation import Certificate
from locum.export.certified import CertifiedStudent
from locum.export.certified_extractor import CertifiedExtractor, UnitCertificates
from locum.export.files import FileFacts, check_files, describe_file
from locum.export.manifest import (
    FORMAT_VERSION,
    CertificateEntry,
    DeferralEntry,
    ExtractionManifest,
    ExtractionTaskEntry,
    FieldEntry,
    FileEntry,
    Manifest,
    RedactionEntry,
    SurroundingsEntry,
    TaskEntry,
    read_manifest,
)
from locum.export.model_card import render_model_card
from locum.extractors import Temperatures, load_extractor, save_extractor
from locum.redaction import Redactor
from locum.schema import MANIFEST, Task
from locum.shapes import ExtractionTask
from locum.students import find_family

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["load_artefact", "save_artefact"]

_CARD = "README.md"


def save_artefact(student: CertifiedStudent | CertifiedExtractor, directory: str | Path) -> Path:
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


def _write(student: CertifiedStudent | CertifiedExtractor, directory: Path) -> None:
    files = _save_model(student, directory)
    card = directory / _CARD
    card.write_text(render_model_card(student), "utf-8")
    shared = {
        "format_version": FORMAT_VERSION,
        "locum_version": version("locum"),
        "family": student.model.family,
        "teacher": student.teacher,
        "training_data_sha256": student.training_sha256,
        "redaction": _redaction_entry(student.redaction),
        "surroundings": _surroundings_entry(student.surroundings),
        "files": {
            path.relative_to(directory).as_posix(): FileEntry(**describe_file(path)._asdict())
            for path in [*files, card]
        },
    }
    manifest: Manifest | ExtractionManifest
    if isinstance(student, CertifiedExtractor):
        manifest = _describe_extractor(student, shared)
    else:
        manifest = _describe_student(student, shared)
    (directory / MANIFEST).write_text(json.dumps(manifest.model_dump(), indent=2), "utf-8")


def _save_model(student: CertifiedStudent | CertifiedExtractor, directory: Path) -> list[Path]:
    if isinstance(student, CertifiedExtractor):
        return save_extractor(student.model, directory)
    return student.model.save(directory)


def _describe_student(student: CertifiedStudent, shared: Mapping[str, Any]) -> Manifest:
    task = student.task
    return Manifest(
        **shared,
        task=TaskEntry(
            name=task.name,
            instruction=task.instruction,
            labels=list(task.labels),
            descriptions=dict(task.descriptions),
            examples=dict(task.examples),
        ),
        temperature=student.temperature,
        certificate=CertificateEntry(**student.certificate._asdict()),
        deferral=_deferral_entry(student.deferral),
    )


def _describe_extractor(
    student: CertifiedExtractor, shared: Mapping[str, Any]
) -> ExtractionManifest:
    task = student.task
    return ExtractionManifest(
        **shared,
        task=ExtractionTaskEntry(
            name=task.name,
            instruction=task.instruction,
            answer_schema=task.schema,
            leave_out=list(task.leave_out),
        ),
        temperature=student.temperatures.whole,
        certificate=_certificate_entry(student.certificate),
        fields=[
            FieldEntry(
                path=list(path),
                temperature=temperature,
                value=_certificate_entry(student.field_certificates[path].value),
                nothing=_certificate_entry(student.field_certificates[path].nothing),
            )
            for path, temperature in student.temperatures.units.items()
        ],
    )


def _certificate_entry(certificate: Certificate | None) -> CertificateEntry | None:
    return None if certificate is None else CertificateEntry(**certificate._asdict())


def _redaction_entry(redaction: RedactionSettings | None) -> RedactionEntry | None:
    if redaction is None:
        return None
    return RedactionEntry(off=sorted(redaction.off), patterns=dict(redaction.patterns))


def _surroundings_entry(surroundings: Surroundings) -> SurroundingsEntry | None:
    if surroundings == NO_SURROUNDINGS:
        return None
    return SurroundingsEntry.model_validate(surroundings._asdict())


def _surroundings(entry: SurroundingsEntry | None) -> Surroundings:
    return NO_SURROUNDINGS if entry is None else Surroundings(**entry.model_dump())


def _deferral_entry(deferral: DeferralScore) -> DeferralEntry | None:
    """What is not there is the plain score."""
    if deferral.kind == "plain":
        return None
    return DeferralEntry.model_validate(deferral._asdict())


def load_artefact(directory: str | Path) -> CertifiedStudent | CertifiedExtractor:
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
    if isinstance(manifest, ExtractionManifest):
        return _load_extractor(folder, manifest)
    return _load_student(folder, manifest)


def _load_student(folder: Path, manifest: Manifest) -> CertifiedStudent:
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
        surroundings=_surroundings(manifest.surroundings),
    )


def _load_extractor(folder: Path, manifest: ExtractionManifest) -> CertifiedExtractor:
    declared = manifest.task
    try:
        task = ExtractionTask(
            name=declared.name,
            schema=declared.answer_schema,
            instruction=declared.instruction,
            leave_out=tuple(declared.leave_out),
        )
    except LocumError as error:
        raise ArtefactError(f"{folder}: {error}") from None
    model = load_extractor(folder)
    fields = {tuple(field.path): field for field in manifest.fields}
    same = model.schema == task.answer_schema and [*fields] == [unit.path for unit in model.units]
    if not same or model.family != manifest.family:
        raise ArtefactError(f"{folder}: the student's answers are not those of its manifest")
    return CertifiedExtractor(
        task=task,
        model=model,
        temperatures=Temperatures(
            manifest.temperature, {path: field.temperature for path, field in fields.items()}
        ),
        certificate=_certificate(manifest.certificate),
        field_certificates={
            path: UnitCertificates(_certificate(field.value), _certificate(field.nothing))
            for path, field in fields.items()
        },
        teacher=manifest.teacher,
        training_sha256=manifest.training_data_sha256,
        redaction=_redaction(folder, manifest.redaction),
        surroundings=_surroundings(manifest.surroundings),
    )


def _certificate(entry: CertificateEntry | None) -> Certificate | None:
    return None if entry is None else Certificate(**entry.model_dump())


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
