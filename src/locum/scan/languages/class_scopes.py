"""Which classes of one name are one class."""

from __future__ import annotations

from collections import ChainMap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locum.scan.tree import Class, Function, Module

__all__ = ["ClassScopes"]


class ClassScopes:
    """The classes of a file by where they stand: at the top, in a function, or in another class.

    Args:
        module: Whose classes are by name the one at the top, or else the first.
    """

    def __init__(self, module: Module) -> None:
        self._module = module
        self._by_function: dict[int, ChainMap[str, Class]] = {}

    def note(self, defined: Class, function: Function, around: Class | None) -> Class:
        """Return the class that is gone on with, if there is one of that name in that place.

        Args:
            defined: A class whose body begins.
            function: In which it stands.
            around: The class in whose body it stands.
        """
        beside = around.nearby if around is not None else self._in_function(function)
        known = beside.maps[0].get(defined.name)
        if known is not None:
            return known
        beside[defined.name] = defined
        defined.nearby = beside.new_child()
        if around is None and function is self._module.root:
            self._module.classes[defined.name] = defined
        else:
            self._module.classes.setdefault(defined.name, defined)
        return defined

    def _in_function(self, function: Function) -> ChainMap[str, Class]:
        return self._by_function.setdefault(id(function), ChainMap())
