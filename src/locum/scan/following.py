"""Following an answer through a file: which part of it an expression is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locum.scan.languages.lowering import last_name
from locum.scan.standard_functions import CONVERSIONS
from locum.scan.tree import (
    Call,
    Choice,
    Function,
    Index,
    Literal,
    Member,
    Name,
    Opaque,
    Spread,
)
from locum.scan.values import plain

if TYPE_CHECKING:
    from locum.scan.evaluation import Evaluator
    from locum.scan.tree import Argument, Binding, Expression

__all__ = ["AROUND", "PASSED_ON", "PIECE", "AnswerFollower"]

_BY_KEY = frozenset({"get", "dig", "at", "path", "getproperty", "json", "fetch"})
PIECE = "*"
_CHAINED = frozenset({"then", "map", "flatmap", "thenapply", "let", "also", "tap"})
_DEEPEST = 25
_MOST_STEPS = 10_000
# Of a name that more functions have, nothing is known.
_MOST_ALIKE = 8


# What surrounds the words of an answer in SDKs and bodies.
AROUND = frozenset(
    {
        *("choices", "message", "content", "text", "output", "candidates", "parts", "data", "body"),
        *("value", "json", "outputtext", "response", "generations", "first", "last", "get", "dig"),
        *("read", "completion", "messages", "result", "results", "contents", "strip", "trim"),
        *("lower", "upper", "tolower", "toupper", "tolowercase", "touppercase", "downcase"),
        *("upcase", "tostring", "string", "str", "outputmessage", "aimessage", "orelsethrow"),
        *("decode", "removeprefix", "removesuffix", "replace", "rstrip", "lstrip", "chomp"),
        *("then", "await", "astext", "asstring", "object", "at", "pop", "split", "capitalize"),
        *("casefold", "orelse", "flatmap", "map", "stream", "findfirst", "getvalue", "block"),
        *("gettext", "getcontent", "getresult", "getoutput", "symbolize", "tosym", "trimend"),
        *("tolowerinvariant", "toupperinvariant", "trimstart", "gettextasync", "parsedbody"),
        *("substring", "slice", "charat", "matchall", "gsub", "sub", "delete", "squish"),
        *("getbody", "getcontents", "toarray", "readasstringasync", "jsonpath", "choice"),
        *("unwrap", "outputparsed", "parsed", "delta", "experimentaloutput", "ask", "invoke"),
        *("readfromjsonasync", "getproperty", "rootelement", "getstring", "path", "answer"),
        *(
            "asstructured",
            "structured",
            "outcontent",
            "tos",
            "presence",
            "entity",
            "messagecontent",
        ),
    }
)


# What these functions give is the answer that they are given, or what it says.
PASSED_ON = frozenset(
    {
        *CONVERSIONS,
        *("loads", "jsondecode", "number"),
        *("strtolower", "strtoupper", "tolower", "toupper", "trimright", "lower"),
        *("readtree", "readvalue", "deserialize", "parsefloat", "parseint", "rtrim", "ltrim"),
        *("ucfirst", "mbstrtolower", "symbolize", "readall"),
        *("trimsuffix", "trimprefix", "replaceall", "first", "next", "reset", "title"),
        *("parsejson", "array", "upper", "strval", "requirenonnull", "normalize", "clean"),
        *("fromjson", "aiterate", "waitfor", "run", "normalise", "modelvalidatejson"),
        *("validatejson", "valueof", "collect", "dataget"),
    }
)


class AnswerFollower:
    """Follows the answer of one call through a file.

    Args:
        ev: Of the file.
        site: The call; without one, nothing is an answer.
    """

    def __init__(self, ev: Evaluator, site: Call | None = None) -> None:
        self._ev = ev
        self._site = site
        self._met: dict[int, Call] = {}
        self._known: dict[tuple[int, int, int], tuple[str, ...] | None] = {}
        # By which call a function is being looked at, so that its parameters are that one's.
        self._entered: dict[int, tuple[Call, Function]] = {}
        # Bindings that are being looked at.
        self._looked_at: set[int] = set()
        self._depth = 0
        self._steps = 0

    def calls_behind(self, expression: Expression, function: Function) -> list[Call]:
        """Return all calls whose answers an expression may be a part of."""
        self.path(expression, function)
        return list(self._met.values())

    def path(self, expression: Expression, function: Function) -> tuple[str, ...] | None:
        """Return which part of the answer an expression is; ``None`` where it is none of it."""
        if expression is self._site:
            return ()
        if isinstance(expression, Call):
            self._met[id(expression)] = expression
        self._steps += 1
        entered = self._entered.get(id(function))
        key = (id(expression), id(function), id(entered[0]) if entered else 0)
        if key in self._known:
            return self._known[key]
        if self._depth > _DEEPEST or self._steps > _MOST_STEPS:
            return None
        self._known[key] = None
        self._depth += 1
        self._known[key] = self._path(expression, function)
        self._depth -= 1
        return self._known[key]

    def _path(self, expression: Expression, function: Function) -> tuple[str, ...] | None:  # noqa: PLR0911 - one for each form
        match expression:
            case Name():
                return self._of_name(expression, function)
            case Member(base=base, name=name):
                return self._extended(base, plain(name), function)
            case Index(base=base, key=key):
                text = str(key.value) if isinstance(key, Literal) else ""
                return self._extended(base, plain(text), function)
            case Call():
                return self._of_call(expression, function)
            case Choice(options=options):
                return self._first(options, function)
            case Spread(value=value):
                return self.path(value, function)
            case Opaque(parts=[part], text="item"):
                path = self.path(part, function)
                return None if path is None else (*path, PIECE)
            case Opaque(parts=[part], text=""):
                return self.path(part, function)
            case _:
                return None

    def _first(self, options: list[Expression], function: Function) -> tuple[str, ...] | None:
        paths = (self.path(option, function) for option in options)
        return next((path for path in paths if path is not None), None)

    def _extended(self, base: Expression, name: str, function: Function) -> tuple[str, ...] | None:
        if isinstance(base, Name) and base.text in {"self", "this"}:
            return self._of_attribute(name, function)
        path = self.path(base, function)
        return None if path is None else (*path, name)

    def _of_attribute(self, name: str, function: Function) -> tuple[str, ...] | None:
        scope: Function | None = function
        while scope is not None and scope.owner is None:
            scope = scope.parent
        if scope is None or scope.owner is None:
            return None
        for attribute, bindings in scope.owner.attributes.items():
            if plain(attribute) == name:
                return self._first([one.value for one in bindings], function)
        return None

    def _of_name(self, name: Name, function: Function) -> tuple[str, ...] | None:
        scope: Function | None = function
        while scope is not None:
            bindings = scope.bindings.get(name.text, [])
            # In `text = text.strip()` the name to the right has an earlier value.
            others = [one for one in bindings if id(one) not in self._looked_at]
            for binding in _live(others, name.line if scope is function else 0):
                self._looked_at.add(id(binding))
                path = self.path(binding.value, binding.function)
                self._looked_at.discard(id(binding))
                if path is not None:
                    # Pieces of a stream that are put together are the whole answer.
                    return () if binding.kind == "extend" else path
            decoded = self._decoded(name.text, scope) if bindings else None
            path = self._of_parameter(name.text, scope) if decoded is None else decoded
            if path is not None:
                return path
            scope = scope.parent
        return None

    def _decoded(self, name: str, function: Function) -> tuple[str, ...] | None:
        """``json.Unmarshal(data, &name)`` and ``decoder.Decode(&name)`` fill a variable."""
        for called in ("Unmarshal", "Decode"):
            for place in self._ev.module.calls_by_name.get(called, ()):
                call = place.expression
                assert isinstance(call, Call)
                target = call.arguments[-1].value if call.arguments else None
                if place.function is not function or not isinstance(target, Name):
                    continue
                if target.text == name:
                    source = call.arguments[0].value if called == "Unmarshal" else call.callee
                    return self.path(source, function)
        return None

    def _of_parameter(self, name: str, scope: Function) -> tuple[str, ...] | None:
        """A parameter of a lambda that is handed the answer, as in ``.then(answer => ...)``."""
        names = [parameter.name for parameter in scope.parameters]
        if name not in names:
            return None
        call = scope.passed_to
        if call is not None and isinstance(call.callee, Member) and scope.parent is not None:
            chained = plain(call.callee.name) in _CHAINED
            return self.path(call.callee.base, scope.parent) if chained else None
        if scope.name and self._depth < _DEEPEST // 2:
            return self._of_argument(names.index(name), scope)
        return None

    def _of_argument(self, place: int, function: Function) -> tuple[str, ...] | None:
        """A parameter of a function of the file that is called with the answer."""
        if id(function) in self._entered:
            entered, caller = self._entered[id(function)]
            given = entered.arguments[place : place + 1]
            return self.path(given[0].value, caller) if given else None
        for found in self._ev.module.calls_by_name.get(function.name, ()):
            call = found.expression
            assert isinstance(call, Call)
            if place < len(call.arguments):
                path = self.path(call.arguments[place].value, found.function)
                if path is not None:
                    return path
        return None

    def _of_call(self, call: Call, function: Function) -> tuple[str, ...] | None:
        name = plain(last_name(call.callee))
        if isinstance(call.callee, Member):
            path = self._extended(call.callee.base, name, function)
            if path is not None:
                return (*path, *_keys(call.arguments)) if name in _BY_KEY else path
        if call.arguments and name in PASSED_ON:
            path = self.path(call.arguments[0].value, function)
            if path is not None:
                return (*path, *_keys(call.arguments[1:])) if name == "dataget" else path
        for one in call.arguments:
            if isinstance(one.value, Function):
                path = self._first(one.value.returns, one.value)
                if path is not None:
                    return path
        return self._returned(call, function)

    def _returned(self, call: Call, function: Function) -> tuple[str, ...] | None:
        """What a function of the file returns that is given the answer, or asks for it."""
        alike = self._ev.module.functions.get(last_name(call.callee), ())
        for called in alike if len(alike) <= _MOST_ALIKE else ():
            if called is function or id(called) in self._entered:
                continue
            self._entered[id(called)] = (call, function)
            path = self._first(called.returns, called)
            del self._entered[id(called)]
            if path is not None:
                return path
        return None


def _live(bindings: list[Binding], line: int) -> list[Binding]:
    """What a name may stand for in a line: its last value that is no constant, and what follows."""
    before = [one for one in bindings if not line or one.line <= line] or bindings
    starts = [
        number
        for number, one in enumerate(before)
        if one.kind == "set" and not isinstance(one.value, Literal)
    ]
    return before[starts[-1] :] if starts else before


def _keys(arguments: list[Argument]) -> list[str]:
    """Constants that name a part of an answer, as in ``answer.dig("choices", 0)``."""
    return [plain(str(one.value.value)) for one in arguments if isinstance(one.value, Literal)]
