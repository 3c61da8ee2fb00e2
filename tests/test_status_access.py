"""Who may see the gateway's status page."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from locum.config import ApplicationSettings
from tests.gateway_clients import ask, get, post
from tests.status_readers import ROUTES, STORY, Listener, watched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.gateways import Running

KEY = "sk-own-0123456789abcdef"


def basic(key: str, name: str = "anyone") -> str:
    return f"authorization: Basic {base64.b64encode(f'{name}:{key}'.encode()).decode()}"


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway that asks for a key."""
    applications = {"a": ApplicationSettings(key_env="LOCUM_APPLICATION_KEY")}
    home = tmp_path_factory.mktemp("keyed")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LOCUM_APPLICATION_KEY", KEY)
        with watched(home, STORY, applications=applications) as gateway:
            yield gateway


@pytest.fixture(scope="module")
def unkeyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway that asks for none."""
    with watched(tmp_path_factory.mktemp("unkeyed"), STORY) as gateway:
        yield gateway


@pytest.mark.parametrize("path", ROUTES)
def test_without_a_key_a_browser_is_told_to_ask_for_one(keyed: Running, path: str) -> None:
    for header in ("x-unused: 1", basic("sk-wrong"), "authorization: Basic !!", basic("")):
        refused = ask(keyed, get(path, header))
        assert refused.status == 401
        assert refused.headers["www-authenticate"].startswith('Basic realm="locum"')
        assert b"support" not in refused.body


@pytest.mark.parametrize("header", [basic(KEY), f"authorization: Bearer {KEY}", f"api-key: {KEY}"])
def test_a_key_opens_it(keyed: Running, header: str) -> None:
    for path in ("/", "/?x=1", "/status.json"):
        assert b"support" in ask(keyed, get(path, header)).body
    listener = Listener(keyed, header)
    assert "support" in listener.next()
    listener.close()


def test_a_password_opens_nothing_else(keyed: Running) -> None:
    """A browser would send it for a form of any other page."""
    for sent in (post(b"{}", basic(KEY)), get("/v1/models", basic(KEY)), get("/", method="POST")):
        refused = ask(keyed, sent)
        assert refused.status == 401
        assert "www-authenticate" not in refused.headers


FOREIGN = [
    ("localhost", "sec-fetch-site: cross-site"),
    ("localhost", "sec-fetch-site: same-site"),
    ("localhost", "origin: http://evil.example"),
    ("localhost", "origin: null"),
]


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(("host", "header"), [*FOREIGN, ("evil.example", "x-unused: 1")])
def test_other_web_pages_cannot_read_it(
    unkeyed: Running, path: str, host: str, header: str
) -> None:
    sent = get(path, header).replace(b"host: localhost", f"host: {host}".encode())
    refused = ask(unkeyed, sent)
    assert refused.status == 403
    assert not [name for name in refused.headers if name.startswith("access-control")]


@pytest.mark.parametrize(("host", "header"), FOREIGN)
def test_other_web_pages_never_make_a_browser_ask_for_a_key(
    keyed: Running, host: str, header: str
) -> None:
    refused = ask(keyed, get("/", header).replace(b"localhost", host.encode()))
    assert refused.status == 403
    assert "www-authenticate" not in refused.headers


def test_without_keys_a_program_of_this_computer_may_read_it(unkeyed: Running) -> None:
    for host in ("localhost:{}", "127.0.0.1:{}", "[::1]:{}"):
        sent = get("/").replace(b"localhost", host.format(unkeyed.port).encode())
        page = ask(unkeyed, sent)
        assert page.status == 200
        assert not [name for name in page.headers if name.startswith("access-control")]


def test_a_link_from_elsewhere_leads_to_the_page(keyed: Running) -> None:
    link = ("sec-fetch-site: cross-site", "sec-fetch-mode: navigate", "sec-fetch-dest: document")
    page = ask(keyed, get("/", basic(KEY), *link))
    assert page.status == 200
    assert page.headers["cross-origin-resource-policy"] == "same-origin"
    assert page.headers["cache-control"] == "no-store"
    own = ("sec-fetch-site: same-origin", "origin: http://localhost")
    assert ask(keyed, get("/", basic(KEY), *own)).status == 200
