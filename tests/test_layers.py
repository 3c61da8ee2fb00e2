"""A module imports only from its own row and from rows above it."""

from __future__ import annotations

import ast
from pathlib import Path

import locum

ROOT = Path(locum.__file__).parent
ROWS = (
    ("errors",),
    (
        "chat_templates",
        "folders",
        "forking",
        "printing",
        "processes",
        "replacing",
        "words",
        "writable",
    ),
    ("schema",),
    ("shapes",),
    ("config", "prices"),
    ("redaction", "rows", "store"),
    ("traffic",),
    ("losses",),
    ("calibration", "selective_risk"),
    ("dataset",),
    ("alignment",),
    ("teachers",),
    ("labelling",),
    ("students",),
    ("extractors",),
    ("writers",),
    ("training",),
    ("language",),
    ("evaluation",),
    ("monitoring",),
    ("export",),
    ("distillation",),
    ("extraction", "generation", "relabelling"),
    ("report",),
    ("promotion",),
    ("serving",),
    ("scan",),
    ("audit",),
    ("cli",),
    ("__main__",),
)
ROW_OF = {package: number for number, row in enumerate(ROWS) for package in row}
# The facade of the package names everything and imports it only when it is used.
FACADE = "__init__"


def imported_packages(path: Path) -> set[str]:
    """Top-level packages of Locum that a file imports anywhere, also for types alone."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module or ""]
        found |= {name.split(".")[1] for name in names if name.startswith("locum.")}
    return found


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def test_every_package_has_a_row() -> None:
    packages = {package_of(path) for path in ROOT.rglob("*.py")} - {FACADE}
    assert packages == set(ROW_OF)


def test_modules_import_only_from_rows_above() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {target}"
        for path in ROOT.rglob("*.py")
        if package_of(path) != FACADE
        for target in imported_packages(path) - {package_of(path)}
        if ROW_OF[target] >= ROW_OF[package_of(path)]
    ]
    assert wrong == []


def test_no_file_is_long() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in ROOT.rglob("*.py")
        if (lines := len(path.read_text("utf-8").splitlines())) > 350
    }
    assert long == {}
