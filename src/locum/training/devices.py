"""Devices, as torch calls them."""

from __future__ import annotations

from locum.errors import UsageError

__all__ = ["refuse_device"]


def refuse_device(wanted: object) -> None:
    """Refuse a device on which torch can compute nothing here.

    Raises:
        UsageError: It is none.
    """
    import torch

    try:
        torch.ones(1, device=wanted).item()  # type: ignore[call-overload]
    except (RuntimeError, AssertionError, ImportError, TypeError) as error:
        reason = str(error).strip().split("\n", maxsplit=1)[0]
        raise UsageError(
            f"device={wanted!r} cannot be used ({reason[:200]}): expected None, or one that torch "
            "has here, such as 'cpu' or 'cuda'"
        ) from None
