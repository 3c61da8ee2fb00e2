"""What the gateway adds to a call, beside nginx and LiteLLM's proxy in the same run.

``python benchmarks/gateway_overhead.py [--litellm PATH] [--seconds N]``. Needs nginx and wrk, which
Debian has as packages of these names, and Linux. LiteLLM's proxy is measured where ``--litellm``
names its program, best installed into a virtual environment of its own
(``pip install 'litellm[proxy]'``).

The upstream is nginx that answers from memory: a chat completion of 0.6 KB, plain or as a stream of
events. The gateway checks a key, routes by model, and records every call to SQLite with redaction;
its processor time includes its recorder's, until the last call is on disk. nginx and LiteLLM record
nothing. Processor time is user and system time of a proxy's processes, from ``/proc``.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONNECTIONS = (1, 16)
PACED_CALLS = 2000
KEY = "sk-benchmark-0123456789abcdef"
SYSTEM = "Classify the query into one of the intents of the bank. " * 16
MODELS = {"plain": "gpt-4.1", "stream": "gpt-4.1-mini"}
BODY = {
    "temperature": 0,
    "messages": [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "Where is my card? I ordered it two weeks ago."},
    ],
}
ANSWER = {
    "id": "chatcmpl-$request_id",
    "object": "chat.completion",
    "created": 1741569952,
    "model": "gpt-4.1-2025-04-14",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "card_arrival", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 219,
        "completion_tokens": 4,
        "total_tokens": 223,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    },
    "service_tier": "default",
}
PIECES = ("card", "_arr", "ival", None)
NGINX = """
daemon off; worker_processes 1; pid {home}/nginx-{port}.pid; error_log {home}/error.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_buffer_size 64k;
  client_body_temp_path {home}/b; proxy_temp_path {home}/p; fastcgi_temp_path {home}/f;
  uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
  {http}
}}
"""
UPSTREAM = """
  default_type application/json;
  server {{
    listen 127.0.0.1:{port}; root {home};
    location /plain/ {{ return 200 '{answer}'; }}
    location /stream/ {{
      error_page 405 =200 /events.txt; return 405;
    }}
    location = /events.txt {{ ssi on; ssi_types *; types {{ text/event-stream txt; }} }}
    {pieces}
  }}
