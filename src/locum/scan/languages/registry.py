"""Which language a file is in, and reading it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from locum.scan.languages import csharp, go, java, javascript, php, python, ruby
from locum.scan.languages.lowering import Handler, Lowering
from locum.scan.languages.recursion import deep_recursion
from locum.scan.tree import Comment, Function, Module, Span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ast_grep_py import SgNode

__all__ = ["LANGUAGES", "Language", "language_of", "read_module"]


class Language(NamedTuple):
    """A language.

    Args:
        name: As findings show it.
        grammar: As the parser knows it.
        suffixes: Of its files.
        handlers: By kind of node of its tree.
    """

    name: str
    grammar: str
    suffixes: tuple[str, ...]
    handlers: Mapping[str, Handler]


LANGUAGES = (
    Language("python", "python", (".py",), python.HANDLERS),
    Language("typescript", "typescript", (".ts", ".mts", ".cts"), javascript.HANDLERS),
    Language("typescript", "tsx", (".tsx",), javascript.HANDLERS),
    Language("javascript", "javascript", (".js", ".jsx", ".mjs", ".cjs"), javascript.HANDLERS),
    Language("php", "php", (".php",), php.HANDLERS),
    Language("go", "go", (".go",), go.HANDLERS),
    Language("java", "java", (".java",), java.HANDLERS),
    Language("ruby", "ruby", (".rb", ".rake"), ruby.HANDLERS),
    Language("csharp", "csharp", (".cs",), csharp.HANDLERS),
)
_BY_SUFFIX = {suffix: language for language in LANGUAGES for suffix in language.suffixes}


def language_of(name: str) -> Language | None:
    """Return the language of a file by its name; ``None`` where it is none of ours."""
    dot = name.rfind(".")
    return _BY_SUFFIX.get(name[dot:].lower()) if dot >= 0 else None


def read_module(language: Language, source: str, path: str) -> Module:
    """Return a file in the form of all languages.

    Args:
        language: Its language.
        source: Its text.
        path: As findings show it.

    Raises:
        RecursionError: It is nested too deep.
    """
    from ast_grep_py import SgRoot

    root = SgRoot(source, language.grammar).root()
    top = Function("<module>", [], [], None, None, Span(1, 1, 1, 1))
    module = Module(language.name, path, source, top)
    _note_comments(root, module)
    with deep_recursion():
        Lowering(language.handlers, module).lower(root)
    return module


def _note_comments(root: SgNode, module: Module) -> None:
    """Keep comments, and blank them out of the code."""
    code, end = [], 0
    for comment in root.find_all(any=[{"kind": kind} for kind in _comment_kinds(module.language)]):
        place = comment.range()
        is_alone = _is_alone(module.source, place.start.index, place.end.index)
        module.comments.append(
            Comment(place.start.line + 1, place.end.line + 1, comment.text(), is_alone)
        )
        code += [module.source[end : place.start.index]]
        end = place.end.index
    module.code = "".join([*code, module.source[end:]])


def _is_alone(source: str, start: int, end: int) -> bool:
    """Whether no code stands on the lines of a comment."""
    before = source[source.rfind("\n", 0, start) + 1 : start]
    line_end = source.find("\n", end)
    after = source[end : line_end if line_end >= 0 else None]
    return not before.strip() and not after.strip()


def _comment_kinds(language: str) -> tuple[str, ...]:
    return ("line_comment", "block_comment") if language == "java" else ("comment",)
