"""Importers of log files; one file a format."""

from locum.traffic.imports.formats import FORMATS
from locum.traffic.imports.import_calls import import_calls
from locum.traffic.imports.items import LogFormat
from locum.traffic.imports.report import ImportedFile, ImportReport

__all__ = ["FORMATS", "ImportReport", "ImportedFile", "LogFormat", "import_calls"]
