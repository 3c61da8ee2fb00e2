"""Forms that upload files (RFC 7578), of which one field is read without a copy of the files."""

from __future__ import annotations

from email.message import Message
from email.parser import BytesHeaderParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read_field"]

_MOST_PARTS = 1_000
_LONGEST_HEAD = 8_192
_LONGEST_VALUE = 1_024


def read_field(form: bytes, content_type: bytes, name: str) -> str:
    """Return the first field of a name; empty where there is none, or this is no form.

    Args:
        form: The body of a request.
        content_type: What its header says that it is.
        name: Of the field.

    Raises:
        ValueError: The field is no text.
    """
    kind = Message()
    kind["content-type"] = content_type.decode("latin-1")
    boundary = kind.get_boundary()
    if kind.get_content_type() != "multipart/form-data" or not boundary:
        return ""
    for head, start, end in _parts(form, boundary.encode("latin-1")):
        part = BytesHeaderParser().parsebytes(head)
        if part.get_param("name", header="content-disposition") == name:
            return form[start:end].decode() if end - start <= _LONGEST_VALUE else ""
    return ""


def _parts(form: bytes, boundary: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the head of each whole part, and where its content begins and ends."""
    delimiter = b"--" + boundary
    start = form.find(delimiter)
    for _ in range(_MOST_PARTS):
        head_end = form.find(b"\r\n\r\n", start, start + _LONGEST_HEAD)
        end = form.find(b"\r\n" + delimiter, head_end + len(b"\r\n"))
        if min(start, head_end, end) < 0:
            return
        yield form[start + len(delimiter) : head_end].lstrip(), head_end + len(b"\r\n\r\n"), end
        start = end + len(b"\r\n")
