"""Names of models, and what they cost."""

from __future__ import annotations

import re
import time
from functools import lru_cache
from typing import TYPE_CHECKING

from locum.prices import Tokens, list_cost_usd
from locum.scan.values import Items, Made, Reference, Value, constant_text, plain

if TYPE_CHECKING:
    from locum.scan.findings import Tier

__all__ = ["looks_like_model", "model_name", "tier_of"]

_PROBE = 1000
_TOKENS_A_PRICE = 1_000_000
_FRONTIER_USD = 1.0
_KNOWN = re.compile(
    r"^(\w+[/:.]){0,2}(gpt-|chatgpt|o[134](-|$)|claude|gemini|gemma|mistral|ministral|magistral|"
    r"codestral|mixtral|open-mi|command|c4ai|llama|meta-llama|deepseek|qwen|grok|nova|titan|"
    r"text-davinci|davinci|sonar|kimi|phi|amazon\.|anthropic\.|cohere\.|meta\.|mistral\.)",
    re.IGNORECASE,
)
_LOCAL = re.compile(r"^ollama(_chat)?[/:]|\.gguf$", re.IGNORECASE)
_DATE = re.compile(r"20\d{6}$")
_PREFIX_CAMEL = re.compile(r"^(?:Chat)?Models?(?=[A-Z])")
# These are given the name of a variable or a setting, and then what holds where it is not set.
_LOOKS_UP = re.compile(
    r"env|^(?:get|getordefault|fetch|config|settings?|getproperty|getstring|getvalue)$"
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[A-Z])|_")
_PREFIX = re.compile(r"^(chat)?models?(?=[a-z0-9])")


def looks_like_model(name: str) -> bool:
    """Return whether a text is the name of a model."""
    return len(name) < 100 and " " not in name and bool(_KNOWN.match(name) or _LOCAL.match(name))


def model_name(value: Value | None) -> str | None:
    """Return the name of a model; ``None`` where it is no constant.

    Of what is looked up in the environment or in settings, it is the default that the code gives.
    Constants of SDKs, such as ``ChatModel.GPT_4O``, are turned into the name that they stand for.
    """
    text = constant_text(value)
    if text is not None:
        return text or None
    if isinstance(value, Made):
        return _given_name(value)
    if isinstance(value, Items) and len(value.items) == 1:
        return model_name(value.items[0])
    if isinstance(value, Reference):
        return _constant_name(value.path.rsplit(".", 1)[-1])
    return None


def _given_name(value: Made) -> str | None:
    last = value.last()
    if last.is_call and _LOOKS_UP.search(plain(last.name.rsplit(".", 1)[-1])):
        default = last.arguments[1] if len(last.arguments) > 1 else last.named.get("default")
        return model_name(default)
    return model_name(value.arguments[0]) if value.is_call and value.arguments else None


def _constant_name(name: str) -> str | None:
    wanted = _PREFIX.sub("", plain(name)).removesuffix("latest")
    listed = _listed_models()
    written = _PREFIX.sub("", name.lower().removeprefix("model_")).replace("_", "-")
    known = listed.get(wanted) or listed.get(_DATE.sub("", wanted))
    if known is None and looks_like_model(written):
        return _CAMEL.sub("-", _PREFIX_CAMEL.sub("", name)).lower()
    return known


@lru_cache(maxsize=1)
def _listed_models() -> dict[str, str]:
    """Names of the price list by their letters and digits."""
    from genai_prices import data

    found: dict[str, str] = {}
    for provider in data.providers:
        for model in provider.models:
            found.setdefault(plain(model.id).removesuffix("latest"), model.id)
    return found


def tier_of(model: str | None) -> Tier:
    """Return how much a model costs: ``frontier`` from 1 US dollar a million input tokens."""
    if model is None:
        return "unknown"
    if _LOCAL.search(model):
        return "local"
    cost = _probe_cost(model)
    if cost is None:
        return "unknown"
    return "frontier" if cost / _PROBE * _TOKENS_A_PRICE >= _FRONTIER_USD else "small"


@lru_cache(maxsize=1000)
def _probe_cost(model: str) -> float | None:
    now = time.time()
    names = [model, model.partition(":")[2], re.sub(r"^(us|eu|apac|global)\.", "", model)]
    costs = (list_cost_usd(name, Tokens(_PROBE, 0), now) for name in names if name)
    return next((cost for cost in costs if cost is not None), None)
