"""Frames of requests by what redaction knows, whether the store keeps it out or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.config import RedactionSettings
from locum.promotion.frame import frame_of, spelled_frame_of
from locum.redaction import Redactor

if TYPE_CHECKING:
    from locum.promotion.frame import Frame
    from locum.schema import JsonObject

__all__ = ["Framer"]


class Framer:
    """Makes frames of requests, alike of live and of recorded ones.

    In a frame all personal data is a placeholder, also of kinds that are left in the store: so it
    makes no difference which ones were left in as calls were recorded. May be used by threads.

    Args:
        settings: Those of the project.
    """

    def __init__(self, settings: RedactionSettings | None = None) -> None:
        settings = settings or RedactionSettings()
        self._redactor = Redactor(RedactionSettings(patterns=settings.patterns))
        self._recorder = Redactor(settings) if settings.off else self._redactor
        self.patterns = self._redactor.patterns_digest

    def frame(self, rest: JsonObject) -> Frame:
        """Return the frame of a request without its input, as `split_request` gives it."""
        return frame_of(self._redactor.redact([rest]).values[0])

    def frames(self, rest: JsonObject) -> tuple[Frame, Frame]:
        """Return the frame of a live request, and the one that plans of earlier versions hold."""
        known = self._redactor.redact([rest]).values[0]
        recorded = known
        if self._recorder is not self._redactor:
            recorded = self._recorder.redact([rest]).values[0]
        return frame_of(known), spelled_frame_of(recorded)
