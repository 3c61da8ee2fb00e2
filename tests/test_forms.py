"""Fields of forms that upload files, and the upstream that answers such a call."""

from __future__ import annotations

import asyncio
import gzip

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locum.config import LimitSettings, UpstreamSettings
from locum.serving.active_call import read_call
from locum.serving.bodies import read_model
from locum.serving.forms import read_field
from locum.serving.routing import Caller, Router
from locum.serving.wire import Headers, Request

FORM = b"multipart/form-data; boundary=line"
FIELD = b'--line\r\nContent-Disposition: form-data; name="model"\r\n\r\n'
FILE = b'--line\r\nContent-Disposition: form-data; name="file"; filename="model"\r\n\r\n'
SOUND = b"\0\xff\r\n--lin\r\n\r\n--\r\n"


def upload(body: bytes, kind: bytes = FORM, encoding: bytes | None = None) -> Request:
    headers = Headers([(b"Content-Type", kind)])
    if encoding is not None:
        headers.add(b"content-encoding", encoding)
    return Request(
        b"POST",
        b"/v1/audio/transcriptions",
        headers,
        body,
        http_1_1=True,
        keep_alive=True,
        caller=Caller(None, ()),
    )


def encoded(parts: list[tuple[str, str | bytes]]) -> tuple[bytes, bytes]:
    """A form as a client sends it, and what its header says of it."""

    async def encode() -> tuple[bytes, bytes]:
        form = aiohttp.FormData(default_to_multipart=True)
        for name, value in parts:
            form.add_field(name, value, filename="a.wav" if isinstance(value, bytes) else None)
        body = form()
        return await body.as_bytes(), body.content_type.encode()

    return asyncio.run(encode())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (FIELD + b"whisper-1\r\n" + FILE + SOUND + b"\r\n--line--\r\n", "near"),
        (FILE + SOUND + b"\r\n" + FIELD + b"whisper-1\r\n--line--", "near"),
        (b"\r\n" + FIELD + b"whisper-1\r\n--line--", "near"),
        (FIELD.replace(b"line\r\n", b"line \r\n") + b"whisper-1\r\n--line--", "near"),
        (FIELD.replace(b'"', b"").lower() + b"whisper-1\r\n--line--", "near"),
        (FIELD + b"gpt-4o-transcribe\r\n--line--", "far"),
        (FIELD + b"\r\n--line--", "far"),
        (FILE + b"whisper-1\r\n--line--", "far"),
        # What cannot be read: a form that breaks off, too long a name, bytes that are no text.
        (FIELD + b"whisper-1", "far"),
        (FIELD + b"whisper-1" + b"x" * 2_000 + b"\r\n--line--", "far"),
        (FIELD + b"whisper-\xff\r\n--line--", "far"),
        (FILE.replace(b"\r\n\r\n", b"x" * 10_000) + FIELD + b"whisper-1\r\n--line--", "far"),
        ((FILE + b"\r\n") * 1_001 + FIELD + b"whisper-1\r\n--line--", "far"),
        (b"", "far"),
    ],
    ids=range(14),
)
def test_the_model_of_an_upload_chooses_its_upstream(body: bytes, expected: str) -> None:
    near = UpstreamSettings(url="http://b", models=["whisper*"])
    router = Router({"far": UpstreamSettings(url="http://a"), "near": near})
    for request in (upload(body), upload(gzip.compress(body), encoding=b"gzip")):
        call = read_call(request, 0.0, router, LimitSettings(), list[int]().append)
        assert (call.upstream.name, call.endpoint) == (expected, "other")


@pytest.mark.parametrize(
    "kind",
    [b"", b"text/plain", b"multipart/form-data", b"multipart/mixed; boundary=line", b"\xff;=\xff"],
)
def test_what_is_said_to_be_no_form_has_no_fields(kind: bytes) -> None:
    assert read_model(upload(FIELD + b"whisper-1\r\n--line--", kind), LimitSettings()) == ""


texts = st.text(st.characters(codec="utf-8"), max_size=40)
names = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)


@settings(max_examples=25)
@given(st.lists(st.tuples(names, texts | st.binary(max_size=300))), texts)
def test_a_field_is_what_a_client_wrote(parts: list[tuple[str, str | bytes]], model: str) -> None:
    others = [part for part in parts if part[0] != "model"]
    for place in (0, len(others)):
        form, kind = encoded([*others[:place], ("model", model), *others[place:]])
        assert read_field(form, kind, "model") == model
    assert read_field(*encoded([("other", "x"), *others]), "model") == ""


pieces = st.sampled_from(
    [b"--line", b"\r\n", b"\r\n\r\n", b"Content-Disposition:", b' form-data; name="model"', b";"]
)
heads = st.sampled_from([FORM, b"multipart/form-data; boundary*=utf-16''%ff", FORM + b"; \xff*0=x"])


@given(st.lists(pieces | st.binary(max_size=20)).map(b"".join), heads | st.binary(max_size=60))
def test_any_bytes_are_read_or_passed_over(body: bytes, kind: bytes) -> None:
    assert isinstance(read_model(upload(body, kind), LimitSettings()), str)
