"""URLs of servers: what they may hold."""

from __future__ import annotations

from urllib.parse import urlsplit

from locum.errors import UsageError

__all__ = ["check_url"]


def check_url(url: str, of: str) -> None:
    """Refuse what is no URL of an API, and one that is not to be shown.

    Args:
        url: The API's base.
        of: What is behind it, as a word.

    Raises:
        UsageError: It is no HTTP URL, or holds a user, a password, a query or a fragment.
    """
    if "?" in url or "#" in url:
        raise UsageError(
            f"the {of}'s URL holds a '?' or a '#', and paths are put behind it: take out all from "
            "there on, and put a key into an environment variable (on Azure, the URL is "
            "https://NAME.openai.azure.com/openai/v1)"
        )
    try:
        has_user = "@" in urlsplit(url).netloc
    except ValueError as error:
        raise UsageError(f"{of} {url!r} is no valid URL: {error}") from None
    if has_user:
        raise UsageError(
            f"the {of}'s URL holds a user or a password, which would be shown and kept: take "
            "them out, and put the key into an environment variable"
        )
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{of} {url!r}: expected a URL that starts with http:// or https://")
