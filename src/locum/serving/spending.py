"""What applications may spend: a call that could pass an application's cap is not sent."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from locum.prices import find_price
from locum.serving.refusals import Refusal
from locum.serving.worst_case import find_dearer, find_unseen, worst_tokens
from locum.store import SpendStore, Spent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from locum.config import ApplicationSettings
    from locum.schema import JsonObject, OwnPrice
    from locum.store import Database

__all__ = ["Reservation", "Spending"]

_READING = frozenset({b"GET", b"HEAD", b"OPTIONS"})


class Reservation(NamedTuple):
    """Money that a call may cost, in US dollars, kept from others until it is known what it did.

    Args:
        application: Whose call it is.
        worst_usd: What it costs at worst.
    """

    application: str
    worst_usd: float


class Spending:
    """Keeps applications within their caps.

    What a call may cost at worst is reserved before it is sent; see `worst_tokens`. It is settled
    when the call is on disk, however long that takes: by what it cost, or by the same amount where
    its answer does not say.
    Gateways at one store know of each other's settled calls within about a second; what is in
    flight at another one they do not see.

    Args:
        applications: Who may call, by name.
        prices: One's own prices, by model.
    """

    def __init__(
        self, applications: Mapping[str, ApplicationSettings], prices: Mapping[str, OwnPrice]
    ) -> None:
        self._caps = {
            name: Spent(application.day_usd, application.month_usd)
            for name, application in applications.items()
            if application.day_usd is not None or application.month_usd is not None
        }
        self._prices = prices
        self._known: dict[str, Spent] | None = None
        self._since: defaultdict[str, float] = defaultdict(float)
        self._reserved: defaultdict[str, float] = defaultdict(float)

    @property
    def limited(self) -> bool:
        """Whether any application has a cap."""
        return bool(self._caps)

    def reserve(
        self,
        application: str | None,
        body: JsonObject,
        size: int,
        path_model: str | None = None,
    ) -> Reservation | None:
        """Keep what a call may cost at worst; ``None`` where its application has no cap.

        Args:
            application: Who calls.
            body: What is asked.
            size: Bytes of the request, unpacked.
            path_model: The model that its path names, if it does.

        Raises:
            Refusal: It could pass the cap, or nobody knows what it costs.
        """
        cap = self._caps.get(application or "")
        if application is None or cap is None:
            return None
        if self._known is None:
            raise Refusal(503, "spend_unknown", "the store of what was spent cannot be read")
        worst = self._worst_usd(application, body, size, path_model)
        pending = self._since[application] + self._reserved[application] + worst
        spent = self._known[application]
        for name, most, so_far in (
            ("day", cap.day_usd, spent.day_usd or 0.0),
            ("month", cap.month_usd, spent.month_usd or 0.0),
        ):
            if most is not None and so_far + pending > most:
                raise _passed(application, name, most, so_far)
        self._reserved[application] += worst
        return Reservation(application, worst)

    def _worst_usd(
        self, application: str, body: JsonObject, size: int, path_model: str | None
    ) -> float:
        model = body.get("model")
        price = find_price(model, self._prices) if isinstance(model, str) else None
        if price is None:
            reason = (
                f"what the model {model!r} costs is not known: declare it, in [prices.{model!r}] "
                "of locum.toml"
            )
        elif path_model is not None and path_model != model:
            reason = (
                f"the path names the model {path_model!r}, the body {model!r}: name the same in "
                "both, so that its price is known"
            )
        elif unseen := find_unseen(body):
            reason = (
                f"what a call with {unseen} costs is not known, as its provider adds to it: send "
                "all that is to be read in the call"
            )
        elif dearer := find_dearer(body):
            reason = f"what a call with {dearer} costs is not known: leave it out"
        else:
            return price.cost_usd(worst_tokens(body, size))
        message = f"the application {application!r} has a cap, and {reason}"
        raise Refusal(403, "unknown_price", message)

    def may_spend(
        self,
        application: str | None,
        body: JsonObject,
        size: int,
        path_model: str | None = None,
    ) -> bool:
        """Tell whether `reserve` would reserve; see there for the arguments."""
        try:
            reserved = self.reserve(application, body, size, path_model)
        except Refusal:
            return False
        self.settle([] if reserved is None else [reserved], [])
        return True

    def refuse_unpriced(self, application: str | None, method: bytes) -> None:
        """Refuse what nobody could tell the cost of, where its application has a cap.

        Args:
            application: Who calls.
            method: Of a request to none of the APIs whose answers say what they took.

        Raises:
            Refusal: It does more than read.
        """
        if application in self._caps and method not in _READING:
            message = (
                f"the application {application!r} has a cap, and what calls of this path cost is "
                "not known: call chat completions, completions, responses, messages or embeddings"
            )
            raise Refusal(403, "unknown_price", message)

    def settle(self, ended: Iterable[Reservation], spent: Iterable[tuple[str, float]]) -> None:
        """Take note of calls of this gateway that are on disk.

        Args:
            ended: What was reserved for them.
            spent: Applications with what their calls cost, in US dollars.
        """
        for application, usd in spent:
            self._since[application] += usd
        for application, worst in ended:
            self._reserved[application] -= worst

    # What the store says, of this gateway's calls and others'.

    def read(self, database: Database) -> dict[str, Spent]:
        """Return what applications have spent; may run in another thread."""
        return SpendStore(database).spent(list(self._caps), time.time())

    def begin_read(self) -> dict[str, float]:
        """Return what was settled here before the store is read."""
        return dict(self._since)

    def take(self, spent: dict[str, Spent], settled: Mapping[str, float]) -> None:
        """Take what the store says, which holds what had been settled before it was read."""
        self._known = spent
        for application, usd in settled.items():
            self._since[application] -= usd


def _passed(application: str, period: str, most: float, spent: float) -> Refusal:
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    end = midnight + timedelta(days=1)
    if period == "month":
        end = (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    message = (
        f"the application {application!r} may spend ${most:g} a {period}, has spent ${spent:.4g}, "
        "and this call could pass that: raise its cap in locum.toml, ask for a shorter answer "
        "(max_tokens), or wait"
    )
    return Refusal(429, "spend_cap", message, retry_after=int((end - now).total_seconds()) + 1)
