"""Calls of models in a file, and what each asks for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from locum.scan.formatting import placeholders
from locum.scan.http_requests import http_request
from locum.scan.instructions import has_instruction
from locum.scan.languages.lowering import last_name
from locum.scan.messages import is_role_pair
from locum.scan.receivers import calls_of
from locum.scan.requests import Request, read_request
from locum.scan.sdks import ENDPOINTS, Endpoint
from locum.scan.tree import Call, Function, Module, Place
from locum.scan.values import Fields, Items, Made, Slot, Text, plain, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from locum.scan.evaluation import Evaluator

__all__ = ["ModelCall", "model_calls"]

# In one file: calls of models and callers around each multiply without end.
_MOST_CALLERS = 2_000
_DEEPEST = 2
_CONSTRUCTORS = frozenset({"constructor", "__init__", "initialize", "__construct"})
_ENDINGS = frozenset(
    {
        *("create", "parse", "stream", "runtools", "new", "newstreaming", "createstreaming"),
        *("createstreamed", "acreate", "createchatcompletion", "createchatcompletionstream"),
        *("chat", "completions", "messages", "complete", "completeasync", "converse", "send"),
        *("invoke", "ainvoke", "batch", "abatch", "predict", "apredict", "call", "run", "arun"),
        *("astream", "acompletion", "completion", "batchcompletion", "responses", "aresponses"),
        *("generatetext", "streamtext", "generateobject", "streamobject", "chatstream", "generate"),
        *("ask", "say", "astext", "asstructured", "asstream", "content", "entity", "chatresponse"),
        *("responseentity", "generatefromsingleprompt", "acomplete", "achat", "structuredpredict"),
        *("astructuredpredict", "getclaudemessage", "getclaudemessageasync", "parseasync"),
        *("streamclaudemessageasync", "streamasync", "conversestream", "converseasync"),
        *("conversestreaming", "invokemodel", "invokemodelasync", "invokemodelwithresponsestream"),
    }
)
_ENDS = re.compile(
    r"completechat|getchatcompletion|invokeprompt|getchatmessagecontent|getresponse|"
    r"getstreaming|generatecontent"
)


class ModelCall(NamedTuple):
    """A call of a model.

    Args:
        call: The call as it stands in the file: of the SDK, or of the function around it that is
            given the instruction.
        function: In which function it stands.
        loops: In how many loops of that.
        sdk: What is called in the end.
        request: What is asked for.
        ev: By which values were read.
        inner: The call of the SDK.
    """

    call: Call
    function: Function
    loops: int
    sdk: str
    request: Request
    ev: Evaluator
    inner: Call


def model_calls(ev: Evaluator) -> list[ModelCall]:
    """Return all calls of models in a file, in the order of the text."""
    code = ev.module.code.lower()
    found: list[ModelCall] = []
    turns = iter(range(_MOST_CALLERS))
    for place in ev.module.places:
        if isinstance(place.expression, Call):
            ev.project.trace.steps = 0
            found += _at_place(ev, place, code, turns)
    return _outermost(found)


def _outermost(calls: list[ModelCall]) -> list[ModelCall]:
    """Of calls that begin at the same place, such as the links of a chain, the longest."""
    by_start: dict[tuple[int, int], ModelCall] = {}
    for call in calls:
        span = call.call.span
        start = (span.line, span.column)
        known = by_start.get(start)
        if known is None or (span.end_line, span.end_column) > (
            known.call.span.end_line,
            known.call.span.end_column,
        ):
            by_start[start] = call
    return sorted(by_start.values(), key=lambda call: call.call.span)


def _at_place(ev: Evaluator, place: Place, code: str, turns: Iterator[int]) -> Iterator[ModelCall]:
    call = place.expression
    assert isinstance(call, Call)
    found = _read(ev, place, code)
    if found is None:
        return
    sdk, request = found
    direct = ModelCall(call, place.function, place.loops, sdk, request, ev, call)
    if is_fixed(request):
        yield direct
        return
    by_callers = list(_by_callers(ev, direct, place, code, turns))
    yield from by_callers or [direct]


def is_fixed(request: Request) -> bool:
    """Return whether the words of a request hold an instruction that is written in the code."""
    texts = request.words.texts()
    systems = [words(text) for text in request.words.system]
    if systems and not any(has_instruction(text) for text in systems):
        return False
    return any(has_instruction(words(text)) for text in texts)


def _by_callers(
    ev: Evaluator, made: ModelCall, place: Place, code: str, turns: Iterator[int], depth: int = 0
) -> Iterator[ModelCall]:
    """Calls of the function around a call, where that is given the instruction by them.

    Args:
        ev: Knows by which calls the functions around are called.
        made: The call of the SDK, or of a function around it.
        place: Of the call of the SDK.
        code: Of the file, in lower case.
        turns: How many callers are still looked at, in all.
        depth: How many functions up.
    """
    plainly = ev.without_callers()
    for owner in _owners(made.request) if depth < _DEEPEST else ():
        for caller in _callers(plainly, owner):
            if next(turns, None) is None:
                return
            ev.project.trace.steps = 0
            inner = ev.called_by(owner, caller)
            found = _read(inner, place, code)
            if found is None:
                continue
            assert isinstance(caller.expression, Call)
            sdk, request = found
            by_caller = made._replace(
                call=caller.expression,
                function=caller.function,
                loops=caller.loops,
                sdk=sdk,
                request=request,
                ev=inner,
            )
            if is_fixed(request):
                yield by_caller
            else:
                yield from _by_callers(inner, by_caller, place, code, turns, depth + 1)


def _owners(request: Request) -> list[Function]:
    """Functions whose parameters the instruction comes from."""
    owners: dict[int, Function] = {}
    for text in request.words.texts():
        for part in text.parts:
            if isinstance(part, Slot) and part.owner is not None and part.owner.name:
                owners.setdefault(id(part.owner), part.owner)
    for given in request.words.inputs:
        if given.owner.name:
            owners.setdefault(id(given.owner), given.owner)
    return list(owners.values())


def _callers(ev: Evaluator, function: Function) -> Iterable[Place]:
    return () if function.name in _CONSTRUCTORS else calls_of(ev, function)


def _read(ev: Evaluator, place: Place, code: str) -> tuple[str, Request] | None:
    call = place.expression
    assert isinstance(call, Call)
    name = plain(last_name(call.callee))
    if name in _ENDINGS or _ENDS.search(name):
        found = _by_sdk(ev, place, code)
        if found is not None:
            return found
    return http_request(ev, place)


def _by_sdk(ev: Evaluator, place: Place, code: str) -> tuple[str, Request] | None:
    call = place.expression
    assert isinstance(call, Call)
    made = ev.value(call, place.function)
    if not isinstance(made, Made) or made.call is not call:
        made = _unread(ev, call, place.function)
    path = made.path()
    for endpoint in ENDPOINTS:
        if endpoint.path.search(path) and _fits(endpoint, made, code):
            request = read_request(ev, made, endpoint.places)
            if endpoint.sdk in _TEMPLATED:
                _fill_placeholders(request)
            if _runs_here(ev.module):
                request = request._replace(is_local=True)
            return _sdk(endpoint, made), request
    return None


def _runs_here(module: Module) -> bool:
    """Whether a file imports what runs models on its own machine, and no provider's SDK."""
    packages = {one.module.split(".")[0] for one in module.imports.values()}
    return bool(packages & _LOCAL_PACKAGES) and not packages & _HOSTED_PACKAGES


