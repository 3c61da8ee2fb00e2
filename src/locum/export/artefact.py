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
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locum.calibration import AgreementScore
from locum.errors import ArtefactError, LocumError
from locum.evaluation import Certificate
from locum.export.certified import CertifiedStudent
from locum.export.certified_extractor import CertifiedExtractor, UnitCertificates
from locum.export.certified_writer import CertifiedWriter
from locum.export.entries import (
    certificate_entry,
    deferral_entry,
    read_certificate,
    read_deferral,
    read_redaction,
    read_share,
    read_surroundings,
    redaction_entry,
    share_entry,
    surroundings_entry,
)
from locum.export.files import FileFacts, check_files, describe_file
from locum.export.manifest import (
    FORMAT_VERSION,
    AgreementEntry,
    CertificateEntry,
    ExtractionManifest,
    ExtractionTaskEntry,
    FieldEntry,
    FileEntry,
    GenerationManifest,
    GenerationTaskEntry,
    Manifest,
    TaskEntry,
    read_manifest,
)
from locum.export.model_card import render_model_card
from locum.extractors import Temperatures, load_extractor, save_extractor
from locum.replacing import read_whole, replaced_whole
from locum.schema import MANIFEST, GenerationTask, Task
from locum.shapes import ExtractionTask
from locum.students import find_family
from locum.writable import why_unwritable
from locum.writers import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "AnyStudent",
    "check_artefact_place",
    "load_artefact",
    "save_artefact",
    "verify_artefact",
]

_CARD = "README.md"

AnyStudent = CertifiedStudent | CertifiedExtractor | CertifiedWriter
"""A student of any kind of task."""


def save_artefact(
    student: AnyStudent,
    directory: str | Path,
    written: Callable[[str], object] = lambda _: None,
) -> Path:
    """Write a student into a folder that does not exist yet or holds an artefact.

    It is written beside the folder and moved there whole, so that none is ever half written.

    Args:
        student: The student.
        directory: The folder.
        written: Is told the SHA-256 of its manifest before it is moved there.

    Raises:
        ArtefactError: The folder holds something else, or cannot be written.
        UsageError: The student's redaction cannot be; the folder stays as it was.
    """
    target = Path(directory)
    read_whole(target, _refuse_other_content)
    try:
        with replaced_whole(target) as whole:
            _write(student, whole)
            written(describe_file(whole / MANIFEST).sha256)
    except OSError as error:
        raise ArtefactError(f"{target} cannot be written: {error.strerror}") from None
    return target


def check_artefact_place(directory: str | Path) -> None:
    """Refuse a folder into which no student can be saved, before the work that makes one.

    Raises:
        ArtefactError: The folder holds something else, or cannot be written.
    """
    target = Path(directory)
    reason = why_unwritable(target)
    if reason is not None:
        raise ArtefactError(f"{target} cannot be written: {reason}")
    read_whole(target, _refuse_other_content)


def _refuse_other_content(target: Path) -> None:
    if target.exists() and not (target / MANIFEST).is_file():
        raise ArtefactError(f"{target} exists and holds no artefact: choose another folder")


def _write(student: AnyStudent, directory: Path) -> None:
    files = _save_model(student, directory)
    card = directory / _CARD
    card.write_text(render_model_card(student), "utf-8")
    shared = {
        "format_version": FORMAT_VERSION,
        "locum_version": version("locum"),
        "family": student.model.family,
        "teacher": student.teacher,
        "training_data_sha256": student.training_sha256,
        "redaction": redaction_entry(student.redaction),
        "surroundings": surroundings_entry(student.surroundings),
        "files": {
            path.relative_to(directory).as_posix(): FileEntry(**describe_file(path)._asdict())
            for path in [*files, card]
        },
    }
    manifest: Manifest | ExtractionManifest | GenerationManifest
    if isinstance(student, CertifiedExtractor):
        manifest = _describe_extractor(student, shared)
    elif isinstance(student, CertifiedWriter):
        manifest = _describe_writer(student, shared)
    else:
        manifest = _describe_student(student, shared)
    (directory / MANIFEST).write_text(json.dumps(manifest.model_dump(), indent=2), "utf-8")


