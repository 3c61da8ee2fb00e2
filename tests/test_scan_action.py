"""The hook of pre-commit and the GitHub Action agree with the command line, and do their work."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import orjson
import pytest
from typer.main import get_command

from locum.cli.app import app
from tests.commands import run
from tests.scan_application import write_application
from tests.scan_schemas import stored_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

yaml = pytest.importorskip("yaml", reason="PyYAML comes with the extras of the tests")

Yaml = dict[str, Any]
ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def hook() -> Yaml:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    jsonschema_rs.validator_for(stored_schema("pre-commit-hooks")).validate(hooks)
    [found] = hooks
    return dict(found)


@pytest.fixture(scope="module")
def action() -> Yaml:
    found: Yaml = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    jsonschema_rs.validator_for(stored_schema("github-action")).validate(found)
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_application(tmp_path)


def options() -> set[str]:
    """The options of ``locum scan``."""
    command = get_command(app).commands["scan"]  # type: ignore[attr-defined]
    return {name for parameter in command.params for name in parameter.opts}


def step(action: Yaml, name: str) -> Yaml:
    [found] = [one for one in action["runs"]["steps"] if one.get("id") == name]
    return dict(found)


def act(
    action: Yaml, project: Path, given: Mapping[str, str], code: int = 0
) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run the step that scans, as a runner does, and return it with its outputs.

    Args:
        action: The definition.
        project: The workspace.
        given: Inputs by name; the others have their defaults.
        code: How it is to end.
    """
    scan = step(action, "scan")
    inputs = {name: told["default"] for name, told in action["inputs"].items()}
    inputs |= given
    variables = dict(os.environ) | {"PYTHON": sys.executable, "NO_COLOR": "1"}
    for name, value in scan["env"].items():
        found = re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", value)
        if found is not None:
            variables[name] = inputs[found[1]]
    outputs = project / "outputs.txt"
    outputs.touch()
    script = project / "step.sh"
    script.write_text(scan["run"])
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", script],  # noqa: S607
        cwd=project,
        env=variables | {"GITHUB_OUTPUT": str(outputs)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done, outputs.read_text()


# The hook.


def test_the_hook_runs_on_changed_files_of_all_languages(hook: Yaml) -> None:
    assert hook["id"] == "locum-scan"
    assert hook["language"] == "python"
    assert hook["pass_filenames"] is True
    # Several processes at once would each scan with all cores.
    assert hook["require_serial"] is True
    names = {"python", "php", "go", "java", "ruby", "c#", "javascript", "jsx", "ts", "tsx"}
    assert set(hook["types_or"]) == names


def test_the_hook_fails_on_what_it_says(hook: Yaml, project: Path) -> None:
    command = [*hook["entry"].split(), *hook["args"]]
    assert command[0] == "locum"
    assert {each for each in command if each.startswith("-")} <= options()
    run(*command[1:], "src/chat.ts", folder=project)
    done = run(*command[1:], "src/chat.ts", "src/triage.py", folder=project, code=3)
    assert b"src/triage.py:11:14  closed-answer" in done.stdout


# The Action.


def test_the_action_names_options_that_exist(action: Yaml) -> None:
    script = step(action, "scan")["run"]
    used = set(re.findall(r"--[a-z][a-z-]+", script))
    assert {"--format", "--fail-on", "--baseline", "--output"} <= used <= options()


def test_inputs_reach_the_script_as_variables_alone(action: Yaml) -> None:
    read = set()
    for one in action["runs"]["steps"]:
        assert "${{" not in one.get("run", "")
        read |= set(re.findall(r"inputs\.([a-z-]+)", str(one.get("env"))))
    assert read == set(action["inputs"])
    output = action["outputs"]["sarif-file"]["value"]
    assert output == "${{ steps.scan.outputs.sarif-file }}"
    assert "sarif-file=" in step(action, "scan")["run"]


def test_the_action_installs_what_stands_beside_it(action: Yaml) -> None:
    [install] = [one for one in action["runs"]["steps"] if one.get("name") == "Install"]
    assert install["env"]["SOURCE"] == "${{ github.action_path }}"
    assert install["env"]["TARGET"] == step(action, "scan")["env"]["PYTHONPATH"]
    if shutil.which("bash") is not None:
        subprocess.run(["bash", "-n", "-c", install["run"]], check=True)  # noqa: S607


def test_the_action_annotates(action: Yaml, project: Path) -> None:
    done, outputs = act(action, project, {})
    assert "::error file=src/triage.py,line=11" in done.stdout
    assert outputs == ""


def test_the_action_writes_sarif_before_it_fails(action: Yaml, project: Path) -> None:
    done, outputs = act(action, project, {"sarif-file": "a b.sarif", "fail-on": "error"}, code=3)
    assert outputs == "sarif-file=a b.sarif\n"
    results = orjson.loads((project / "a b.sarif").read_bytes())["runs"][0]["results"]
    assert len(results) == 2
    assert "--fail-on error allows none" in done.stderr


def test_the_action_takes_several_paths_and_a_baseline(action: Yaml, project: Path) -> None:
    paths = "src/chat.ts\n\nsrc/order.ts\n"
    done, _ = act(action, project, {"path": paths, "format": "json"})
    told = orjson.loads(done.stdout)
    assert [one["path"] for one in told["sites"]] == ["src/chat.ts", "src/order.ts"]
    run("scan", "--write-baseline", "known.json", folder=project)
    inputs = {"baseline": "known.json", "fail-on": "note", "sarif-file": "x.sarif"}
    done, _ = act(action, project, inputs)
    assert done.stdout == ""
    assert orjson.loads((project / "x.sarif").read_bytes())["runs"][0]["results"] == []


def test_the_action_runs_nothing_of_what_it_scans(action: Yaml, project: Path) -> None:
    for name in ("typer.py", "orjson.py", "locum.py", "pip.py"):
        (project / name).write_text("open('ran.txt', 'w')\n")
    act(action, project, {"format": "json"})
    assert not (project / "ran.txt").exists()
    for one in action["runs"]["steps"]:
        assert '"$PYTHON" -m' not in one.get("run", "")