def _fill_placeholders(request: Request) -> None:
    """Names in braces vary in all prompts of some SDKs."""
    request.words.system[:] = [placeholders(text) for text in request.words.system]
    request.words.user[:] = [placeholders(text) for text in request.words.user]


def _unread(ev: Evaluator, call: Call, function: Function) -> Made:
    """A call whose value is taken to be something else: as it is written."""
    from locum.scan.calls import written_call

    return written_call(ev, call, function)


def _fits(endpoint: Endpoint, made: Made, code: str) -> bool:
    if endpoint.evidence is not None and not endpoint.evidence.search(code):
        return False
    if not endpoint.keys:
        return True
    last = made.last()
    keys = {plain(key) or key for key in last.named}
    for argument in last.arguments:
        if isinstance(argument, Fields):
            keys |= {plain(key) for key in argument.entries}
        elif isinstance(argument, Items) and any(map(is_role_pair, argument.items)):
            keys.add("role pairs")
        elif "request" in endpoint.keys and not isinstance(argument, Text):
            keys.add("request")
    return bool(keys & endpoint.keys)


_LOCAL_PACKAGES = frozenset({"llama_cpp", "ollama", "vllm", "gpt4all", "mlx_lm", "ctransformers"})
_HOSTED_PACKAGES = frozenset(
    {"openai", "anthropic", "litellm", "google", "mistralai", "cohere", "groq", "boto3", "together"}
)
_TEMPLATED = frozenset({"semantic-kernel", "spring-ai", "langchain4j"})
_PROVIDERS = {
    "groq": "groq",
    "together": "together",
    "deepseek": "deepseek",
    "openrouter": "openrouter",
    "mistral": "mistral",
}


def _sdk(endpoint: Endpoint, made: Made) -> str:
    root = plain(made.name)
    for known, sdk in _PROVIDERS.items():
        if endpoint.sdk == "openai" and known in root:
            return sdk
    return endpoint.sdk
