"""The gateway's status page in a real browser: it follows the store by itself."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from locum.config import ApplicationSettings
from locum.serving import status_page
from locum.store import PromotionStore, ShadowStore, Tally, open_database
from tests.browsers import Browser, Login, browsing
from tests.status_readers import STORY, watched
from tests.status_stores import ARTEFACT, NOW, disagreement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.gateways import Running

KEY = "sk-own-0123456789abcdef"
ATTACK = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One tab."""
    with browsing() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_page, "_EVERY_SECONDS", 0.3)


def says(text: str) -> str:
    """An expression that holds where the page shows a text."""
    return f"document.body.innerText.includes({text!r})"


def visit(browser: Browser, gateway: Running) -> None:
    browser.complaints.clear()
    browser.visit(f"http://127.0.0.1:{gateway.port}/")
    assert browser.sees("document.getElementById('link').textContent === 'live'")
    browser.value("window.stayed = true")


def test_the_page_changes_without_a_reload(tmp_path: Path, browser: Browser) -> None:
    with watched(tmp_path, STORY) as gateway:
        visit(browser, gateway)
        assert browser.value(says("on for 25% of calls"))
        assert browser.value(says("1,000 calls"))
        with open_database(gateway.store) as database:
            shadows = ShadowStore(database)
            shadows.add_tallies([Tally("support", ARTEFACT, NOW, "", "student", 234)])
            shadows.add_shadows([disagreement(ATTACK)])
        assert browser.sees(says("1,234 calls"))
        assert browser.value(says(ATTACK))
        with open_database(gateway.store) as database:
            PromotionStore(database).end("support", "revoked", "agreement fell")
        assert browser.sees(says("agreement fell"))
        assert browser.value("window.stayed")
        assert browser.complaints == []


def test_what_did_not_change_stays_as_it_is(tmp_path: Path, browser: Browser) -> None:
    with watched(tmp_path, STORY) as gateway:
        visit(browser, gateway)
        browser.value("document.querySelector('.said').marked = true")
        with open_database(gateway.store) as database:
            ShadowStore(database).add_tallies([Tally("support", ARTEFACT, NOW, "", "student", 1)])
        assert browser.sees(says("1,001 calls"))
        assert browser.value("document.querySelector('.said').marked")


def test_a_gateway_that_is_gone_is_said(tmp_path: Path, browser: Browser) -> None:
    with watched(tmp_path, STORY) as gateway:
        visit(browser, gateway)
        gateway.stop()
        assert browser.sees(says("not connected"))
        assert browser.value(says("on for 25% of calls"))


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen(
    browser: Browser, shown: Running, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.call("Emulation.setDeviceMetricsOverride", **size)
    wanted = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.call("Emulation.setEmulatedMedia", features=wanted)
    visit(browser, shown)
    assert browser.value("document.documentElement.scrollWidth <= window.innerWidth")
    light = browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(251, 251, 249)"
    assert light == (scheme == "light")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway whose texts are long."""
    long = STORY._replace(
        task="a-name-without-any-end-" * 9, said=("x" * 400,), ended=("revoked", "y" * 300)
    )
    with watched(tmp_path_factory.mktemp("shown"), STORY, long) as gateway:
        yield gateway


def test_a_browser_asks_for_the_key_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCUM_APPLICATION_KEY", KEY)
    applications = {"a": ApplicationSettings(key_env="LOCUM_APPLICATION_KEY")}
    with (
        watched(tmp_path, STORY, applications=applications) as gateway,
        browsing(Login("anyone", KEY)) as browser,
    ):
        visit(browser, gateway)
        assert browser.value(says("on for 25% of calls"))
        with open_database(gateway.store) as database:
            PromotionStore(database).end("support", "demoted", "by hand")
        assert browser.sees(says("by hand"))


def test_a_page_from_elsewhere_cannot_read_it(tmp_path: Path, browser: Browser) -> None:
    asks = "fetch(URL).then(r => r.text()).then(t => {window.read = t}, () => {window.read = ''})"
    with watched(tmp_path / "one", STORY) as one, watched(tmp_path / "other", STORY) as other:
        url = f"http://127.0.0.1:{other.port}/status.json"
        page = base64.b64encode(b"<title>elsewhere</title>").decode()
        browser.visit(f"data:text/html;base64,{page}")
        browser.value(asks.replace("URL", repr(url)))
        assert browser.sees("window.read === ''")
        visit(browser, one)
        browser.value(asks.replace("URL", repr(url)))
        assert browser.sees("window.read === ''")
