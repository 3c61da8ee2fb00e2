"""Models that were read from a GGUF file, as any other, and those that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locum.errors import UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["as_plain"]

_PACKED = "transformers.integrations.gguf"


def as_plain(model: PreTrainedModel) -> PreTrainedModel:
    """Return a model that transformers saves and trains, the same object.

    A model that was read from a GGUF file has ordinary weights, and yet transformers refuses to
    save it, as it still bears the mark of the type in which the file held them. The mark goes.

    Raises:
        UsageError: Its weights are still rounded, or adapters that were loaded with it stand
            beside them.
    """
    if getattr(model, "_hf_peft_config_loaded", False):
        raise UsageError(
            f"{type(model).__name__} was loaded with adapters, which would be saved alone: merge "
            "them first, by peft's AutoPeftModelForCausalLM.from_pretrained(FOLDER)"
            ".merge_and_unload().save_pretrained(ANOTHER)"
        )
    quantizer: Any = getattr(model, "hf_quantizer", None)
    if quantizer is None:
        return model
    packed = any(type(part).__module__.startswith(_PACKED) for part in model.modules())
    method = str(getattr(quantizer.quantization_config.quant_method, "value", "unknown"))
    if packed or method != "gguf":
        raise UsageError(
            f"{type(model).__name__} holds its weights rounded ({method}): expected whole ones; "
            "load it without quantization, a GGUF file with GgufConfig(dequantize=True)"
        )
    quantizer.remove_quantization_config(model)
    return model
