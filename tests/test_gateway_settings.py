"""What ``locum.toml`` says of the gateway is what it does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import openai
import orjson
import pytest

from locum.cli import gateway as command
from locum.config import (
    ApplicationSettings,
    GatewaySettings,
    UpstreamSettings,
    load_settings,
)
from locum.errors import UsageError
from locum.store import CallFilter, CallStore, open_database
from tests.gateways import Received, upstream_server, wait_for_port
from tests.gateways import http as answer

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

SETTINGS = """
[gateway]
port = 0
[gateway.upstreams.first]
url = "{first}"
key_env = "FIRST_KEY"
[gateway.upstreams.second]
url = "{second}"
models = ["local-*"]
[gateway.applications.web]
key_env = "WEB_KEY"
[store]
url = "kept/calls.sqlite"
[redaction]
off = ["email"]
[redaction.patterns]
customer = 'CU-[0-9]{{8}}'
"""
SAID = orjson.dumps({"choices": [{"message": {"role": "assistant", "content": "yes"}}]})


async def script(request: Received, writer: asyncio.StreamWriter) -> None:
    assert request.body
    writer.write(answer(200, SAID))


def test_a_gateway_does_what_its_file_says(tmp_path: Path) -> None:
    with upstream_server(script) as first, upstream_server(script) as second:
        file = tmp_path / "locum.toml"
        file.write_text(SETTINGS.format(first=first.url, second=second.url))
        log = tmp_path / "gateway.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "locum", "gateway"],
                cwd=tmp_path,
                env=os.environ | {"FIRST_KEY": "first-key-1", "WEB_KEY": "web-key-12345"},
                stderr=output,
                text=True,
            )
        try:
            url = f"http://127.0.0.1:{wait_for_port(log, process)}/v1"
            with (
                openai.OpenAI(base_url=url, api_key="wrong", max_retries=0) as sdk,
                pytest.raises(openai.AuthenticationError),
            ):
                sdk.models.list()
            with openai.OpenAI(base_url=url, api_key="web-key-12345", max_retries=0) as sdk:
                for model in ("gpt", "local-1"):
                    text = f"a@example.org is CU-12345678 at {model}"
                    message: openai.types.chat.ChatCompletionUserMessageParam
                    message = {"role": "user", "content": text}
                    sdk.chat.completions.create(model=model, messages=[message])
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    assert [r.headers.get("authorization") for r in first.received] == ["Bearer first-key-1"]
    assert [r.headers.get("authorization") for r in second.received] == [None]
    with open_database(tmp_path / "kept" / "calls.sqlite") as database:
        calls = list(CallStore(database).iterate(CallFilter()))
    assert [(call.facts.upstream, call.facts.application) for call in calls] == [
        ("first", "web"),
        ("second", "web"),
    ]
    assert calls[0].facts.preview == "a@example.org is [CUSTOMER_1] at gpt"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[gateway]\nport = 99999", "gateway.port"),
        ('[gateway.upstreams.x]\nmodels = ["a"]', "gateway.upstreams.x.url"),
        ('[gateway.upstreams.x]\nurl = "http://h"\napi = "google"', "gateway.upstreams.x.api"),
        ("[gateway.limits]\nbody_bytes = -1", "gateway.limits.body_bytes"),
        ("[gateway.limits]\nhead_seconds = nan", "gateway.limits.head_seconds"),
        ("[gateway]\nunknown = 1", "gateway.unknown"),
        ("[redaction]\noff = 'email'", "redaction.off"),
        ("[gateway.limits]\nheld_bytes = 9", "gateway.limits: held_bytes is 9 and body_bytes 33"),
        ('[gateway.traces]\nendpoint = "localhost:4318"', "gateway.traces.endpoint: .*https"),
        ('[gateway.upstreams.x]\nurl = "http://h"\nkey_env = ""', "gateway.upstreams.x.key_env"),
        ('[gateway.applications.x]\nkey_env = ""', "gateway.applications.x.key_env"),
        ('[store]\nurl = ""', "store.url"),
    ],
)
def test_a_setting_that_cannot_be_is_named(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "locum.toml").write_text(content)
    with pytest.raises(UsageError, match=said):
        load_settings(tmp_path / "locum.toml")


def test_an_upstream_that_gets_no_key_is_named_at_the_start(
    capsys: pytest.CaptureFixture[str],
) -> None:
    upstreams = {
        "openai": UpstreamSettings(url="https://api.openai.com/v1"),
        "keyed": UpstreamSettings(url="https://api.example.com/v1", key_env="KEY"),
        "local": UpstreamSettings(url="http://127.0.0.1:8000/v1"),
    }
    applications = {"web": ApplicationSettings(key_env="WEB_KEY")}
    for settings in (
        GatewaySettings(upstreams=upstreams, applications=applications),
        GatewaySettings(upstreams=upstreams),
    ):
        command._announce(settings, 8400, "postgresql://")  # noqa: SLF001
        said = capsys.readouterr().err
        keyless = [line.split(":")[0].strip() for line in said.splitlines() if "key_env" in line]
        assert keyless == ["openai"] * bool(settings.applications)
