"""Whose calls a gateway answers, whom it asks, and that no key reaches anyone else."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import ssl
import subprocess
import sys
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anthropic
import openai
import orjson
import pytest

from locum.config import ApplicationSettings, UpstreamSettings
from tests.gateway_clients import BODY, CHAT, SAID, Client, ask, get, happens, post, serving
from tests.gateways import Loop, Received, Upstream, running_gateway, upstream_server
from tests.gateways import http as answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.gateways import Running

OPENAI_KEY = "sk-openai-0123456789abcdef"
ANTHROPIC_KEY = "sk-ant-0123456789abcdef"
OWN_KEY = "sk-own-0123456789abcdef"
PAGE = {"object": "list", "data": [], "has_more": False, "first_id": None, "last_id": None}


async def well(request: Received, writer: asyncio.StreamWriter) -> None:
    assert request.method
    writer.write(answer(200, SAID))


# Which of two upstreams is asked


async def page(request: Received, writer: asyncio.StreamWriter) -> None:
    assert request.method
    writer.write(answer(200, orjson.dumps({**PAGE, "input_tokens": 1})))


@contextmanager
def between_two(home: Path) -> Iterator[tuple[Upstream, Upstream, Running]]:
    with upstream_server(page) as one, upstream_server(page) as other:
        upstreams = {
            "openai": UpstreamSettings(url=one.url),
            "anthropic": UpstreamSettings(url=other.url, api="anthropic"),
        }
        with running_gateway(home, upstreams) as gateway:
            yield one, other, gateway


OPENAI_CALLS: dict[str, Callable[[openai.OpenAI], object]] = {
    "models": lambda sdk: list(sdk.models.list()),
    "completion messages": lambda sdk: list(sdk.chat.completions.messages.list("c1")),
    "thread messages": lambda sdk: list(sdk.beta.threads.messages.list("t1")),
    "new message": lambda sdk: sdk.beta.threads.messages.create("t1", role="user", content="x"),
    "files": lambda sdk: list(sdk.files.list()),
}
ANTHROPIC_CALLS: dict[str, Callable[[anthropic.Anthropic], object]] = {
    "models": lambda sdk: list(sdk.models.list()),
    "files": lambda sdk: list(sdk.beta.files.list()),
    "messages": lambda sdk: sdk.messages.create(
        model="claude", max_tokens=9, messages=[{"role": "user", "content": "x"}]
    ),
    "tokens": lambda sdk: sdk.messages.count_tokens(
        model="claude", messages=[{"role": "user", "content": "x"}]
    ),
}


@pytest.mark.parametrize("name", OPENAI_CALLS)
def test_calls_of_the_openai_sdk_go_to_the_upstream_of_that_api(tmp_path: Path, name: str) -> None:
    with between_two(tmp_path) as (right, wrong, gateway):
        sdk = openai.OpenAI(base_url=gateway.url, api_key=OPENAI_KEY, max_retries=0)
        with sdk, warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            OPENAI_CALLS[name](sdk)
        (received,) = right.received
        assert received.headers["authorization"] == f"Bearer {OPENAI_KEY}"
        assert not wrong.received


@pytest.mark.parametrize("name", ANTHROPIC_CALLS)
def test_calls_of_the_anthropic_sdk_go_to_the_upstream_of_that_api(
    tmp_path: Path, name: str
) -> None:
    with between_two(tmp_path) as (wrong, right, gateway):
        url = gateway.url.removesuffix("/v1")
        with anthropic.Anthropic(base_url=url, api_key=ANTHROPIC_KEY, max_retries=0) as sdk:
            ANTHROPIC_CALLS[name](sdk)
        (received,) = right.received
        assert ANTHROPIC_KEY in str(received.headers)
        assert not wrong.received


# Who may call


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("header", ["x-unused: 1", "authorization: Bearer sk-wrong-key"])
def test_who_has_no_key_is_refused_before_a_body_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, header: str
) -> None:
    monkeypatch.setenv("LOCUM_APPLICATION_KEY", OWN_KEY)
    applications = {"a": ApplicationSettings(key_env="LOCUM_APPLICATION_KEY")}
    head = get(CHAT, "content-length: 30000000", "expect: 100-continue", header, method=method)
    with (
        upstream_server(well) as upstream,
        running_gateway(
            tmp_path, {"u": UpstreamSettings(url=upstream.url)}, applications=applications
        ) as gateway,
    ):
        refused = ask(gateway, head)
        assert refused.status == 401
        assert orjson.loads(refused.body)["error"]["code"] == "invalid_api_key"
        with Client(gateway) as client:
            client.send(head.replace(header.encode(), f"authorization: Bearer {OWN_KEY}".encode()))
            assert client.answer().status == 100
        assert not upstream.received


HOSTS = ["localhost:{}", "127.0.0.1:{}", "[::1]:{}"]
FOREIGN = [
    ("evil.example", "x-unused: 1"),
    ("evil.example:{}", "x-unused: 1"),
    ("localhost.evil.example:{}", "x-unused: 1"),
    ("localhost:{}", "sec-fetch-site: same-origin"),
    ("localhost:{}", "sec-fetch-site: cross-site"),
    ("localhost:{}", "origin: http://evil.example"),
]


def from_host(gateway: Running, host: str, *headers: str) -> bytes:
    sent = get("/v1/files/f1/content", *headers)
    return sent.replace(b"host: localhost", f"host: {host.format(gateway.port)}".encode())


@pytest.mark.parametrize("host", HOSTS)
def test_a_program_of_this_computer_may_spend_the_gateways_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("LOCUM_UPSTREAM_KEY", OWN_KEY)
    with serving(well, tmp_path, key_env="LOCUM_UPSTREAM_KEY") as (upstream, gateway):
        assert ask(gateway, from_host(gateway, host)).status == 200
        assert upstream.received[0].headers["authorization"] == f"Bearer {OWN_KEY}"


@pytest.mark.parametrize(("host", "header"), FOREIGN)
def test_a_web_page_may_not_spend_the_gateways_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, header: str
) -> None:
    monkeypatch.setenv("LOCUM_UPSTREAM_KEY", OWN_KEY)
    with serving(well, tmp_path, key_env="LOCUM_UPSTREAM_KEY") as (upstream, gateway):
        assert ask(gateway, from_host(gateway, host, header)).status == 403
        assert not upstream.received


def test_a_web_page_may_not_call_a_server_that_asks_for_no_key(tmp_path: Path) -> None:
    """Such a server goes by the names that it is called by, and the gateway writes its own."""
    with serving(well, tmp_path) as (upstream, gateway):
        for host, header in FOREIGN:
            sent = from_host(gateway, host, header)
            assert ask(gateway, sent).status == 403
            assert ask(gateway, sent.replace(b"/v1/files/f1/content", b"/metrics")).status == 403
        assert not upstream.received


@pytest.mark.parametrize(
    ("header", "secret"),
    [
        ("authorization: Token qwertyasdfgh98761", "qwertyasdfgh98761"),
        ("authorization: qwertyasdfgh98761", "qwertyasdfgh98761"),
        ("x-goog-api-key: lower-case-words-here", "lower-case-words-here"),
        ("ocp-apim-subscription-key: lower-case-words-here", "lower-case-words-here"),
        ("cookie: theme=dark; sid=words-and-a-number-7", "words-and-a-number-7"),
    ],
)
def test_a_credential_that_stands_in_the_prompt_is_not_stored(
    tmp_path: Path, header: str, secret: str
) -> None:
    messages = [{"role": "user", "content": f"My secret is {secret}, keep it."}]
    with serving(well, tmp_path) as (upstream, gateway):
        sent = post(orjson.dumps({"model": "m", "messages": messages}), header)
        assert ask(gateway, sent).status == 200
        assert secret.encode() in upstream.received[0].body
        (call,) = gateway.calls()
        assert "My secret is " in str(call.request)
        assert secret not in str(call.request)


@pytest.mark.parametrize("status", [200, 401])
def test_a_key_that_an_upstream_repeats_is_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    async def repeat(request: Received, writer: asyncio.StreamWriter) -> None:
        said = f"{request.headers['authorization']} at {request.target}"
        message = {"role": "assistant", "content": said}
        body = {"error": {"message": said}, "choices": [{"index": 0, "message": message}]}
        writer.write(answer(status, orjson.dumps(body)))

    monkeypatch.setenv("UP", "correct-horse-battery-staple")
    with upstream_server(repeat) as upstream:
        upstreams = {"main": UpstreamSettings(url=upstream.url, key_env="UP")}
        with running_gateway(tmp_path, upstreams) as gateway:
            said = ask(gateway, post(path=f"{CHAT}?key=some-plain-words")).body
            assert b"correct-horse-battery-staple" in said
            (call,) = gateway.calls()
    assert " at /v1/chat/completions?key=" in str(call.response)
    assert "correct-horse" not in str(call)
    assert "some-plain-words" not in str(call)


# Upstreams behind TLS


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate that signs itself, and its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with")
    made = tmp_path / "certificate.pem"
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    whose = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(made), "-days", "2"]
    subprocess.run([openssl, "req", *kind, *whose, *files], check=True, capture_output=True)
    made.write_text(made.read_text("utf-8") + (tmp_path / "key.pem").read_text("utf-8"), "utf-8")
    return made


@contextmanager
def tls_server(certificate: Path) -> Iterator[Upstream]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    loop, upstream = Loop(), Upstream(well)
    server = loop.run(asyncio.start_server(upstream.handle, "127.0.0.1", 0, ssl=context))
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()
        loop.close()


@contextmanager
def gateway_process(home: Path, url: str) -> Iterator[int]:
    """Run a gateway that reads the environment anew; yields its port."""
    command = [sys.executable, "-m", "locum", "gateway", "--port", "0", "--upstream", url]
    log = home / "gateway.log"
    with log.open("w") as output:
        process = subprocess.Popen([*command, "--home", str(home)], stderr=output)
    try:
        assert happens(lambda: "http://127.0.0.1:" in log.read_text("utf-8"), 60.0)
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", log.read_text("utf-8"))
        assert found
        yield int(found[1])
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.parametrize("trusted", [True, False])
def test_the_certificate_of_an_upstream_is_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificate: Path, *, trusted: bool
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    else:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with tls_server(certificate) as upstream:
        url = f"https://localhost:{upstream.port}/v1"
        with (
            gateway_process(tmp_path, url) as port,
            socket.create_connection(("127.0.0.1", port), 10) as sock,
        ):
            sock.sendall(post(BODY, "connection: close"))
            read = b"".join(iter(lambda: sock.recv(65536), b""))
        head, _, body = read.partition(b"\r\n\r\n")
        if trusted:
            assert body == SAID
        else:
            assert head.startswith(b"HTTP/1.1 502 ")
            assert b"certificate" in body
        assert len(upstream.received) == trusted
