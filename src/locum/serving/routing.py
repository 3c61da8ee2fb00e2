"""Which upstream answers a request, and as whom it is asked."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_to_bytes

from locum.errors import UsageError
from locum.serving.credentials import KEY_HEADERS, header_secrets, is_credential
from locum.serving.open_paths import is_open
from locum.serving.origin import Origin
from locum.serving.refusals import Refusal
from locum.traffic import endpoint_of_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from locum.config import ApplicationSettings, UpstreamSettings
    from locum.schema import Endpoint
    from locum.serving.wire import Headers, Request

__all__ = [
    "Caller",
    "Keys",
    "Router",
    "Upstream",
    "find_endpoint",
    "names_this_computer",
    "path_model",
    "speaks_anthropic",
]

_VERSION = b"/v1"
_MESSAGES = b"/v1/messages"
_ANTHROPIC_HEADER = b"anthropic-version"
_MOST_CALLERS = 1_024
# What ends a path, or is another sign for its slash, for some servers and not for others.
_ENDS_PATH = re.compile(rb"[\\#?]")
_PATH_MODEL = re.compile(r"/(?:deployments|engines)/+([^/]+)/", re.IGNORECASE)
# The longest that a provider has: Bedrock's names of resources.
_LONGEST_MODEL = 2_048
# The last two are what containers of Docker and Podman call it; .internal is nobody's in the DNS.
_LOOPBACK = frozenset(
    {
        *(b"localhost", b"127.0.0.1", b"[::1]"),
        *(b"host.docker.internal", b"host.containers.internal"),
    }
)
_REPLACED = frozenset({b"host", b"content-length", b"expect", b"x-locum-task"})


def speaks_anthropic(target: bytes, headers: Headers) -> bool:
    """Return whether a request is meant for Anthropic's API, by its path or its own header."""
    if headers.get(_ANTHROPIC_HEADER) is not None:
        return True
    path = target.partition(b"?")[0]
    return path == _MESSAGES or path.startswith(_MESSAGES + b"/")


def find_endpoint(request: Request) -> Endpoint:
    """Return which API a request calls; ``other`` where it is not one that is recorded."""
    if request.method != b"POST":
        return "other"
    endpoint = endpoint_of_path(request.target.decode("latin-1"))
    is_anthropic = speaks_anthropic(request.target, request.headers)
    return endpoint if (endpoint == "messages") == is_anthropic else "other"


def path_model(request: Request) -> str | None:
    """Return the model that a request's path names, as Azure's do; ``None`` where it names none."""
    found = _PATH_MODEL.search(unquote(request.path.decode("latin-1")))
    return found[1] if found else None


@dataclass(frozen=True)
class Upstream:
    """One upstream, ready to be asked.

    Args:
        name: How the settings call it.
        settings: What they say of it.
        origin: Where it listens.
        key: The key that it gets; ``None`` passes the client's own.
        models: What names of its models look like; ``None`` where it names none.
        paths: What further paths look like that applications reach by `key`; ``None`` for none.
    """

    name: str
    settings: UpstreamSettings
    origin: Origin
    key: str | None
    models: re.Pattern[str] | None
    paths: re.Pattern[str] | None

    def target(self, request: Request) -> bytes:
        """Return the path and query under which the upstream knows a request's target."""
        base = self.origin.path
        target = request.target
        if base and (target == _VERSION or target.startswith(_VERSION + b"/")):
            target = target[len(_VERSION) :]
        return base + target

    def check(self, request: Request) -> None:
        """Refuse a path by which an application reaches what others keep with the provider.

        Raises:
            Refusal: The application would ask as the gateway, with the key that all share.
        """
        if self.key is None or request.caller.application is None or is_open(request):
            return
        path = request.path.decode("latin-1")
        if self.paths is None or not self.paths.fullmatch(path):
            method = request.method.decode("latin-1")
            message = (
                f"{method} {path} is not open to applications, as all of them have the key of the "
                f"upstream {self.name!r}: name the path in paths of [gateway.upstreams.{self.name}]"
            )
            raise Refusal(403, "path_not_open", message)

    def headers(self, request: Request, also: frozenset[bytes]) -> Headers:
        """Return the headers that the upstream gets.

        Args:
            request: What the client sent.
            also: Names of headers that it does not get.
        """
        left_out = _REPLACED | also | request.caller.ends
        if self.key is not None:
            left_out |= KEY_HEADERS
        headers = request.headers.end_to_end(left_out)
        headers.add(b"host", self.origin.authority)
        if self.key is not None:
            self._add_key(headers, self.key)
        return headers

    def _add_key(self, headers: Headers, key: str) -> None:
        if self.settings.api == "anthropic":
            headers.add(b"x-api-key", key.encode())
        else:
            headers.add(b"authorization", b"Bearer " + key.encode())


