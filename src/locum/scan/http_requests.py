"""Requests to the endpoints of providers without an SDK."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from locum.scan.calls import written_call
from locum.scan.json_texts import from_json
from locum.scan.languages.lowering import last_name
from locum.scan.requests import Request, read_request
from locum.scan.tree import Call
from locum.scan.values import Fields, Items, Made, Step, Text, constant_text, plain, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from locum.scan.evaluation import Evaluator
    from locum.scan.tree import Place
    from locum.scan.values import Value

__all__ = ["http_request"]

_SENDING = frozenset(
    {
        *("post", "request", "fetch", "axios", "do", "send", "sendasync", "postasync", "postjson"),
        *("postasjsonasync", "urlopen", "exec", "curlexec", "startrequest", "put", "execute"),
        *(
            "ofetch",
            "got",
            "ky",
            "perform",
            "postforobject",
            "postforentity",
            "exchange",
            "retrieve",
        ),
        *("wpremotepost", "newcall", "fetchjson", "requestasync", "bodytomono", "toentity"),
        *("body", "postjsonasync", "stream", "requests", "filegetcontents"),
    }
)
_HOSTS = {
    "api.openai.com": "openai",
    "openai.azure.com": "openai",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "google",
    "aiplatform.googleapis.com": "google",
    "bedrock-runtime": "bedrock",
    "api.mistral.ai": "mistral",
    "api.cohere.com": "cohere",
    "api.cohere.ai": "cohere",
    "openrouter.ai": "openrouter",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.together.xyz": "together",
    "api.together.ai": "together",
    "api.fireworks.ai": "fireworks",
    "api.perplexity.ai": "perplexity",
    "api.x.ai": "x-ai",
    "localhost": "http",
    "127.0.0.1": "http",
}
_HOST = re.compile("|".join(re.escape(host) for host in _HOSTS))
_MODEL_PATH = re.compile(
    r"chat/completions|/v1/messages|/responses|/completions|generateContent|:predict|/converse|"
    r"/invoke|/v[12]/chat|/v1/generate|/api/(?:chat|generate)"
)
_OTHER_PATH = re.compile(
    r"embed|images?/|audio|moderation|/files|/batches|rerank|/models$|/usage|tokenize|/speech"
)
_MODEL_IN_PATH = re.compile(r"models/([\w.-]+):|deployments/([\w.-]+)/|/model/([\w.:-]+)/")
_BODY_KEYS = frozenset({"messages", "contents", "prompt", "input", "message", "inputtext"})
_DEEPEST = 9


def http_request(ev: Evaluator, place: Place) -> tuple[str, Request] | None:
    """Return what a plain HTTP request asks a model for; ``None`` where it is none.

    Args:
        ev: Of the file.
        place: A call.
    """
    call = place.expression
    assert isinstance(call, Call)
    if plain(last_name(call.callee)) not in _SENDING or not ev.module.mentions(_HOST):
        return None
    made = written_call(ev, call, place.function)
    texts = list(_texts(made, 0))
    address = " ".join(texts)
    if _was_sent(made) or "builder" in made.path():
        return None
    host = _HOST.search(address)
    if host is None or not _MODEL_PATH.search(address) or _asks_other(texts):
        return None
    body = next((one for one in _bodies(made, 0) if _is_body(one)), None)
    if body is None:
        return None
    posted = Step("post", is_call=True, arguments=(body,))
    request = read_request(ev, Made("http", steps=(posted,)), ("request",))
    named = _MODEL_IN_PATH.search(address)
    if request.model is None and named is not None:
        name = next(one for one in named.groups() if one)
        request = request._replace(model=Text((name,)))
    is_local = _HOSTS[host[0]] == "http"
    return _HOSTS[host[0]], request._replace(is_local=is_local or request.is_local)


def _was_sent(made: Made) -> bool:
    """Whether what the call is made on is the answer to a request."""
    return any(
        plain(step.name.rsplit(".", 1)[-1]) in _SENDING
        and any(_is_body(body) for one in _of_step(step) for body in _bodies(one, 0))
        for step in made.chain()[:-1]
    )


def _of_step(step: Step) -> list[Value]:
    return [*step.arguments, *step.named.values()]


def _asks_other(texts: list[str]) -> bool:
    return any(_OTHER_PATH.search(text) for text in texts if "/" in text and len(text) < 300)


def _is_body(value: Value) -> bool:
    return isinstance(value, Fields) and bool({plain(key) for key in value.entries} & _BODY_KEYS)


def _texts(value: Value, depth: int) -> Iterator[str]:
    """Addresses among all that a call is given."""
    if depth > _DEEPEST:
        return
    if isinstance(value, Text):
        text = words(value)
        if "/" in text[:200] and " " not in text[:60]:
            yield text[:300]
    elif isinstance(value, Made):
        yield from (one for inner in _given(value) for one in _texts(inner, depth + 1))
    elif isinstance(value, Fields):
        if not _is_body(value):
            yield from (one for inner in value.entries.values() for one in _texts(inner, depth + 1))
    elif isinstance(value, Items):
        yield from (one for inner in value.items for one in _texts(inner, depth + 1))


def _bodies(value: Value, depth: int) -> Iterator[Value]:
    """Records and JSON texts among all that a call is given."""
    if depth > _DEEPEST:
        return
    if isinstance(value, Text) and (constant_text(value) or "{").lstrip().startswith("{"):
        parsed = from_json(value)
        if parsed is not None:
            yield parsed
    elif isinstance(value, Fields):
        yield value
        yield from (one for inner in value.entries.values() for one in _bodies(inner, depth + 1))
    elif isinstance(value, Made):
        yield from (one for inner in _given(value) for one in _bodies(inner, depth + 1))


def _given(made: Made) -> list[Value]:
    return [value for step in made.chain() for value in _of_step(step)]