"""
PROXY = """
  upstream u {{ server 127.0.0.1:{upstream}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
"""


class Load(NamedTuple):
    """What wrk saw."""

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float


class Proxy(NamedTuple):
    """Something that is measured.

    Args:
        name: How the table calls it.
        url: Where plain and streamed calls are sent.
        pid: Its first process; ``None`` for the upstream itself.
        settle: Waits until its work is done.
    """

    name: str
    url: Callable[[str], str]
    pid: int | None
    settle: Callable[[], None]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--litellm", help="program of LiteLLM's proxy")
    parser.add_argument("--seconds", type=int, default=6, help="of each measurement")
    arguments = parser.parse_args()
    for program in ("nginx", "wrk"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is not installed: apt-get install nginx-light wrk")
    with TemporaryDirectory() as folder, ExitStack() as stack:
        home = Path(folder)
        upstream = stack.enter_context(nginx_upstream(home))
        proxies = [Proxy("direct", lambda mode: f"{upstream}/{mode}/", None, lambda: None)]
        proxies.append(stack.enter_context(nginx_proxy(home, upstream)))
        proxies.append(stack.enter_context(locum_gateway(home, upstream)))
        if arguments.litellm:
            proxies.append(stack.enter_context(litellm_proxy(home, upstream, arguments.litellm)))
        for mode in ("plain", "stream"):
            for connections in CONNECTIONS:
                measure_all(proxies, mode, connections, arguments.seconds, home)
        measure_paced(proxies)


def measure_all(
    proxies: list[Proxy], mode: str, connections: int, seconds: int, home: Path
) -> None:
    """Print one table; ratios are to the proxy that is last, if there are several."""
    print(f"\n{mode}, {connections} connection{'s' * (connections > 1)}")
    print(
        f"{'':10}{'p50 ms':>9}{'p99 ms':>9}{'+p50':>8}{'+p99':>8}{'calls/s':>10}{'us CPU':>8}",
        end="",
    )
    print(f"{'calls/s a core':>16}")
    direct = None
    for proxy in proxies:
        script = write_script(home, mode)
        run_wrk(proxy.url(mode), connections, 1, script)
        proxy.settle()
        before = processor_seconds(proxy.pid)
        load = run_wrk(proxy.url(mode), connections, seconds, script)
        proxy.settle()
        spent = (processor_seconds(proxy.pid) - before) / load.requests * 1e6
        direct = direct or load
        print(
            f"{proxy.name:10}{load.p50_ms:9.3f}{load.p99_ms:9.3f}"
            f"{load.p50_ms - direct.p50_ms:8.3f}{load.p99_ms - direct.p99_ms:8.3f}"
            f"{load.per_second:10,.0f}" + (f"{spent:8.1f}{1e6 / spent:16,.0f}" if spent else ""),
            flush=True,
        )


def measure_paced(proxies: list[Proxy]) -> None:
    """Print latencies of one connection that sends at most 200 calls a second."""
    print("\nplain, 1 connection, a pause of 5 ms after each call")
    direct = None
    for proxy in proxies:
        latencies = sorted(paced_latencies_ms(proxy.url("plain")))
        p50, p99 = (latencies[round(share * (PACED_CALLS - 1))] for share in (0.5, 0.99))
        direct = direct or (p50, p99)
        print(f"{proxy.name:10}{p50:9.3f}{p99:9.3f}{p50 - direct[0]:8.3f}{p99 - direct[1]:8.3f}")


def paced_latencies_ms(url: str) -> list[float]:
    """Send calls one after the other, and return what each took."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    body = json.dumps({"model": MODELS["plain"], **BODY})
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    latencies = []
    for _ in range(PACED_CALLS):
        began = time.perf_counter()
        connection.request("POST", parts.path, body, headers)
        if connection.getresponse().read()[:1] != b"{":
            sys.exit(f"{url} answered something else than JSON")
        latencies.append((time.perf_counter() - began) * 1e3)
        time.sleep(0.005)
    connection.close()
    return latencies


def write_script(home: Path, mode: str) -> Path:
    """Write what wrk sends."""
    body = json.dumps({"model": MODELS[mode], "stream": mode == "stream", **BODY})
    script = home / f"{mode}.lua"
    script.write_text(
        f'wrk.method = "POST"\nwrk.body = [==[{body}]==]\n'
        f'wrk.headers["content-type"] = "application/json"\n'
        f'wrk.headers["authorization"] = "Bearer {KEY}"\n'
    )
    return script


def run_wrk(url: str, connections: int, seconds: int, script: Path) -> Load:
    """Run wrk with one thread; every answer must be a 200."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", "--timeout", "20"]
    printed = subprocess.run(
        [*command, "-s", str(script), url], capture_output=True, text=True, check=True
    ).stdout
    if "Non-2xx" in printed or "Socket errors" in printed:
        sys.exit(f"{url}: {printed}")
    percentiles = dict(re.findall(r"(\d+)%\s+([\d.]+(?:us|ms|s))\n", printed))
    requests = re.search(r"(\d+) requests in", printed)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    assert requests is not None
    assert rate is not None
    p50, p99 = (milliseconds(percentiles[share]) for share in ("50", "99"))
    return Load(int(requests[1]), float(rate[1]), p50, p99)


def milliseconds(printed: str) -> float:
    """Read a time as wrk prints it."""
    for unit, factor in (("us", 1e-3), ("ms", 1.0), ("s", 1e3)):
        if printed.endswith(unit):
            return float(printed.removesuffix(unit)) * factor
    raise ValueError(printed)


def processor_seconds(pid: int | None) -> float:
    """Return user and system time of a process and its descendants."""
    if pid is None:
        return 0.0
    total = 0.0
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = (int(fields[1]), int(fields[11]) + int(fields[12]))
    family = {pid}
    for _ in range(3):
        family |= {child for child, (parent, _) in parents.items() if parent in family}
    total = sum(parents[member][1] for member in family if member in parents)
    return total / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


@contextmanager
def running(command: list[str], port: int, **environment: str) -> Iterator[int]:
    """Run a server, and return its process id once it listens."""
    with subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            wait_until_listening(port, process)
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait for a server, for two minutes at most."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    sys.exit(f"{process.args!r} does not listen on port {port}")


@contextmanager
def nginx(home: Path, port: int, http: str) -> Iterator[int]:
    """Run nginx with one worker."""
    config = home / f"nginx-{port}.conf"
    config.write_text(NGINX.format(home=home, port=port, http=http))
    command = ["nginx", "-p", str(home), "-c", str(config), "-e", str(home / "error.log")]
    with running(command, port) as pid:
        yield pid


@contextmanager
def nginx_upstream(home: Path) -> Iterator[str]:
    """Run the upstream; each answer has an id of its own."""
    home.chmod(0o755)
    port = free_port()
    locations = []
    includes = []
    for number, piece in enumerate((*PIECES, "[DONE]")):
        locations.append(f"location = /piece{number} {{ return 200 '{event(piece)}\\n\\n'; }}")
        includes.append(f'<!--#include virtual="/piece{number}" -->')
    (home / "events.txt").write_text("".join(includes))
    http = UPSTREAM.format(
        port=port, home=home, answer=json.dumps(ANSWER), pieces="\n    ".join(locations)
    )
    with nginx(home, port, http):
        yield f"http://127.0.0.1:{port}"


def event(piece: str | None) -> str:
    """Spell one event of a stream."""
    if piece == "[DONE]":
        return "data: [DONE]"
    delta = {"content": piece} if piece else {}
    reason = None if piece else "stop"
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    said = {
        "id": "chatcmpl-$request_id",
        "object": "chat.completion.chunk",
        "created": 1741569952,
        "model": "gpt-4.1-2025-04-14",
        "choices": [choice],
    }
    return "data: " + json.dumps(said)


@contextmanager
def nginx_proxy(home: Path, upstream: str) -> Iterator[Proxy]:
    """Run nginx as a proxy."""
    port = free_port()
    http = PROXY.format(port=port, upstream=upstream.rpartition(":")[2])
    with nginx(home, port, http) as pid:
        yield Proxy("nginx", lambda mode: f"http://127.0.0.1:{port}/{mode}/", pid, lambda: None)


@contextmanager
def locum_gateway(home: Path, upstream: str) -> Iterator[Proxy]:
    """Run the gateway with a key, two upstreams to route between, and recording."""
    port = free_port()
    config = home / "locum.toml"
    config.write_text(
        f'[gateway]\nport = {port}\n[gateway.applications.web]\nkey_env = "BENCHMARK_KEY"\n'
        f'[gateway.upstreams.other]\nurl = "{upstream}/other/v1"\nmodels = ["other-*"]\n'
        f'[gateway.upstreams.plain]\nurl = "{upstream}/"\nkey_env = "BENCHMARK_KEY"\n'
    )
    command = [sys.executable, "-m", "locum", "gateway", "--config", str(config)]
    with running([*command, "--home", str(home / "calls")], port, BENCHMARK_KEY=KEY) as pid:

        def settle() -> None:
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/metrics", headers={"authorization": f"Bearer {KEY}"}
            )
            while True:
                with urllib.request.urlopen(request) as response:  # noqa: S310 - on loopback
                    page = response.read().decode()
                if "\nlocum_calls_not_yet_durable 0.0" in page:
                    break
                time.sleep(0.05)
            if "\nlocum_calls_lost_total{" in page:
                sys.exit(f"the gateway lost calls: {page}")

        path = "/chat/completions"
        yield Proxy("locum", lambda mode: f"http://127.0.0.1:{port}/{mode}{path}", pid, settle)


@contextmanager
def litellm_proxy(home: Path, upstream: str, program: str) -> Iterator[Proxy]:
    """Run LiteLLM's proxy with a master key and one worker."""
    port = free_port()
    config = home / "litellm.yaml"
    models = [
        f"  - model_name: {model}\n    litellm_params:\n      model: openai/{model}\n"
        f"      api_base: {upstream}/{mode}\n      api_key: x\n"
        for mode, model in MODELS.items()
    ]
    config.write_text(
        "model_list:\n" + "".join(models) + f"general_settings:\n  master_key: {KEY}\n"
    )
    command = [program, "--config", str(config), "--port", str(port), "--host", "127.0.0.1"]
    with running(command, port) as pid:
        path = "/v1/chat/completions"
        yield Proxy("litellm", lambda _: f"http://127.0.0.1:{port}{path}", pid, lambda: None)


if __name__ == "__main__":
    main()
