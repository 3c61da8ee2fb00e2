"""What all families of Locum's own share: parameters, and predictions from judgements."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from locum.students.protocol import Judgement

__all__ = ["BaseStudent"]


class BaseStudent:
    """A student whose constructor keeps each argument under its own name, but ``classes_``."""

    tried: ClassVar[Mapping[str, Sequence[float]]] = {}

    classes_: tuple[str, ...]

    def judge(self, inputs: Sequence[str]) -> Judgement:
        """Return probabilities and novelty of the inputs in one pass."""
        raise NotImplementedError

    def predict_proba(self, inputs: Sequence[str]) -> NDArray[np.float32]:
        """Return probabilities of the labels, ``[N, C]``."""
        return self.judge(inputs).proba

    def predict(self, inputs: Sequence[str]) -> list[str]:
        """Return the most probable label of each input."""
        return [self.classes_[index] for index in self.judge(inputs).proba.argmax(axis=1)]

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002, FBT001, FBT002 - as scikit-learn
        """Return the parameters that the constructor took."""
        names = list(inspect.signature(type(self)).parameters)
        return {"classes": list(self.classes_)} | {
            name: getattr(self, name) for name in names if name != "classes"
        }
