"""Which upstream answers, with which path and key; what is refused before any is asked."""

from __future__ import annotations

import gzip
from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from locum.config import ApplicationSettings, LimitSettings, UpstreamSettings
from locum.errors import UsageError
from locum.serving.active_call import read_call
from locum.serving.bodies import read_body, read_model, unpack
from locum.serving.origin import Origin, is_metadata_address
from locum.serving.refusals import Refusal
from locum.serving.routing import Caller, Keys, Router, find_endpoint, path_model
from locum.serving.wire import Headers, Request

KEY = "sk-own-0123456789"
LIMITS = LimitSettings(body_bytes=10**6)
FEW = LimitSettings(body_bytes=10**6, body_values=10_000)


def request(
    target: bytes = b"/v1/chat/completions",
    body: bytes = b"{}",
    method: bytes = b"POST",
    headers: dict[str, str] | None = None,
) -> Request:
    pairs = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return Request(
        method,
        target,
        Headers(pairs),
        body,
        http_1_1=True,
        keep_alive=True,
        caller=Caller(None, ()),
    )


def refusal(body: bytes, encoding: str = "identity", limits: LimitSettings = LIMITS) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read_body(
            request(body=body, headers={"content-encoding": encoding}), limits, list[int]().append
        )
    return caught.value


# Origins


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/v1",
        "https://",
        "example.com/v1",
        "https://example.com/v1?key=x",
        "https://example.com/v1#x",
        "https://example.com:99999999/v1",
        "https://exämple.com/v1",
        "http://[::1/v1",
    ],
)
def test_an_unusable_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="upstream"):
        Origin(url)


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        Origin("https://user:canary-secret@example.com/v1")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "[fe80::1]",
        "[::ffff:169.254.169.254]",
        "100.100.100.200",
        "[fd00:ec2::254]",
        "[fd00:ec2::23]",
        "[fd20:ce::254]",
        "168.63.129.16",
        "192.0.0.192",
        "[64:ff9b::169.254.169.254]",
    ],
)
def test_addresses_that_give_out_credentials_are_refused(host: str) -> None:
    with pytest.raises(UsageError, match="credentials"):
        Origin(f"http://{host}/latest/meta-data")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.1", "example.com", "2606:4700::1", "64:ff9b::1.1.1.1"]
)
def test_other_addresses_are_not(host: str) -> None:
    assert not is_metadata_address(host)


def test_ports_and_paths_of_an_origin() -> None:
    plain, secure = Origin("http://h/"), Origin("https://h:8443/api/v1/")
    assert (plain.host, plain.port, plain.tls, plain.path) == ("h", 80, False, b"")
    assert (secure.port, secure.tls, secure.path) == (8443, True, b"/api/v1")
    assert secure.authority == b"h:8443"


# Routes


@pytest.mark.parametrize(
    ("url", "target", "expected"),
    [
        ("http://h/v1", b"/v1/chat/completions", b"/v1/chat/completions"),
        ("http://h/api/v1", b"/v1/models?limit=2", b"/api/v1/models?limit=2"),
        ("http://h", b"/v1/messages", b"/v1/messages"),
        ("http://h/v1", b"/v1", b"/v1"),
        ("http://h/v1", b"/other", b"/v1/other"),
        ("http://h/v1", b"/v1beta/x", b"/v1/v1beta/x"),
    ],
)
def test_the_version_of_a_path_is_the_upstreams(url: str, target: bytes, expected: bytes) -> None:
    router = Router({"u": UpstreamSettings(url=url)})
    assert router.upstreams[0].target(request(target)) == expected


def test_the_model_chooses_then_the_api() -> None:
    router = Router(
        {
            "open": UpstreamSettings(url="http://a"),
            "local": UpstreamSettings(url="http://b", models=["qwen*", "exact"]),
            "claude": UpstreamSettings(url="http://c", api="anthropic"),
        }
    )

    def name(model: str, target: bytes = b"/v1/chat/completions") -> str:
        return router.route(request(target), model).name

    assert name("gpt-4.1") == "open"
    assert name("qwen2.5") == name("exact") == "local"
    assert name("claude-x", b"/v1/messages") == "claude"
    assert name("claude-x", b"/v1/messages/batches") == "claude"


