"""Students on disk."""

from locum.export.artefact import (
    AnyStudent,
    check_artefact_place,
    load_artefact,
    save_artefact,
    verify_artefact,
)
from locum.export.certified import CertifiedStudent
from locum.export.certified_extractor import CertifiedExtractor, UnitCertificates
from locum.export.certified_writer import CertifiedWriter, score_drafts
from locum.export.files import artefact_size, describe_file
from locum.export.manifest import (
    FORMAT_VERSION,
    ExtractionManifest,
    GenerationManifest,
    read_manifest,
)
from locum.export.telling_apart import tells_apart, warn_of_rule

__all__ = [
    "FORMAT_VERSION",
    "AnyStudent",
    "CertifiedExtractor",
    "CertifiedStudent",
    "CertifiedWriter",
    "ExtractionManifest",
    "GenerationManifest",
    "UnitCertificates",
    "artefact_size",
    "check_artefact_place",
    "describe_file",
    "load_artefact",
    "read_manifest",
    "save_artefact",
    "score_drafts",
    "tells_apart",
    "verify_artefact",
    "warn_of_rule",
]
