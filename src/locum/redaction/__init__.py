"""Credentials and personal data are taken out of calls before they reach the disk."""

from locum.redaction.redacted_text import ANY_PLACEHOLDER, RedactedText, is_placeholder
from locum.redaction.redactor import PERSONAL_KINDS, Redacted, Redactor

__all__ = [
    "ANY_PLACEHOLDER",
    "PERSONAL_KINDS",
    "Redacted",
    "RedactedText",
    "Redactor",
    "is_placeholder",
]
