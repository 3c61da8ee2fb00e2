"""Where the gateway looks for credentials: headers and parameters that are named as such."""

from __future__ import annotations

import pytest

from locum.serving.credentials import header_secrets, is_credential, query_secrets


@pytest.mark.parametrize(
    "header",
    [
        *(b"authorization", b"proxy-authorization", b"x-api-key", b"api-key", b"cookie"),
        *(b"x-goog-api-key", b"ocp-apim-subscription-key", b"x-functions-key", b"apikey"),
        *(b"cf-access-client-secret", b"cf-access-jwt-assertion", b"x-amz-security-token"),
        *(b"helicone-auth", b"private-token", b"x-forwarded-access-token"),
    ],
)
def test_a_header_that_is_named_as_a_credential_holds_one(header: bytes) -> None:
    assert is_credential(header)


@pytest.mark.parametrize(
    "header",
    [
        *(b"accept", b"content-type", b"user-agent", b"x-stainless-lang", b"anthropic-version"),
        *(b"x-max-tokens", b"x-monkey", b"x-author", b"idempotency-key", b"openai-organization"),
    ],
)
def test_other_headers_hold_none(header: bytes) -> None:
    assert not is_credential(header)


def test_a_scheme_is_no_secret_and_cookies_have_several() -> None:
    cookies = b"sid=8f3a9c77-12b4=4e0d; theme=dark; token=4f5e6d7c8b9a0f1e"
    sent = [(b"authorization", b"Bearer abc"), (b"cookie", cookies)]
    secrets = ("Bearer abc", "abc", "8f3a9c77-12b4=4e0d", "4f5e6d7c8b9a0f1e")
    assert header_secrets(sent) == secrets


@pytest.mark.parametrize(
    ("target", "secrets"),
    [
        (b"/v1/chat/completions", ()),
        (b"/v1/chat/completions?api-version=2024-10-21&a", ()),
        (b"/v1/chat/completions?key=ab%2Bc&x=y", ("ab%2Bc", "ab+c")),
        (b"/x?subscription-key=one;sig=two&code=one", ("one", "two")),
        (b"/x?api%5fkey=\xe9", ("\xe9",)),
    ],
)
def test_parameters_that_are_named_as_keys_hold_secrets(
    target: bytes, secrets: tuple[str, ...]
) -> None:
    assert query_secrets(target) == secrets
