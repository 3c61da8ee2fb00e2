"""Arguments of a call, wherever SDKs put them, by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.scan.json_texts import from_json
from locum.scan.messages import is_template
from locum.scan.models import looks_like_model, model_name
from locum.scan.values import (
    Fields,
    Items,
    Made,
    Reference,
    Step,
    Text,
    Value,
    constant_text,
    plain,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from locum.scan.evaluation import Evaluator

__all__ = [
    "CHOICE",
    "FORMAT",
    "MESSAGES",
    "MODEL",
    "NESTED",
    "PROMPT",
    "SYSTEM",
    "TOKENS",
    "TOOLS",
    "WHOLE",
    "Gathered",
]

MODEL = ("model", "modelid", "modelname", "deployment", "deploymentname", "engine", "defaultmodel")


SYSTEM = (
    *("system", "systemmessage", "instructions", "systeminstruction", "systemprompt", "preamble"),
    *("defaultsystem", "developermessage", "instruction", "systemfromtext"),
)


MESSAGES = ("messages", "contents", "input", "message", "chathistory", "history", "chatmessages")


PROMPT = ("prompt", "user", "usermessage", "query", "userprompt", "inputtext", "ask", "text")


TOKENS = (
    *("maxtokens", "maxoutputtokens", "maxcompletiontokens", "maxtokenstosample", "maxnewtokens"),
    *("maxoutputtokencount", "numpredict", "maxgenlen", "maxtokencount", "maxtokencountparam"),
)


FORMAT = (
    *("responseformat", "textformat", "responseschema", "responsejsonschema", "schema", "format"),
    *(
        "outputschema",
        "experimentaloutput",
        "responsemodel",
        "outputtype",
        "structuredoutput",
        "output",
        "outputformat",
    ),
    *("entity", "outputconfig", "jsonschema", "pydanticobject", "outputcls", "outputmodel"),
    *("responseformatjsonschema", "outputparser", "responsejsonschemaformat", "structuredllm"),
)


TOOLS = ("tools", "functions", "bindtools", "plugins", "tool", "addtool", "toolcallbacks")


# A whole request: "**" has no letters.
WHOLE = ("", "request")


CHOICE = ("toolchoice", "functioncall", "toolconfig", "toolchoicefunction")


NESTED = frozenset(
    {
        *("config", "generationconfig", "inferenceconfig", "parameters", "options", "params"),
        *("request", "body", "json", "textgenerationconfig", "executionsettings", "settings"),
        *("data", "chatoptions", "defaultoptions", "requestoptions", "llm", "bind", "modelkwargs"),
        *("chatmodel", "extrabody", "clientoptions", "generatecontentconfig", "value"),
        *("defaultrequestparameters", "pipe", "withconfig", "extraargs", "form", "content"),
        *("baseurl", "chain", "runnable", "withoptions", "promptexecutionsettings"),
    }
)


_PREFIXES = ("with", "set", "using", "add")
_KNOWN = frozenset(
    {
        *(*MODEL, *SYSTEM, *MESSAGES, *PROMPT, *TOKENS, *FORMAT, *TOOLS, *CHOICE),
        *("temperature", *NESTED),
    }
)


class Gathered:
    """Values by the names of arguments, in lower case without underscores."""

    def __init__(self, ev: Evaluator) -> None:
        self.by_key: dict[str, list[Value]] = {}
        self.models: list[Value] = []
        self.formats: list[Value] = []
        self.texts: list[str] = []
        self.names: list[str] = []
        self.grows = False
        self._ev = ev
        self._depth = 0

    def add(self, key: str, value: Value) -> None:
        """Note an argument, and what is in it where it is a container."""
        name = plain(key)
        value = self._resolved(value)
        self._note_text(value)
        self.by_key.setdefault(name, []).append(value)
        if name in NESTED or (name == "text" and isinstance(value, Fields)):
            self.spread(value)

    def _resolved(self, value: Value) -> Value:
        """What a lambda gives that an SDK hands a builder."""
        if isinstance(value, Reference) and value.function is not None and not value.path:
            returns = value.function.returns
            return self._ev.value(returns[-1], value.function) if returns else value
        return value

    def spread(self, value: Value) -> None:
        """Note everything that a container holds."""
        if self._depth > 6:
            return
        self._depth += 1
        match value:
            case Fields(entries=entries, further=further):
                for key, one in [*entries.items(), *(("**", one) for one in further)]:
                    self.add(key, one)
            case Made():
                self.spread_made(value)
            case Text():
                self._spread_text(value)
            case Reference(function=function) if function is not None and function.returns:
                self.spread(self._ev.value(function.returns[-1], function))
            case Items(items=items):
                for one in items:
                    if isinstance(one, Made | Fields):
                        self.spread(one)
            case _:
                pass
        self._depth -= 1

    def _spread_text(self, value: Text) -> None:
        parsed = from_json(value)
        if parsed is not None:
            self.spread(parsed)
        else:
            self._note_text(value)

    def spread_made(self, value: Made) -> None:
        """Note all that a call was given, and all that was called on what it made."""
        self.names.append(value.name)
        if "outputparser" in plain(value.name):
            self.formats.append(value)
        if is_template(value):
            self._add_template(value)
            return
        for key, one in value.named.items():
            self.add(key, one)
        option = _without_prefix(value.name.rsplit(".", 1)[-1])
        if option in _KNOWN and len(value.arguments) == 1 and option not in NESTED:
            self.add(option, value.arguments[0])
        self.positional(value.arguments)
        if value.types:
            self.formats += [Reference(one) for one in value.types]
        for step in value.steps:
            self.step(step)

    def positional(self, arguments: Iterable[Value]) -> None:
        """Note arguments whose meaning their form alone tells."""
        for one in arguments:
            self._note_text(one)
            name = model_name(one) if isinstance(one, Text | Reference) else None
            if name is not None and looks_like_model(name):
                self.models.append(one)
            elif isinstance(one, Made) and is_template(one):
                self._add_template(one)
            elif isinstance(one, Fields | Made | Reference):
                self.spread(one)

    def _add_template(self, value: Made) -> None:
        """Note a template, and the model that it is piped to."""
        alone = Made(value.name, value.is_call, value.arguments, value.named)
        self.by_key.setdefault("prompt", []).append(alone)
        for step in value.steps:
            self.step(step)

    def step(self, step: Step) -> None:
        """Note a method that was called on what was made before."""
        self.names.append(step.name)
        name = _without_prefix(step.name)
        if name == "grows":
            self.grows = True
        if name in _KNOWN and step.arguments:
            first = step.arguments[0]
            whole = first if len(step.arguments) == 1 else Items(step.arguments)
            self.add(name, whole if name in {*TOOLS, *MESSAGES} else first)
            self.positional(step.arguments[1:])
        else:
            self.positional(step.arguments)
        for key, one in step.named.items():
            self.add(key, one)
        self.formats += [Reference(one) for one in step.types]

    def _note_text(self, value: Value) -> None:
        text = constant_text(value)
        if text is None and isinstance(value, Text):
            text = "".join(part for part in value.parts if isinstance(part, str))
        if text is not None:
            self.texts.append(text[:300])

    def first(self, keys: Sequence[str]) -> Value | None:
        """Return the last value that one of some keys has."""
        found = [value for key in keys for value in self.by_key.get(key, ())]
        return found[-1] if found else None

    def all(self, keys: Sequence[str]) -> list[Value]:
        """Return all values that some keys have."""
        return [value for key in keys for value in self.by_key.get(key, ())]


def _without_prefix(name: str) -> str:
    """Return what a setter sets: ``model`` of ``withModel`` and ``set_model``."""
    bare = plain(name)
    for prefix in _PREFIXES:
        bare = bare.removeprefix(prefix)
    return bare