@pytest.mark.parametrize(
    ("pattern", "model", "expected"),
    [
        ("claude-sonnet-5[1m]", "claude-sonnet-5[1m]", True),
        ("claude-sonnet-5[1m]", "claude-sonnet-51", False),
        ("gpt-4.1", "gpt-451", False),
        ("gpt-4?", "gpt-4o", False),
        ("qwen*", "qwen", True),
        ("qwen*", "qwen[x]\n", True),
        ("*-local", "llama-local", True),
        ("meta/*-instruct", "meta/llama-instruct", True),
        ("qwen", "qwen3", False),
        ("qwen", "", False),
    ],
)
def test_a_star_alone_is_no_letter_of_a_name(pattern: str, model: str, *, expected: bool) -> None:
    named = UpstreamSettings(url="http://a", models=["other", pattern])
    router = Router({"named": named, "any": UpstreamSettings(url="http://b")})
    assert router.route(request(), model).name == ("named" if expected else "any")


MODEL = orjson.dumps({"model": "qwen3", "query": "Where is it?"})


@pytest.mark.parametrize(
    ("body", "encoding", "expected"),
    [
        (MODEL, None, "local"),
        (gzip.compress(MODEL), "gzip", "local"),
        (b' {"query":"\\ud800","score":NaN,"model":"qwen3"}', None, "local"),
        (b'{"model":"gpt-4.1"}', None, "open"),
        (b'{"model":["qwen3"]}', None, "open"),
        (b'["model"]', None, "open"),
        (b'--x\r\nname="model"\r\n\r\nqwen3', None, "open"),
        (b'{"a":' * 100_000, None, "open"),
        (MODEL, "br", "open"),
        (b'{"model":"qwen3"', None, "open"),
        (b"", None, "open"),
    ],
    ids=range(11),
)
def test_the_model_chooses_whatever_the_path(
    body: bytes, encoding: str | None, expected: str
) -> None:
    local = UpstreamSettings(url="http://b", models=["qwen*"])
    router = Router({"open": UpstreamSettings(url="http://a"), "local": local})
    sent = request(b"/v1/rerank", body, headers={"content-encoding": encoding} if encoding else {})
    call = read_call(sent, 0.0, router, LIMITS, list[int]().append)
    assert (call.upstream.name, call.endpoint, call.body) == (expected, "other", {})


def test_a_model_with_a_name_longer_than_any_is_refused() -> None:
    router = Router({"u": UpstreamSettings(url="http://a")})
    assert router.route(request(), "m" * 2_048).name == "u"
    with pytest.raises(Refusal, match="2,049 characters") as caught:
        router.route(request(), "m" * 2_049)
    assert (caught.value.status, caught.value.code) == (400, "bad_model")


def test_no_upstream_is_a_clear_refusal() -> None:
    router = Router({"u": UpstreamSettings(url="http://a", models=["a"])})
    with pytest.raises(Refusal) as caught:
        router.route(request(), "b")
    assert caught.value.status == 404
    assert "'b'" in caught.value.message


