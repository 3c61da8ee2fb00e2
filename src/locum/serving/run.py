"""Run a gateway until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from typing import TYPE_CHECKING

from locum.serving.gateway import Gateway
from locum.serving.open_files import raise_file_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from locum.config import GatewaySettings, RedactionSettings
    from locum.schema import OwnPrice

__all__ = ["run_gateway"]

# Calls leave no cycles behind, so that collecting seldom costs no memory.
_OBJECTS_BEFORE_COLLECTION = 50_000
_FILES_OF_A_CALL = 2
# Calls that are for the record alone, the store, the recorder, students, the log.
_OTHER_FILES = 400
_log = logging.getLogger("locum.gateway")


def run_gateway(
    settings: GatewaySettings,
    place: str | Path,
    redaction: RedactionSettings,
    students: Path,
    prices: Mapping[str, OwnPrice],
    announce: Callable[[int], None],
) -> None:
    """Serve until SIGTERM or SIGINT; a second one aborts the calls that still run.

    Args:
        settings: Where to listen, who answers, who may call.
        place: The store: path or URL.
        redaction: What is taken out of calls before they are kept.
        students: Folder where promoted students are unpacked.
        prices: One's own prices, by model.
        announce: Is told the port once calls are taken.

    Raises:
        UsageError: A setting cannot be used.
    """
    _allow_files(settings.limits.calls)
    gateway = Gateway(settings, place, redaction, students, prices)
    gc.freeze()
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTION)
    asyncio.run(_serve(gateway, settings.limits.notice_seconds, announce))


def _allow_files(calls: int) -> None:
    """Let the gateway have open what it may, and say where that is too little."""
    most = raise_file_limit()
    if most < _FILES_OF_A_CALL * calls + _OTHER_FILES:
        _log.warning(
            "%d files may be open here, too few for gateway.limits.calls = %d with two connections "
            "each: raise the limit (ulimit -Hn), or lower calls",
            most,
            calls,
        )


async def _serve(gateway: Gateway, notice_seconds: float, announce: Callable[[int], None]) -> None:
    announce(await gateway.start())
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.put_nowait, number)
    first = await told.get()
    stopping = loop.create_task(gateway.stop(notice_seconds if first is signal.SIGTERM else 0.0))
    again = loop.create_task(told.get())
    await asyncio.wait({stopping, again}, return_when=asyncio.FIRST_COMPLETED)
    if not stopping.done():
        gateway.cut()
    again.cancel()
    await stopping
