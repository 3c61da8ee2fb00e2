"""How many files, most of them connections, the gateway may have open."""

from __future__ import annotations

import errno
import resource

from locum.serving.refusals import Refusal

__all__ = ["raise_file_limit", "refuse_lack_of_files"]

# Where macOS calls the limit infinite, it takes no number above this.
_MOST_OF_MACOS = 10_240
_LACKS = frozenset({errno.EMFILE, errno.ENFILE})


def raise_file_limit() -> int:
    """Let this process, and those that it starts, have as many files open as they may.

    Shells and services begin with 1,024, though far more are allowed.

    Returns:
        How many that is.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_OF_MACOS if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY or soft >= most:
        return most
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):
        return soft
    return most


def refuse_lack_of_files(error: OSError) -> None:
    """Refuse a call for which no connection can be made as too many files are open here.

    Raises:
        Refusal: That is what the error says.
    """
    if error.errno in _LACKS:
        message = "the gateway has as many files and connections open as it may: ask again"
        raise Refusal(503, "too_many_files", message, retry_after=1)
