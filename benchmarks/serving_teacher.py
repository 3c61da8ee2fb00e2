"""A teacher for servers under load: nginx, which looks each text's answer up."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.banking_calls import answer_body
from benchmarks.gateway_overhead import NGINX, free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benchmarks.serving_load import Placement

__all__ = ["TEACHER_MARK", "nginx_teacher"]

TEACHER_MARK = "chatcmpl-teacher"
"""All ids of the teacher's answers begin so."""

UNKNOWN = "none of these"
# What a body says is known once it has been read, when nginx passes it on: to itself.
HTTP = """
  map_hash_max_size 65536; map_hash_bucket_size 2048; variables_hash_bucket_size 128;
  large_client_header_buffers 8 64k;
  map $request_body $text {{ "~\\"role\\": *\\"user\\", *\\"content\\": *\\"([^\\"]*)\\"" $1; }}
  map $text $answer {{
    default "{unknown}";
{answers}
  }}
  upstream itself {{ server 127.0.0.1:{inner}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://itself; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header X-Answer $answer; proxy_pass_request_body off;
      proxy_set_header Content-Length ""; proxy_method GET;
    }}
  }}
  server {{
    listen 127.0.0.1:{inner};
    default_type application/json;
    location / {{ return 200 '{body}'; }}
  }}
"""


@contextmanager
def nginx_teacher(answers: Mapping[str, str], home: Path, placement: Placement) -> Iterator[str]:
    """Run a teacher, and return its base URL.

    Args:
        answers: What it answers, by text; texts must stand in JSON as they are.
        home: Folder for its files.
        placement: Where it runs.
    """
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o755)
    port, inner = free_port(), free_port()
    # nginx does not tell capitals from small letters here.
    lowered = {text.lower(): answer for text, answer in answers.items()}
    lines = [f"    {quote(text)} {quote(escape(answer))};" for text, answer in lowered.items()]
    body = answer_body("teacher$request_id", "ANSWER", "").copy()
    http = HTTP.format(
        port=port,
        inner=inner,
        unknown=UNKNOWN,
        answers="\n".join(lines),
        body=json.dumps(body).replace("ANSWER", "$http_x_answer"),
    )
    config = home / f"nginx-{port}.conf"
    config.write_text(NGINX.format(home=home, port=port, http=http), encoding="utf-8")
    command = ["nginx", "-p", str(home), "-c", str(config), "-e", str(home / "error.log")]
    with running(placement.on_load(command), port):
        yield f"http://127.0.0.1:{port}/v1"


def escape(answer: str) -> str:
    """Write an answer as it stands inside a string of JSON."""
    return json.dumps(answer)[1:-1]


def quote(text: str) -> str:
    """Write a text as nginx's configuration does."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
