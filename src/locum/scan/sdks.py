"""Which calls are calls of a model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ENDPOINTS", "Endpoint", "may_call"]


class Endpoint(NamedTuple):
    """A function of an SDK that calls a model.

    Args:
        sdk: As findings show it.
        path: What the names on the way to the call look like, in lower case without underscores.
        evidence: What must stand in the file's code besides, in lower case; empty for nothing.
        keys: Names of arguments, of which one must be given; empty for none. ``role pairs`` stands
            for a list of ``("system", text)``, which is LangChain's.
        places: Names that arguments have by their place.
    """

    sdk: str
    path: re.Pattern[str]
    evidence: re.Pattern[str] | None = None
    keys: frozenset[str] = frozenset()
    places: tuple[str, ...] = ()


_MESSAGES = frozenset({"messages", "model", "prompt", "input", "parameters", "request", "**"})
_REQUEST = ("request", "options")


def _endpoint(
    sdk: str,
    path: str,
    evidence: str = "",
    keys: Iterable[str] = (),
    places: tuple[str, ...] = (),
) -> Endpoint:
    return Endpoint(
        sdk,
        re.compile(path),
        re.compile(evidence) if evidence else None,
        frozenset(keys),
        places,
    )


_OPENAI = r"openai|azure|groq|together|deepseek|openrouter|mistral|litellm|fireworks|perplexity"
_GOOGLE = r"genai|gemini|generativeai|generative-ai|vertexai|vertex"
_CHAIN = r"langchain|langgraph"
_CHAT_MODELS = (
    r"(^|\.)(azure)?chat(openai|azureopenai|anthropic|bedrock|bedrockconverse|googlegenerativeai|"
    r"vertexai|google|mistralai|cohere|groq|together|togetherai|fireworks|deepseek|openrouter|xai|"
    r"litellm|ollama|huggingface|perplexity|nvidia)(\.[a-z]+)*\."
)
_OBJECT_CALLS = r"(invoke|ainvoke|batch|abatch|predict|apredict|call|run|arun|stream|astream)$"

ENDPOINTS: tuple[Endpoint, ...] = (
    _endpoint(
        "openai",
        r"chat\.completions\.((withrawresponse|withstreamingresponse)\.)?"
        r"(create|parse|stream|runtools|new|newstreaming|createstreaming)$",
        keys=(),
        places=_REQUEST,
    ),
    _endpoint(
        "openai",
        r"(^|\.)responses\.((withrawresponse)\.)?(create|parse|stream|new|newstreaming|createstreamed)$",
        _OPENAI,
        {"input", "instructions", "prompt", "request", "parameters", "**"},
        _REQUEST,
    ),
    _endpoint("openai", r"(^|\.)chatcompletion\.a?create$", places=_REQUEST),
    _endpoint("openai", r"(^|\.)completion\.a?create$", _OPENAI, {"prompt", "**"}, _REQUEST),
    _endpoint(
        "openai",
        r"(?<!chat\.)(^|\.)completions\.(create|new)$",
        _OPENAI,
        {"prompt", "parameters", "request"},
        _REQUEST,
    ),
    _endpoint("openai", r"createchatcompletion(stream)?$", places=_REQUEST),
    _endpoint(
        "openai", r"(^|\.)chat\.(create|createstreamed)$", _OPENAI, _MESSAGES, ("parameters",)
    ),
    _endpoint("openai", r"(^|\.)(chat|completions)$", _OPENAI, {"parameters"}),
    _endpoint("openai", r"completechat(streaming)?(async)?$", places=("messages", "options")),
    _endpoint("azure-openai", r"getchatcompletions(stream)?(async)?$", places=("model", "options")),
    _endpoint(
        "semantic-kernel",
        r"(invokeprompt(streaming)?(async)?|getchatmessagecontents?(async)?|"
        r"getstreamingchatmessagecontentsasync)$",
        r"semantickernel|semantic_kernel",
        places=("messages", "options"),
    ),
    _endpoint(
        "microsoft-ai",
        r"get(streaming)?response(async)?$",
        r"microsoft\.extensions\.ai|ichatclient",
        places=("messages", "options"),
    ),
    _endpoint(
        "anthropic",
        r"(?<!threads\.)(?<!conversations\.)(^|\.)messages\.((withrawresponse)\.)?"
        r"(create|stream|new|newstreaming|parse|createstreaming)$",
        r"anthropic|claude",
        {"messages", "maxtokens", "request", "parameters", "**"},
        _REQUEST,
    ),
    _endpoint("anthropic", r"(^|\.)messages$", r"anthropic|claude", {"parameters"}),
    _endpoint("anthropic", r"getclaudemessage(async)?$|streamclaudemessageasync$", places=_REQUEST),
    _endpoint("anthropic", r"(^|\.)completions\.create$", r"anthropic", {"prompt"}, _REQUEST),
    _endpoint(
        "mistral", r"(^|\.)chat\.(complete|stream|parse)(async)?$", r"mistral", places=_REQUEST
    ),
    _endpoint(
        "google",
        r"(^|\.)models\.(stream)?generatecontent(async|stream)?(async)?$",
        _GOOGLE,
        places=("model", "contents", "config"),
    ),
    _endpoint(
        "google",
        r"(stream)?generatecontent(async|stream)?(streamasync)?$",
        _GOOGLE,
        places=("contents", "config"),
    ),
    _endpoint(
        "bedrock",
        r"(^|\.)(converse|conversestream|conversestreaming|invokemodel|invokemodelwithresponsestream)"
        r"(async)?$",
        r"bedrock",
        places=_REQUEST,
    ),
    _endpoint("bedrock", r"(^|\.)send$", r"conversecommand|invokemodelcommand", places=_REQUEST),
    _endpoint(
        "litellm",
        r"^(litellm\.)?(acompletion|completion|batchcompletion|responses|aresponses)$",
        r"litellm",
    ),
    _endpoint(
        "litellm",
        r"^router\.a?completion$",
        r"litellm",
    ),
    _endpoint(
        "vercel-ai",
        r"^(ai\.)?(generatetext|streamtext|generateobject|streamobject)$",
        r"""["']ai["']""",
        places=_REQUEST,
    ),
    _endpoint(
        "cohere",
        r"(^|\.)(chat|chatstream|generate)$",
        r"cohere",
        {"messages", "message", "prompt"},
        _REQUEST,
    ),
    _endpoint("ruby-llm", r"^rubyllm\.chat\.(\w+\.)*(ask|say|complete)$", places=("prompt",)),
    _endpoint(
        "prism",
        r"^prism\.(text|structured)\.(\w+\.)*(astext|asstructured|asstream|generate)$",
    ),
    _endpoint(
        "spring-ai",
        r"\.prompt\.(\w+\.)*(call|stream)\.(content|entity|chatresponse|responseentity)$",
        r"springframework\.ai",
    ),
    _endpoint(
        "spring-ai", r"^(\w*chatmodel)\.(\w+\.)*call$", r"springframework\.ai", places=("prompt",)
    ),
    _endpoint(
        "langchain4j",
        r"^\w*(chatmodel|chatlanguagemodel|languagemodel)\.(\w+\.)*(chat|generate)$",
        r"langchain4j",
        places=("prompt", "prompt"),
    ),
    _endpoint(
        "langchaingo",
        r"(^|\.)generatefromsingleprompt$",
        r"langchaingo",
        places=("llm", "prompt", "config", "config", "config"),
    ),
    _endpoint(
        "langchaingo", r"(^|\.)generatecontent$", r"langchaingo", places=("messages", "config")
    ),
    _endpoint("langchain", _CHAT_MODELS + _OBJECT_CALLS, _CHAIN, places=("prompt",)),
    _endpoint(
        "langchain",
        r"^(initchatmodel|chatmodel|llmchain)\.(\w+\.)*" + _OBJECT_CALLS,
        _CHAIN,
        places=("prompt",),
    ),
    _endpoint("langchain", r"^pipeline\.(\w+\.)*" + _OBJECT_CALLS, _CHAIN, places=("variables",)),
    _endpoint("langchain", r"\.pipe\.(\w+\.)*" + _OBJECT_CALLS, _CHAIN, places=("variables",)),
    _endpoint(
        "llama-index",
        r"^(openai|anthropic|azureopenai|gemini|googlegenai|mistralai|bedrock|bedrockconverse|"
        r"cohere|groq|settings\.llm|llm|ollama|openailike)\.(\w+\.)*a?(complete|chat|predict)$",
        r"llama_?index|llamaindex",
        places=("prompt",),
    ),
    _endpoint(
        "llama-index",
        r"^(\w+\.)*a?structuredpredict$",
        r"llama_?index|llamaindex",
        places=("schema", "prompt"),
    ),
    _endpoint(
        "langchain",
        r"(^|\.)(invoke|ainvoke|stream|astream)$",
        keys={"role pairs"},
        places=("messages",),
    ),
    _endpoint("langchainrb", r"^langchain\.llm\.\w+\.(chat|complete)$", places=("request",)),
)
"""The first that fits a call counts."""

_MARKS = (
    *("openai", "anthropic", "genai", "generativeai", "generative-ai", "generativelanguage"),
    *("gemini", "bedrock", "mistral", "cohere", "litellm", "langchain", "llama_index"),
    *("llamaindex", "llama-index", "rubyllm", "prism::", "prism\\prism", "springframework.ai"),
    *("semantickernel", "semantic_kernel", "extensions.ai", "openrouter", "deepseek", "groq"),
    *("import together", "together.xyz", "together.ai", "chat/completions", "chat.completions"),
    *('"ai"', "'ai'", "claude", "chatclient", "import instructor", "fireworks.ai"),
    *("api.perplexity", "api.x.ai", '("system",', '["system",', "('system',", "['system',"),
)


def may_call(source: str) -> bool:
    """Return whether a file may call a model; what it says of none is not parsed.

    Args:
        source: Its text.
    """
    lowered = source.lower()
    return any(mark in lowered for mark in _MARKS)
