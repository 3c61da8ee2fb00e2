"""``locum gateway``."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from locum.cli.options import Config, Home
from locum.cli.places import project_settings, store_place, students_folder
from locum.cli.progress import stderr_console
from locum.errors import UsageError

if TYPE_CHECKING:
    from locum.config import GatewaySettings, Settings, UpstreamSettings

__all__ = ["gateway_command"]

_OPENAI = {"url": "https://api.openai.com/v1"}
_ANTHROPIC = {"url": "https://api.anthropic.com", "api": "anthropic"}
_KEYLESS = ", without a key_env: clients send its key in another header than the gateway's"


def gateway_command(
    *,
    upstream: Annotated[
        str | None,
        typer.Option(help="Base URL that answers OpenAI's API; else as locum.toml says."),
    ] = None,
    soft_labels: Annotated[
        bool,
        typer.Option("--soft-labels", help="Ask --upstream for log-probabilities, and hide them."),
    ] = False,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; else locum.toml's, else 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Port, 0 for any free one; else locum.toml's, else 8400."
        ),
    ] = None,
    config: Config = None,
    home: Home = None,
) -> None:
    """Pass calls through to the models that answer them, and record them.

    Point an application's base URL here; nothing else of it changes. Upstreams, keys, limits and
    redaction are declared in locum.toml; without it, calls go to OpenAI and Anthropic with the
    application's own keys. Stops on SIGINT or SIGTERM, once running calls have ended.
    """
    from locum.serving.run import run_gateway
    from locum.store import open_database

    if sys.platform == "win32":
        raise UsageError("the gateway needs Linux or macOS; on Windows run it in WSL")
    settings = project_settings(config)
    chosen = _choose(settings, upstream, host, port, soft_labels=soft_labels)
    place = store_place(home, settings)
    open_database(place).close()
    logging.basicConfig(format="locum: %(message)s", level=logging.WARNING)
    run_gateway(
        chosen,
        place.resolve() if isinstance(place, Path) else place,
        settings.redaction,
        students_folder(home),
        settings.prices,
        lambda bound: _announce(chosen, bound, place),
    )


def _choose(
    settings: Settings,
    upstream: str | None,
    host: str | None,
    port: int | None,
    *,
    soft_labels: bool,
) -> GatewaySettings:
    """The settings of the file, with what the flags say instead."""
    from locum.config import UpstreamSettings

    declared = settings.gateway
    changed: dict[str, Any] = {}
    if upstream is not None:
        changed["upstreams"] = {"upstream": UpstreamSettings(url=upstream, soft_labels=soft_labels)}
    elif soft_labels:
        raise UsageError("--soft-labels goes with --upstream; in locum.toml: soft_labels = true")
    elif not declared.upstreams:
        changed["upstreams"] = {
            "openai": UpstreamSettings.model_validate(_OPENAI),
            "anthropic": UpstreamSettings.model_validate(_ANTHROPIC),
        }
    if host is not None:
        changed["host"] = host
    if port is not None:
        changed["port"] = port
    return declared.model_copy(update=changed)


def _announce(settings: GatewaySettings, port: int, place: str | Path) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    console = stderr_console()
    kept = place if isinstance(place, Path) else "PostgreSQL"
    lines = [
        f"locum gateway: listening on http://{host}:{port}/v1, recording to {kept}",
        f"  status page: http://{host}:{port}/",
        *(
            f"  {name}: {upstream.url}{', soft labels' * upstream.soft_labels}"
            f"{_KEYLESS * _needs_clients_keys(settings, upstream)}"
            for name, upstream in settings.upstreams.items()
        ),
    ]
    for line in lines:
        console.print(line, soft_wrap=True)


def _needs_clients_keys(settings: GatewaySettings, upstream: UpstreamSettings) -> bool:
    """Tell whether clients that send a key of the gateway's have to send a provider's as well."""
    remote = upstream.url.startswith("https:")
    return bool(settings.applications) and remote and upstream.key_env is None
