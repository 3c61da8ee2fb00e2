"""Students on disk."""

from locum.export.artefact import load_artefact, save_artefact
from locum.export.certified import CertifiedStudent
from locum.export.certified_extractor import CertifiedExtractor, UnitCertificates
from locum.export.files import artefact_size
from locum.export.manifest import FORMAT_VERSION

__all__ = [
    "FORMAT_VERSION",
    "CertifiedExtractor",
    "CertifiedStudent",
    "UnitCertificates",
    "artefact_size",
    "load_artefact",
    "save_artefact",
]
