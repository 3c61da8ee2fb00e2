"""Prompts that stand in another file, by all ways of importing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from locum.scan import scan_paths

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROMPT = "Name the city in the text."
ASK = "client.responses.create(model='gpt-4o', instructions={}, input=t)"
PYTHON = "from openai import OpenAI\n{}\nclient = OpenAI()\ndef f(t):\n    return " + ASK + "\n"
SCRIPT = (
    'import OpenAI from "openai";\n{}\nconst client = new OpenAI();\nexport const f = (t: string)'
    ' => client.responses.create({{ model: "gpt-4o", instructions: {}, input: t }});\n'
)
CONSTANT = {"support/prompts.py": f"P = '{PROMPT}'\ndef built():\n    return P\n"}
PACKAGE = {
    **CONSTANT,
    "support/__init__.py": "from .prompts import P as Q\nfrom . import prompts\n",
}
EXPORTED = {"lib/prompts.ts": f'export const P = "{PROMPT}";\n'}


def instruction(folder: Path, files: Mapping[str, str]) -> str | None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    (located,) = scan_paths([folder], processes=1).sites
    return located.site.instruction


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("from support import prompts", "prompts.P"),
        ("from support import prompts as p", "p.P"),
        ("from support import prompts", "prompts.built()"),
        ("import support.prompts", "support.prompts.P"),
        ("import support.prompts as p", "p.P"),
        ("from support.prompts import *", "P"),
        ("from support.prompts import P", "P"),
    ],
)
@pytest.mark.parametrize("support", [CONSTANT, PACKAGE], ids=["folder", "package"])
def test_python(tmp_path: Path, support: Mapping[str, str], line: str, name: str) -> None:
    files = {"a.py": PYTHON.format(line, name), **support}
    assert instruction(tmp_path, files) == f"{PROMPT}\n{{}}"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("import support", "support.Q"),
        ("import support as s", "s.prompts.P"),
        ("from support import Q", "Q"),
        ("from support import *", "Q"),
    ],
)
def test_what_a_package_imports(tmp_path: Path, line: str, name: str) -> None:
    files = {"a.py": PYTHON.format(line, name), **PACKAGE}
    assert instruction(tmp_path, files) == f"{PROMPT}\n{{}}"


@pytest.mark.parametrize(
    ("line", "name"), [("from . import prompts", "prompts.P"), ("from .prompts import *", "P")]
)
def test_imports_from_the_same_package(tmp_path: Path, line: str, name: str) -> None:
    files = {"support/a.py": PYTHON.format(line, name), **PACKAGE}
    assert instruction(tmp_path, files) == f"{PROMPT}\n{{}}"


@pytest.mark.parametrize(
    ("line", "name", "barrel"),
    [
        ('import * as prompts from "./lib/prompts";', "prompts.P", None),
        ('import { P } from "./lib";', "P", 'export { P } from "./prompts";'),
        ('import { Q } from "./lib";', "Q", 'export { P as Q } from "./prompts";'),
        ('import { P } from "./lib";', "P", 'export * from "./prompts";'),
        ('import { p } from "./lib";', "p.P", 'export * as p from "./prompts";'),
        ('import * as lib from "./lib";', "lib.P", 'export * from "./prompts";'),
        ('import X from "./lib";', "X", f'const Y = "{PROMPT}";\nexport default Y;'),
        ('import X from "./lib";', "X.y", f'export default {{ y: "{PROMPT}" }};'),
        ('import X from "./lib";', "X", f'const Y = "{PROMPT}";\nexport {{ Y as default }};'),
        ('import X from "./lib";', "X()", f'export default function y() {{ return "{PROMPT}"; }}'),
        ('import X from "./lib";', "X()", f'export default () => "{PROMPT}";'),
        ('import { Z } from "./lib";', "Z", f'const Y = "{PROMPT}";\nexport {{ Y as Z }};'),
        ('import { X } from "./lib";', "X", 'export { default as X } from "./own";'),
        ('const X = require("./lib");', "X", f'const Y = "{PROMPT}";\nmodule.exports = Y;'),
        ('const X = require("./lib");', "X.Y", f'const Y = "{PROMPT}";\nmodule.exports = {{ Y }};'),
        ('const X = require("./lib");', "X.Y", f'export const Y = "{PROMPT}";'),
    ],
)
def test_typescript(tmp_path: Path, line: str, name: str, barrel: str | None) -> None:
    files = {"a.ts": SCRIPT.format(line, name), **EXPORTED}
    files["lib/own.ts"] = f'const own = "{PROMPT}";\nexport default own;\n'
    if barrel is not None:
        files["lib/index.ts"] = barrel
    assert instruction(tmp_path, files) == f"{PROMPT}\n{{}}"