class Router:
    """Finds the upstream of a request.

    Args:
        settings: The upstreams by name, in the order in which they are tried.

    Attributes:
        tells_by_model: Whether some upstream answers certain models alone.

    Raises:
        UsageError: A URL cannot be used, or the variable of a key is not set.
    """

    def __init__(self, settings: Mapping[str, UpstreamSettings]) -> None:
        self.upstreams = [
            Upstream(
                name,
                upstream,
                Origin(upstream.url),
                _key(f"gateway.upstreams.{name}", upstream.key_env) if upstream.key_env else None,
                _names(upstream.models),
                _names(upstream.paths),
            )
            for name, upstream in settings.items()
        ]
        self.tells_by_model = any(upstream.models for upstream in self.upstreams)

    def route(self, request: Request, model: str) -> Upstream:
        """Return the upstream: by model where one names it, else by API.

        Raises:
            Refusal: There is none, the target could lead elsewhere or is not open to the
                application, or no model is called so.
        """
        _check_target(request)
        _check_model(model)
        upstream = self._find(request, model)
        upstream.check(request)
        return upstream

    def _find(self, request: Request, model: str) -> Upstream:
        api = "anthropic" if speaks_anthropic(request.target, request.headers) else "openai"
        for upstream in self.upstreams:
            if upstream.models is not None and upstream.models.fullmatch(model):
                return upstream
        for upstream in self.upstreams:
            if upstream.models is None and upstream.settings.api == api:
                return upstream
        asked = f"model {model!r}" if model else f"a call of {api}'s API"
        raise Refusal(404, "no_upstream", f"no upstream of the gateway answers {asked}")


def _names(names: Iterable[str]) -> re.Pattern[str] | None:
    """What a name must be to be one of these, of which ``*`` alone is no letter of a name."""
    patterns = [".*".join(map(re.escape, name.split("*"))) for name in names]
    return re.compile("|".join(patterns), re.DOTALL) if patterns else None


def _check_target(request: Request) -> None:
    path = request.path
    if b"%" in path:
        path = unquote_to_bytes(path)
    climbs = b".." in path and b".." in path.split(b"/")
    # No target has a fragment (RFC 9112, section 3.2): servers that take it off see another path.
    if not path.startswith(b"/") or climbs or _ENDS_PATH.search(path) or b"#" in request.target:
        message = "the target of the request is no plain path, such as /v1/chat/completions"
        raise Refusal(400, "bad_target", message)


def _check_model(model: str) -> None:
    if len(model) > _LONGEST_MODEL:
        message = f"the name of the model has {len(model):,} characters: up to {_LONGEST_MODEL:,}"
        raise Refusal(400, "bad_model", f"{message} are expected")


