"""Credentials and personal data are taken out of calls before they reach the disk."""

from locum.redaction.redacted_text import RedactedText
from locum.redaction.redactor import PERSONAL_KINDS, Redacted, Redactor

__all__ = ["PERSONAL_KINDS", "Redacted", "RedactedText", "Redactor"]
