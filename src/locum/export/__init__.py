"""Students on disk."""

from locum.export.artefact import FORMAT_VERSION, artefact_size, load_artefact, save_artefact
from locum.export.certified import CertifiedStudent

__all__ = [
    "FORMAT_VERSION",
    "CertifiedStudent",
    "artefact_size",
    "load_artefact",
    "save_artefact",
]