@pytest.mark.parametrize(
    "target",
    [
        b"http://169.254.169.254/latest",
        b"//evil/../x",
        b"/v1/../admin",
        b"/v1/%2e%2e/admin",
        b"/v1/..%2fadmin/..",
        b"/v1/%5c..%5cadmin",
        b"*",
        b"/v1/images/generations#/chat/completions",
        b"/v1/images/generations%23/chat/completions",
        b"/v1/images/generations%3F/chat/completions",
        b"/v1/chat/completions?a=1#b",
    ],
)
def test_targets_that_lead_elsewhere_are_refused(target: bytes) -> None:
    router = Router({"u": UpstreamSettings(url="http://a/v1")})
    with pytest.raises(Refusal) as caught:
        router.route(request(target), "m")
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("target", "endpoint"),
    [
        (b"/v1/chat/completions", "chat"),
        (b"/openai/deployments/x/chat/completions?api-version=1", "chat"),
        (b"/v1/completions", "completions"),
        (b"/v1/responses", "responses"),
        (b"/v1/messages", "messages"),
        (b"/v1/embeddings", "embeddings"),
        (b"/v1/messages/count_tokens", "other"),
        (b"/v1/files", "other"),
    ],
)
def test_the_end_of_a_path_tells_the_api(target: bytes, endpoint: str) -> None:
    assert find_endpoint(request(target)) == endpoint
    assert find_endpoint(request(target, method=b"GET")) == "other"


@pytest.mark.parametrize(
    ("target", "model"),
    [
        (b"/openai/deployments/gpt-5-pro/chat/completions?api-version=1", "gpt-5-pro"),
        (b"/openai/Deployments//my%20model/chat/completions", "my model"),
        (b"/v1/engines/davinci/completions", "davinci"),
        (b"/v1/chat/completions?a=/deployments/x/", None),
        (b"/v1/deployments", None),
    ],
)
def test_a_path_may_name_the_model(target: bytes, model: str | None) -> None:
    assert path_model(request(target)) == model


# Keys


def test_the_clients_key_is_passed_where_the_gateway_has_none() -> None:
    router = Router({"u": UpstreamSettings(url="http://h")})
    headers = router.upstreams[0].headers(
        request(
            headers={
                "authorization": "Bearer k",
                "host": "gateway",
                "connection": "x-hop",
                "x-hop": "1",
            }
        ),
        frozenset(),
    )
    assert headers.get(b"authorization") == b"Bearer k"
    assert headers.get(b"host") == b"h"
    assert headers.get(b"x-hop") is None