def _save_model(student: AnyStudent, directory: Path) -> list[Path]:
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
        deferral=deferral_entry(student.deferral),
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
        certificate=certificate_entry(student.certificate),
        fields=[
            FieldEntry(
                path=list(path),
                temperature=temperature,
                value=certificate_entry(student.field_certificates[path].value),
                nothing=certificate_entry(student.field_certificates[path].nothing),
            )
            for path, temperature in student.temperatures.units.items()
        ],
    )


def _describe_writer(student: CertifiedWriter, shared: Mapping[str, Any]) -> GenerationManifest:
    return GenerationManifest(
        **shared,
        task=GenerationTaskEntry(name=student.task.name, instruction=student.task.instruction),
        rule=student.rule,
        judge=student.judge,
        by_chance=share_entry(student.by_chance),
        score=AgreementEntry.model_validate(student.score._asdict()),
        certificate=CertificateEntry(**student.certificate._asdict()),
    )


def load_artefact(directory: str | Path) -> AnyStudent:
    """Read a student from its folder; nothing that a file holds is run.

    Where another one is saved there meanwhile, one of the two is read, whole.

    Raises:
        ArtefactError: The folder holds no artefact; or a file was changed, is missing or is not
            named by the manifest; or its format is of a version that this Locum does not know.
    """
    return read_whole(Path(directory), _load)


def _load(folder: Path) -> AnyStudent:
    manifest = verify_artefact(folder)
    if isinstance(manifest, ExtractionManifest):
        return _load_extractor(folder, manifest)
    if isinstance(manifest, GenerationManifest):
        return _load_writer(folder, manifest)
    return _load_student(folder, manifest)


def verify_artefact(directory: str | Path) -> Manifest | ExtractionManifest | GenerationManifest:
    """Return the manifest of a student's folder, once all that it holds is as the manifest says.

    Raises:
        ArtefactError: See `load_artefact`.
    """
    folder = Path(directory)
    manifest = read_manifest(folder)
    check_files(
        folder, {n: FileFacts(f.size, f.sha256) for n, f in manifest.files.items()}, MANIFEST
    )
    return manifest


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
        redaction=read_redaction(folder, manifest.redaction),
        deferral=read_deferral(manifest.deferral),
        surroundings=read_surroundings(manifest.surroundings),
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
        certificate=read_certificate(manifest.certificate),
        field_certificates={
            path: UnitCertificates(read_certificate(field.value), read_certificate(field.nothing))
            for path, field in fields.items()
        },
        teacher=manifest.teacher,
        training_sha256=manifest.training_data_sha256,
        redaction=read_redaction(folder, manifest.redaction),
        surroundings=read_surroundings(manifest.surroundings),
    )


def _load_writer(folder: Path, manifest: GenerationManifest) -> CertifiedWriter:
    score = manifest.score
    try:
        task = GenerationTask(manifest.task.name, manifest.task.instruction)
        model = Writer.load(folder)
    except LocumError as error:
        raise ArtefactError(f"{folder}: {error}") from None
    if model.family != manifest.family or model.instruction != task.instruction:
        raise ArtefactError(f"{folder}: the student is not the one of its manifest")
    return CertifiedWriter(
        task=task,
        model=model,
        rule=manifest.rule,
        score=AgreementScore(
            tuple(score.means), tuple(score.scales), tuple(score.coefficients), score.intercept
        ),
        certificate=Certificate(**manifest.certificate.model_dump()),
        teacher=manifest.teacher,
        judge=manifest.judge,
        training_sha256=manifest.training_data_sha256,
        redaction=read_redaction(folder, manifest.redaction),
        surroundings=read_surroundings(manifest.surroundings),
        by_chance=read_share(manifest.by_chance),
    )
