"""The files of a project, read when one of them is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from locum.scan.evaluation import Evaluator
from locum.scan.files import is_file, read_source
from locum.scan.languages import language_of, read_module
from locum.scan.tree import Import
from locum.scan.values import Reference

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from locum.scan.tree import Module
    from locum.scan.values import Value

__all__ = ["Project", "Trace"]

_MOST_SIBLINGS = 60
_MOST_DEPTH = 3
_WHOLE = "*"
# In these languages files of one folder see each other's names.
_SHARED_FOLDERS = {"go": ".go", "java": ".java", "csharp": ".cs", "php": ".php"}
_SCRIPTS = (".ts", ".tsx", ".js", ".jsx", ".mjs", "/index.ts", "/index.tsx", "/index.js")


@dataclass(slots=True)
class Trace:
    """How far names have been followed.

    Args:
        steps: How many expressions were followed since this was last set to 0.
        depth: How many are being followed now, one for the other.
        cuts: How often one was not followed as there were too many, so that nothing is kept of it.
        followed: Assignments that are being followed: what they set is not there yet for them.
    """

    steps: int = 0
    depth: int = 0
    cuts: int = 0
    followed: set[int] = field(default_factory=set)


class Project:
    """The files around the one that is scanned.

    ``trace`` is what all evaluators of its files have in common.

    Args:
        root: Nothing outside this folder is read.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._modules: dict[Path, Module | None] = {}
        self._evaluators: dict[int, Evaluator] = {}
        self._places: dict[int, Path] = {}
        self._siblings: dict[Path, list[tuple[Path, str]]] = {}
        self._packages: dict[tuple[Path, str], list[Path]] = {}
        # By file and name: how deep a name was looked for in vain.
        self._missing: dict[tuple[int, str], int] = {}
        self._depth = 0
        self.trace = Trace()

    def add(self, module: Module, path: Path) -> Evaluator:
        """Note a file that has been read, and return its evaluator."""
        self._modules[path] = module
        self._places[id(module)] = path
        return self.evaluator(module)

    def evaluator(self, module: Module) -> Evaluator:
        """Return the evaluator of a file, in which no caller is chosen."""
        known = self._evaluators.get(id(module))
        if known is None:
            known = self._evaluators[id(module)] = Evaluator(module, self)
        return known

    def imported(self, module: Module, name: str) -> Value | None:
        """Return what a name stands for that comes from another file; ``None`` if none is found."""
        place = self._places.get(id(module))
        if place is None or self._missing.get((id(module), name), _MOST_DEPTH) <= self._depth:
            return None
        self._depth += 1
        try:
            for path, wanted in self._candidates(module, place, name):
                found = self._value_in(path, wanted, name)
                if found is not None:
                    return found
        finally:
            self._depth -= 1
        self._missing[id(module), name] = self._depth
        return None

    def member(self, module: Module, name: str) -> Value | None:
        """Return what a name in a file stands for, also where that has it from another."""
        return self.evaluator(module).global_value(name) or self.imported(module, name)

    def _value_in(self, path: Path, wanted: str, name: str) -> Value | None:
        module = self._read(path)
        if module is None:
            return None
        return Reference(name, whole=module) if wanted == _WHOLE else self.member(module, wanted)

    def _candidates(self, module: Module, place: Path, name: str) -> Iterator[tuple[Path, str]]:
        imported = module.imports.get(name)
        sources = [Import(star, name) for star in module.stars] if imported is None else [imported]
        if module.language == "python":
            for one in sources:
                yield from self._python(place, one)
        elif module.language in {"typescript", "javascript"}:
            for one in sources:
                yield from self._script(place, one, name)
        elif module.language in _SHARED_FOLDERS and re.fullmatch(r"\w+", name):
            yield from self._shared(place, _SHARED_FOLDERS[module.language], name)

    def _python(self, place: Path, imported: Import) -> Iterator[tuple[Path, str]]:
        for path in self._package(place, imported.module):
            yield path, imported.name
        if imported.name != _WHOLE:
            dot = "" if imported.module.endswith(".") else "."
            for path in self._package(place, f"{imported.module}{dot}{imported.name}"):
                yield path, _WHOLE

    def _package(self, place: Path, module: str) -> list[Path]:
        key = (place.parent, module)
        if key not in self._packages:
            self._packages[key] = list(self._python_files(place, module))
        return self._packages[key]

    def _python_files(self, place: Path, module: str) -> Iterator[Path]:
        dotted = module.lstrip(".")
        dots = len(module) - len(dotted)
        parts = [part for part in dotted.split(".") if part]
        folders = (
            [place.parents[dots - 1]] if 0 < dots <= len(place.parents) else self._above(place)
        )
        for folder in folders:
            whole = folder.joinpath(*parts)
            for path in (whole.with_suffix(".py"), whole / "__init__.py"):
                if (parts or dots) and self._is_inside(path) and is_file(path):
                    yield path

    def _script(self, place: Path, imported: Import, name: str) -> Iterator[tuple[Path, str]]:
        module = imported.module
        names = {"default": ("default", name), "": ("default", name, _WHOLE)}
        if module.startswith("."):
            starts = [place.parent / module]
        elif module.startswith(("@/", "~/")):
            starts = [
                above / part / module[2:] for above in self._above(place) for part in ("", "src")
            ]
        else:
            return
        for start in starts:
            stem = start.with_suffix("") if start.suffix in {".js", ".ts"} else start
            for ending in _SCRIPTS:
                path = (stem.parent / (stem.name + ending)).resolve()
                if self._is_inside(path) and is_file(path):
                    for wanted in names.get(imported.name, (imported.name,)):
                        yield path, wanted

    def _shared(self, place: Path, suffix: str, name: str) -> Iterator[tuple[Path, str]]:
        folder = place.parent
        if folder not in self._siblings:
            paths = [path for path in sorted(folder.glob(f"*{suffix}")) if is_file(path)]
            sources = ((path, read_source(path)) for path in paths[:_MOST_SIBLINGS])
            self._siblings[folder] = [
                (path, text) for path, text in sources if isinstance(text, str)
            ]
        defines = re.compile(
            rf"\b(?:const|var|type|class|enum|record|interface|func)\s+{name}\b|^\s+{name}\s*=",
            re.MULTILINE,
        )
        for path, text in self._siblings[folder]:
            if path != place and defines.search(text):
                yield path, name

    def _above(self, place: Path) -> list[Path]:
        folders = [folder for folder in place.parents if self._is_inside(folder)]
        return [*folders, *(folder / "src" for folder in folders)]

    def _is_inside(self, path: Path) -> bool:
        return path == self._root or self._root in path.parents

    def _read(self, path: Path) -> Module | None:
        if path in self._modules:
            return self._modules[path]
        self._modules[path] = None
        language, source = language_of(path.name), read_source(path)
        if language is None or not isinstance(source, str):
            return None
        try:
            module = read_module(language, source, str(path))
        except RecursionError:
            return None
        self._modules[path] = module
        self._places[id(module)] = path
        return module