@pytest.mark.parametrize("api", ["openai", "anthropic"])
def test_the_gateways_key_replaces_every_key_of_the_client(
    api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UP", KEY)
    settings = UpstreamSettings.model_validate({"url": "http://h", "api": api, "key_env": "UP"})
    upstream = Router({"u": settings}).upstreams[0]
    sent = request(
        headers={"authorization": "Bearer client", "x-api-key": "client", "api-key": "client"}
    )
    headers = upstream.headers(sent, frozenset())
    values = headers.all({b"authorization", b"x-api-key", b"api-key"})
    assert values == [f"Bearer {KEY}".encode() if api == "openai" else KEY.encode()]


def test_a_gateway_key_ends_at_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB", KEY)
    keys = Keys({"web": ApplicationSettings(key_env="WEB")})
    sent = request(headers={"authorization": f"Bearer {KEY}", "x-goog-api-key": f"key={KEY}"})
    caller = keys.check(sent.headers)
    assert caller.application == "web"
    assert KEY in caller.secrets
    upstream = Router({"u": UpstreamSettings(url="http://h")}).upstreams[0]
    got = upstream.headers(sent._replace(caller=caller), frozenset())
    assert not any(KEY.encode() in line for line in got.lines())


def test_words_in_cookies_are_no_secrets() -> None:
    said = "sid=8f3a9c77-12b4-4e0d; consent=accepted; plan=business; region=lower-case-words-here"
    sent = request(headers={"authorization": "Bearer sk-provider", "cookie": said})
    secrets = Keys({}).check(sent.headers).secrets
    assert secrets == ("Bearer sk-provider", "sk-provider", "8f3a9c77-12b4-4e0d")


def test_of_many_cookies_few_are_searched_for_and_keys_always() -> None:
    said = ";".join(f"a={number:016d}" for number in range(2_700))
    sent = request(headers={"cookie": said, "authorization": "Bearer sk-provider"})
    secrets = Keys({}).check(sent.headers).secrets
    assert {"Bearer sk-provider", "sk-provider"} < set(secrets)
    assert len(secrets) == 32


def test_a_client_s_own_key_goes_on_beside_the_gateway_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB", KEY)
    keys = Keys({"web": ApplicationSettings(key_env="WEB")})
    sent = request(headers={"x-api-key": KEY, "authorization": "Bearer sk-provider"})
    caller = keys.check(sent.headers)
    assert caller.application == "web"
    assert caller.ends == {b"x-api-key"}
    assert "sk-provider" in caller.secrets
    upstream = Router({"u": UpstreamSettings(url="http://h")}).upstreams[0]
    got = upstream.headers(sent._replace(caller=caller), frozenset())
    assert got.get(b"authorization") == b"Bearer sk-provider"
    assert got.get(b"x-api-key") is None


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"x-api-key": ""}])
def test_a_missing_or_wrong_key_is_refused(
    headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB", KEY)
    keys = Keys({"web": ApplicationSettings(key_env="WEB")})
    with pytest.raises(Refusal) as caught:
        keys.check(request(headers=headers).headers)
    assert caught.value.status == 401
    assert "wrong" not in caught.value.message.split(":")[1]


def test_a_web_page_may_not_call_a_gateway_without_applications(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WEB", KEY)
    keyed = {"authorization": f"Bearer {KEY}"}
    for told in (
        {"origin": "https://app.example"},
        {"sec-fetch-site": "cross-site"},
        {"host": "rebound.example:8400", "sec-fetch-site": "same-origin"},
        {"host": "rebound.example:8400"},
    ):
        page = request(headers=keyed | told).headers
        with pytest.raises(Refusal, match="applications") as caught:
            Keys({}).check(page)
        assert (caught.value.status, caught.value.code) == (403, "web_page")
        assert Keys({"web": ApplicationSettings(key_env="WEB")}).check(page).application == "web"


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:8400", "[::1]:8400", "host.docker.internal:8400"]
)
def test_a_program_may_call_a_gateway_without_applications(host: str) -> None:
    assert Keys({}).check(request(headers={"host": host}).headers).application is None


WEB = Caller("web", ())


def may_reach(method: str, path: str, router: Router, caller: Caller = WEB) -> bool:
    sent = request(path.encode(), method=method.encode())._replace(caller=caller)
    try:
        router.route(sent, "m")
    except Refusal as refused:
        if refused.code != "path_not_open":
            raise
        return False
    return True


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("POST /v1/chat/completions", True),
        ("POST /openai/deployments/x/chat/completions?api-version=1", True),
        ("POST /v1/messages", True),
        ("POST /v1/messages/count_tokens", True),
        ("POST /v1/images/generations", True),
        ("GET /v1/models", True),
        ("GET /v1/models/meta-llama/Llama-3.1?x=1", True),
        ("DELETE /v1/models/ft:x", False),
        ("GET /v1/chat/completions", False),
        ("GET /v1/responses/resp_1", False),
        ("POST /v1/responses/resp_1/cancel", False),
        ("GET /v1/files/f/content", False),
        ("DELETE /v1/files/f", False),
        ("POST /v1/batches", False),
        ("POST /v1/threads/t/messages", False),
        ("POST /v1/organization/admin_api_keys", False),
    ],
)
def test_applications_reach_nothing_of_each_other_by_the_key_they_share(
    sent: str, monkeypatch: pytest.MonkeyPatch, *, expected: bool
) -> None:
    monkeypatch.setenv("UP", KEY)
    shared = UpstreamSettings(url="http://h/v1", key_env="UP", models=["m"])
    method, path = sent.split()
    assert may_reach(method, path, Router({"u": shared})) is expected
    assert may_reach(method, path, Router({"u": shared}), Caller(None, ()))
    assert may_reach(method, path, Router({"u": shared.model_copy(update={"key_env": None})}))
    named = shared.model_copy(update={"paths": ["/v1/files*", "/v1/batches"]})
    is_named = path.startswith(("/v1/files", "/v1/batches"))
    assert may_reach(method, path, Router({"u": named})) is (expected or is_named)
    assert may_reach(method, path, Router({"u": shared.model_copy(update={"paths": ["*"]})}))


