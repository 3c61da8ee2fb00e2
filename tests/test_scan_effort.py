"""How the work of a scan grows with its files."""

from __future__ import annotations

import cProfile
import pstats
from pathlib import Path

import pytest

from locum.scan.judging import judge
from locum.scan.languages import language_of, read_module
from locum.scan.project import Project
from locum.scan.sites import model_calls
from tests.scanning import only_site

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


def function_calls(code: str) -> int:
    """How many functions are called where all calls of models in a file are judged."""
    language = language_of("a.py")
    assert language is not None
    module = read_module(language, code, "a.py")
    profile = cProfile.Profile()
    with profile:
        ev = Project(Path("/nowhere")).add(module, Path("/nowhere/a.py"))
        found = [judge(call, "a.py") for call in model_calls(ev)]
    assert all(findings for _, findings in found)
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", [PLAIN, COMPARED])
def test_twice_the_calls_are_twice_the_work(method: str) -> None:
    once, twice = (
        function_calls(HEAD + "".join(method.format(n=n) for n in range(count)))
        for count in (60, 120)
    )
    assert twice < 2.2 * once


def test_a_comparison_is_read_behind_one_with_ten_thousand_words(tmp_path: Path) -> None:
    known = ",\n".join(f"'w{number}'" for number in range(10_001))
    code = (
        f"from openai import OpenAI\ndef g(t):\n    return t in [{known}]\ndef f(t):\n"
        "    r = OpenAI().responses.create(model='gpt-4o', input='Sort the mail: ' + t)\n"
        "    return r.output_text in (YES, NO)\nYES, NO = 'yes', 'no'\n"
    )
    assert only_site(tmp_path, code).answers == ("yes", "no")
