"""How the work of a scan grows with its files."""

from __future__ import annotations

import cProfile
import pstats
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from locum.scan.files import why_left_out
from locum.scan.judging import judge
from locum.scan.languages import language_of, read_module
from locum.scan.project import Project
from locum.scan.sites import model_calls
from tests.scanning import only_site

if TYPE_CHECKING:
    from collections.abc import Callable

    from locum.scan.tree import Module

HEAD = "from openai import OpenAI\nclient = OpenAI()\nclass Tasks:\n"
PLAIN = """
    def task_{n}(self, text):
        answer = client.responses.create(model="gpt-4o", input="Is it spam? Say yes or no: " + text)
        return answer.output_text
"""
COMPARED = """
    def task_{n}(self, text):
        answer = client.responses.create(model="gpt-4o", input="Is it spam? Say yes or no: " + text)
        return self.log(answer.output_text == "yes", text)
"""


def function_calls(work: Callable[[], object]) -> int:
    """How many functions are called in the course of some work."""
    profile = cProfile.Profile()
    with profile:
        work()
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


def judge_all(module: Module) -> None:
    """Judge all calls of models in a file."""
    ev = Project(Path("/nowhere")).add(module, Path("/nowhere/a.py"))
    found = [judge(call, "a.py") for call in model_calls(ev)]
    assert all(findings for _, findings in found)


@pytest.mark.parametrize("method", [PLAIN, COMPARED])
def test_twice_the_calls_are_twice_the_work(method: str) -> None:
    language = language_of("a.py")
    assert language is not None
    codes = (HEAD + "".join(method.format(n=n) for n in range(count)) for count in (60, 120))
    modules = [read_module(language, code, "a.py") for code in codes]
    once, twice = (function_calls(partial(judge_all, module)) for module in modules)
    assert twice < 2.2 * once


def test_a_file_that_is_named_costs_the_same_among_many(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    named = tmp_path / "src" / "a.py"
    costs = []
    for count in (1, 100):
        for number in range(count):
            (tmp_path / f"beside_{number}").touch()
        costs.append(function_calls(partial(why_left_out, named, tmp_path, tests=False)))
    few, many = costs
    assert many <= few


def test_a_comparison_is_read_behind_one_with_ten_thousand_words(tmp_path: Path) -> None:
    known = ",\n".join(f"'w{number}'" for number in range(10_001))
    code = (
        f"from openai import OpenAI\ndef g(t):\n    return t in [{known}]\ndef f(t):\n"
        "    r = OpenAI().responses.create(model='gpt-4o', input='Sort the mail: ' + t)\n"
        "    return r.output_text in (YES, NO)\nYES, NO = 'yes', 'no'\n"
    )
    assert only_site(tmp_path, code).answers == ("yes", "no")


def test_a_name_is_looked_for_once_in_files_that_import_all_of_each_other(tmp_path: Path) -> None:
    once, twice = (_calls_to_look_for_a_name(tmp_path / str(count), count) for count in (8, 16))
    assert twice < 4 * once


def _calls_to_look_for_a_name(folder: Path, files: int) -> int:
    """How many functions are called to find that none of some files has a name."""
    folder.mkdir()
    stars = "".join(f"from m{number} import *\n" for number in range(files))
    for number in range(files):
        (folder / f"m{number}.py").write_text(stars, "utf-8")
    language = language_of("a.py")
    assert language is not None
    ask = "OpenAI().responses.create(model='gpt-4o', instructions=X, input=t)"
    code = f"from openai import OpenAI\n{stars}def f(t):\n    return {ask}\n"
    ev = Project(folder).add(read_module(language, code, "a.py"), folder / "a.py")
    return function_calls(partial(model_calls, ev))