def test_a_path_of_a_setting_begins_as_paths_do() -> None:
    with pytest.raises(ValidationError, match="paths"):
        UpstreamSettings(url="http://h", paths=["v1/files"])


def test_the_variable_of_a_key_must_be_set_and_unique(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ABSENT", raising=False)
    with pytest.raises(UsageError, match="ABSENT"):
        Router({"u": UpstreamSettings(url="http://h", key_env="ABSENT")})
    monkeypatch.setenv("A", KEY)
    same = {name: ApplicationSettings(key_env="A") for name in ("x", "y")}
    with pytest.raises(UsageError, match="'x' and 'y'"):
        Keys(same)
    monkeypatch.setenv("B", "ümlaut")
    with pytest.raises(UsageError, match="characters"):
        Router({"u": UpstreamSettings(url="http://h", key_env="B")})


# Bodies


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": "\\ud800"}',
        b'{"a": "\xff"}',
        b'{"a": 1, "a": 2}',
        b'{"o": {"a": 1, "a": 2}}',
        b"\xef\xbb\xbf{}",
        b'{"a": ' + b"9" * 5000 + b"}",
        b"",
        b"[]",
        b"null",
        b"{} {}",
    ],
    ids=range(14),
)
def test_a_body_that_two_parsers_could_read_apart_is_refused(body: bytes) -> None:
    assert refusal(body).status == 400


def test_a_body_is_unpacked_within_its_limit() -> None:
    packed = gzip.compress(b'{"model": "m"}')
    sent = request(body=packed, headers={"content-encoding": "gzip"})
    held: list[int] = []
    assert read_body(sent, LIMITS, held.append) == {"model": "m"}
    assert held == [14]
    bomb = gzip.compress(b'{"a": "' + b" " * 10**7 + b'"}')
    assert refusal(bomb, "gzip").status == 413
    assert refusal(packed[:-9], "gzip").code == "damaged_body"
    assert refusal(b"no gzip", "gzip").code == "damaged_body"
    assert refusal(packed, "br").status == 415


@pytest.mark.parametrize(
    ("item", "values"),
    [(b"{}", 2), (b"[]", 2), (b"7", 1), (b'{"a":1}', 3), (b'"\\\\"', 2), (b'"{,[\\",,"', 2)],
)
def test_what_a_body_of_many_values_takes_is_held(item: bytes, values: int) -> None:
    held: list[int] = []
    sent = request(body=b'{"a":[%b]}' % b",".join([item] * 6_000))
    read_body(sent, LIMITS, held.append)
    assert held[0] == pytest.approx(6_000 * values * 100, rel=0.01)


@pytest.mark.parametrize("item", [b"{}", b"7", b'""', b'{"a":1}'])
def test_a_body_of_too_many_values_is_refused_before_it_is_read(item: bytes) -> None:
    many = b'{"a":[%b]}' % b",".join([item] * 10_001)
    refused = refusal(gzip.compress(many), "gzip", FEW)
    assert (refused.status, refused.code) == (413, "too_many_values")
    assert read_model(request(body=b'{"model":"m",' + many[1:]), FEW) == ""


@pytest.mark.parametrize("end", [b"", b"\\", b'"'])
def test_texts_that_do_not_end_are_passed_over_at_once(end: bytes) -> None:
    body = b'{"a":[' + b"," * 6_000 + b'"' + b'\\"' * 400_000 + end
    assert refusal(body).code == "invalid_json"


@given(st.binary(max_size=200), st.sampled_from([b"gzip", b"deflate", b"br", b"identity"]))
def test_any_bytes_unpack_or_are_refused(body: bytes, encoding: bytes) -> None:
    with suppress(Refusal):
        assert len(unpack(body, encoding, 1000)) <= 1000
