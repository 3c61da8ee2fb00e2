"""What can be chosen of a language model's training."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from locum.errors import UsageError

__all__ = ["LanguageLoss", "LanguageSettings", "Mode", "Precision"]

LossName = Literal[
    "forward_kl", "reverse_kl", "jensen_shannon", "skew_kl", "skew_reverse_kl", "total_variation"
]
Mode = Literal["hard", "offline", "online"]
Precision = Literal["float32", "bfloat16"]
_MIXED = {"jensen_shannon": 0.5, "skew_kl": 0.1, "skew_reverse_kl": 0.1}


@dataclass(frozen=True)
class LanguageLoss:
    """What a student's tokens cost.

    Args:
        name: A divergence of `locum.losses`.
        temperature: ``T > 0``; that of the teacher's lists, where it gives lists.
        soft_share: The share of the divergence; the rest is the cross-entropy to the tokens of the
            text. From zero to one. Of what the student writes it is all, as its own tokens teach
            nothing.
        mixture: ``beta`` of the Jensen-Shannon divergence (0.5 by default), ``alpha`` of the skew
            ones (0.1); of no other.

    Raises:
        UsageError: A value is none of those.
    """

    name: LossName = "forward_kl"
    temperature: float = 1.0
    soft_share: float = 1.0
    mixture: float | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        if self.name not in get_args(LossName):
            raise UsageError(f"loss {self.name!r}: expected one of {', '.join(get_args(LossName))}")
        if not (self.temperature > 0 and 0 <= self.soft_share <= 1):
            raise UsageError(
                f"temperature={self.temperature}, soft_share={self.soft_share}: expected a "
                "temperature above zero, and a share from zero to one"
            )
        if self.mixture is not None and not (self.name in _MIXED and 0 < self.mixture < 1):
            raise UsageError(
                f"mixture={self.mixture} with loss {self.name!r}: expected a number between zero "
                f"and one, and one of {', '.join(_MIXED)}"
            )

    @property
    def options(self) -> dict[str, float]:
        """Arguments of the divergence that it alone has."""
        if self.name not in _MIXED:
            return {}
        share = _MIXED[self.name] if self.mixture is None else self.mixture
        return {"beta" if self.name == "jensen_shannon" else "alpha": share}


@dataclass(frozen=True)
class LanguageSettings:
    """How a student is trained.

    Args:
        loss: What its tokens cost.
        epochs: Passes over the sequences.
        most_steps: Steps at the most, if less; the rate then falls to its end by that step.
        sequences_per_step: What one step of the optimizer learns from, over all processes.
        sequences_per_pass: What goes through the model at once, in one process: memory grows with
            it, and no result depends on it but by rounding, and by what dropout draws.
        learning_rate: Highest rate of AdamW (Loshchilov and Hutter 2019). It rises evenly for
            ``warmup_share`` of the steps and then falls along half a cosine to a tenth.
        warmup_share: From zero to one.
        weight_decay: AdamW's, of matrices alone.
        most_norm: What the gradient's norm is cut to.
        precision: ``bfloat16`` computes in it, with weights and sums in float32; softmax and
            losses are in float32 either way.
        on_policy_share: How many of the steps learn from what the student itself writes after the
            beginnings of the texts (the lambda of GKD; Agarwal et al. 2024). From zero to one.
        prompt_tokens: How many tokens of a text without a prompt the student goes on from.
        measure_every: Steps between measurements on the held-out texts; zero for none but at the
            beginning and the end.
        save_every: Steps between checkpoints.
        seed: Of the order of sequences, of dropout and of what the student writes.

    Raises:
        UsageError: A value is out of its range.
    """

    loss: LanguageLoss = LanguageLoss()
    epochs: int = 1
    most_steps: int | None = None
    sequences_per_step: int = 16
    sequences_per_pass: int = 4
    learning_rate: float = 5e-4
    warmup_share: float = 0.05
    weight_decay: float = 0.01
    most_norm: float = 1.0
    precision: Precision = "bfloat16"
    on_policy_share: float = 0.0
    prompt_tokens: int = 16
    measure_every: int = 0
    save_every: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values."""
        whole = (
            "epochs",
            "sequences_per_step",
            "sequences_per_pass",
            "prompt_tokens",
            "save_every",
        )
        self._expect("one or more", {name: getattr(self, name) >= 1 for name in whole})
        if self.most_steps is not None:
            self._expect("one or more", {"most_steps": self.most_steps >= 1})
        shares = ("warmup_share", "on_policy_share")
        self._expect(
            "a share from zero to one", {name: 0 <= getattr(self, name) <= 1 for name in shares}
        )
        above = ("learning_rate", "most_norm")
        self._expect("a number above zero", {name: getattr(self, name) > 0 for name in above})
        least = ("weight_decay", "measure_every", "seed")
        self._expect("zero or more", {name: getattr(self, name) >= 0 for name in least})
        self._expect(
            " or ".join(get_args(Precision)), {"precision": self.precision in get_args(Precision)}
        )

    def _expect(self, expected: str, holds: dict[str, bool]) -> None:
        for name, good in holds.items():
            if not good:
                raise UsageError(f"{name} is {getattr(self, name)!r}, expected {expected}")

    def as_object(self) -> dict[str, Any]:
        """Return the values for JSON."""
        return asdict(self)
