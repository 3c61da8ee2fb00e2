"""Calls that ask for JSON: of which schema, and what was answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locum.traffic.apis.lenient import as_object, as_text, objects
from locum.traffic.conversation import answer_text, first_choice, said_text
from locum.traffic.json_objects import find_object

if TYPE_CHECKING:
    from locum.schema import JsonObject

__all__ = ["asked_schema", "object_text"]


def asked_schema(request: JsonObject) -> dict[str, Any] | None:
    """Return the JSON Schema that an answer has to satisfy; ``None`` where the call names none.

    That is the schema of its ``response_format``, or the parameters of the one tool that it offers
    or asks for by name; ``functions`` are tools by their older name.
    """
    form = as_object(request.get("response_format"))
    schema = as_object(form.get("json_schema")).get("schema")
    if isinstance(schema, dict):
        return schema
    tool = _tool(request)
    parameters = tool.get("parameters")
    return parameters if isinstance(parameters, dict) else None


def object_text(request: JsonObject, response: JsonObject) -> str | None:
    """Return the answer's text: the arguments of the one tool that was called, or what was said.

    A tool that was called counts also where the request, as it was kept, names none. An object that
    begins in the answer that was put into the model's mouth, such as ``{``, is returned with what
    stands there.

    Returns:
        ``None`` for a refusal, several tools alone, or nothing.
    """
    message = as_object(first_choice(response).get("message"))
    calls = [as_object(call.get("function")) for call in objects(message.get("tool_calls"))]
    calls = calls or objects([message.get("function_call")])
    if len(calls) == 1 and (_tool(request) or not _offered(request)):
        return as_text(calls[0].get("arguments")) or None
    said = answer_text(response)
    return said and _begun(request, said)


def _begun(request: JsonObject, said: str) -> str:
    """Return an answer with its beginning, where an object began in the request's last message."""
    last = (objects(request.get("messages")) or [{}])[-1]
    begun = said_text(last.get("content")) if last.get("role") == "assistant" else ""
    if "{" not in begun:
        return said
    whole = begun + said
    try:
        found = find_object(whole).text
    except ValueError:
        return said
    start = whole.index(found)
    return whole if start < len(begun) < start + len(found) else said


def _tool(request: JsonObject) -> JsonObject:
    """Return the function of the tool that an answer calls; empty where that is open."""
    functions = _offered(request)
    chosen = as_object(request.get("tool_choice")).get("function") or request.get("function_call")
    wanted = as_object(chosen).get("name")
    named = [function for function in functions if wanted in (None, function.get("name"))]
    return named[0] if len(named) == 1 else {}


def _offered(request: JsonObject) -> list[JsonObject]:
    functions = [as_object(tool.get("function")) for tool in objects(request.get("tools"))]
    return functions or objects(request.get("functions"))