def _key(owner: str, variable: str) -> str:
    value = os.environ.get(variable, "").strip()
    if not value:
        raise UsageError(f"{owner}: the environment variable {variable} of its key is not set")
    if not value.isascii() or not value.isprintable():
        raise UsageError(f"{owner}: the key in {variable} holds characters that no header can")
    return value


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request.

    Args:
        application: Its name, where the gateway knows applications.
        secrets: The credentials that it sent, which must never reach the disk.
        ends: Names of headers that hold one of the gateway's own keys, and end here.
    """

    application: str | None
    secrets: tuple[str, ...]
    ends: frozenset[bytes] = frozenset()


class Keys:
    """The gateway's own keys; without any, whoever can connect may call.

    Args:
        applications: Who may call, by name.

    Raises:
        UsageError: The variable of a key is not set, or two applications share a key.
    """

    def __init__(self, applications: Mapping[str, ApplicationSettings]) -> None:
        self._names: dict[bytes, str] = {}
        # Clients send the same credentials again and again.
        self._caller = lru_cache(_MOST_CALLERS)(self._find_caller)
        for name, application in applications.items():
            digest = _digest(_key(f"gateway.applications.{name}", application.key_env))
            if digest in self._names:
                other = self._names[digest]
                raise UsageError(f"the applications {other!r} and {name!r} have the same key")
            self._names[digest] = name

    @property
    def required(self) -> bool:
        """Whether a client needs a key."""
        return bool(self._names)

    def check_host(self, host: str) -> None:
        """Refuse to let anyone on the network call without a key.

        Args:
            host: Where the gateway is to listen.

        Raises:
            UsageError: Others can call it there, and no client needs a key.
        """
        if host not in {"127.0.0.1", "::1", "localhost"} and not self.required:
            raise UsageError(
                f"the gateway would listen on {host!r}, where others can call it: declare who "
                "may, in [gateway.applications.NAME] of locum.toml, or listen on 127.0.0.1"
            )

    def check(self, headers: Headers) -> Caller:
        """Return who sent a request, by its headers.

        Raises:
            Refusal: It has no key, or a wrong one; or no key is needed, and it comes from a web
                page, or by a name that could lead one here.
        """
        if not self.required:
            _refuse_web_pages(headers)
        return self._caller(headers.where(is_credential))

    def _find_caller(self, credentials: tuple[tuple[bytes, bytes], ...]) -> Caller:
        """Return who sends these headers; see `check`."""
        secrets = header_secrets(credentials)
        if not self.required:
            return Caller(None, secrets)
        sent = [_bare(value) for key, value in credentials if key in KEY_HEADERS]
        own = {key: name for key in sent if (name := self._names.get(_digest(key))) is not None}
        if own:
            # In whatever way a header says it.
            ends = frozenset(
                header
                for header, value in credentials
                if any(key in value.decode("latin-1") for key in own)
            )
            return Caller(next(iter(own.values())), secrets, ends)
        message = "the key is missing or wrong: send one of the gateway's, as the API key"
        raise Refusal(401, "invalid_api_key", message)


def _refuse_web_pages(headers: Headers) -> None:
    """Let no page that a browser shows here call, by whatever name.

    It could spend the gateway's key, or read what a local model says, or teach the next student.
    """
    site = headers.get(b"sec-fetch-site") or b"none"
    if headers.get(b"origin") is not None or site != b"none" or not names_this_computer(headers):
        message = (
            "neither web pages nor callers by another name than localhost may call a gateway "
            "without applications: declare who may, in [gateway.applications.NAME] of locum.toml"
        )
        raise Refusal(403, "web_page", message)


def names_this_computer(headers: Headers) -> bool:
    """Return whether a request calls the gateway localhost, or by a name that nobody can own."""
    host = headers.get(b"host") or b"localhost"
    name = host if host.endswith(b"]") else host.rpartition(b":")[0] or host
    return name.lower() in _LOOPBACK


def _bare(value: bytes) -> str:
    """A credential without the name of its scheme."""
    scheme, _, rest = value.decode("latin-1").partition(" ")
    return rest.strip() if rest and scheme.lower() in {"bearer", "basic"} else scheme


def _digest(key: str) -> bytes:
    """Keys are compared by digest: how long that takes says nothing of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
