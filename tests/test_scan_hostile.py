"""Files that no parser should be given, and trees of them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from locum.scan import scan_paths
from locum.scan.instructions import listed_answers, listed_fields
from tests.scanning import scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GOOD = (
    "from openai import OpenAI\nclient = OpenAI()\n"
    "def f(t):\n    return client.responses.create(model='gpt-4o', input='Is it spam? Answer yes "
    "or no. ' + t)\n"
)
HOSTILE: dict[str, tuple[str, bytes]] = {
    "too large": ("large.py", b"import openai\n" + b"x = 1\n" * 400_000),
    "minified": ("small.js", b"import OpenAI from 'openai';" + b"var a=1;" * 5_000),
    "not UTF-8": ("latin.py", "import openai\nx = 'é'\n".encode("latin-1")),
    "nested too deep": ("deep.py", b"import openai\nx = " + b"(\n" * 5_000 + b")\n" * 5_000),
}


@pytest.mark.parametrize("reason", HOSTILE)
def test_hostile_files_are_skipped_with_the_reason(tmp_path: Path, reason: str) -> None:
    name, data = HOSTILE[reason]
    (tmp_path / name).write_bytes(data)
    report = scan(tmp_path, GOOD)
    assert report.skipped == {reason: [name]}
    assert len(report.findings) == 1


def test_null_bytes_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "null.py").write_bytes(b"import openai\0\n")
    assert scan(tmp_path, GOOD).skipped == {"not UTF-8": ["null.py"]}


def test_ten_megabytes_are_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.ts").open("wb") as file:
        file.truncate(10_000_000)
    assert scan(tmp_path, GOOD).skipped == {"too large": ["huge.ts"]}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("sum.py", "import openai\nx = (" + "a +\n" * 20_000 + "a)"),
        ("chain.ts", "import 'openai';\nx" + ".a()\n" * 3_000),
        ("else.py", "import openai\nif x:\n    pass\n" + "elif x:\n    pass\n" * 3_000),
        ("array.php", "<?php // openai\n$x = " + "[\n" * 350 + "]\n" * 350 + ";"),
        ("block.go", 'package a\nimport "openai"\nfunc f() {\n' + "if a {\n" * 380 + "}\n" * 381),
    ],
)
def test_deep_trees_end_in_no_exception(tmp_path: Path, name: str, code: str) -> None:
    (tmp_path / name).write_text(code)
    report = scan(tmp_path, GOOD)
    assert len(report.findings) == 1
    assert set(report.skipped) <= {"nested too deep"}


DEEP = {
    "else_if.js": "import 'openai';\nif (x) {}\n" + "else if (y) {}\n" * 400,
    "chain.ts": "import 'openai';\nx" + "\n.option('name', { kind: 'text' })" * 400,
    "elif.py": "import openai\nif x:\n    pass\n" + "elif x:\n    pass\n" * 1_000,
    "sum.php": "<?php // openai\n$x = 'a'" + "\n. 'b'" * 1_000 + ";",
    "lists.py": "import openai\nx = " + "[\n" * 400 + "]\n" * 400,
    "choice.js": "import 'openai';\nx = " + "a ?\n b : " * 400 + "c",
}


@pytest.mark.parametrize("name", DEEP)
def test_long_chains_and_400_brackets_are_read(tmp_path: Path, name: str) -> None:
    before = sys.getrecursionlimit()
    report = scan(tmp_path, DEEP[name], name)
    assert (report.skipped, report.files) == ({}, 1)
    assert sys.getrecursionlimit() == before


def test_scans_in_threads_set_the_limit_back(tmp_path: Path) -> None:
    before = sys.getrecursionlimit()
    (tmp_path / "code.js").write_text(DEEP["chain.ts"])
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: scan_paths([tmp_path], processes=1), range(8)))
    assert all(report.skipped == {} for report in reports)
    assert sys.getrecursionlimit() == before


@pytest.mark.parametrize(
    "suffix", [".py", ".ts", ".tsx", ".js", ".php", ".go", ".java", ".rb", ".cs"]
)
def test_broken_code_ends_in_no_exception(tmp_path: Path, suffix: str) -> None:
    broken = (
        "openai anthropic {{{ ((( ]]] \"'` <?php class def fun <<<EOT => -> @@ #{ $$ \\ \n" * 30
    )
    assert scan(tmp_path, broken, f"broken{suffix}").findings == []


def test_links_are_not_followed(tmp_path: Path) -> None:
    scan(tmp_path, GOOD, "a/code.py")
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "a" / "self.py").symlink_to(tmp_path / "a" / "self.py")
    (tmp_path / "b.py").symlink_to(tmp_path / "a" / "code.py")
    report = scan_paths([tmp_path])
    assert len(report.findings) == 1
    assert sorted(report.skipped["symbolic link"]) == ["a/loop", "a/self.py", "b.py"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_skipped(tmp_path: Path) -> None:
    locked = tmp_path / "locked.py"
    locked.write_text(GOOD)
    locked.chmod(0)
    assert scan(tmp_path, GOOD).skipped == {"not readable": ["locked.py"]}


@pytest.mark.skipif(os.geteuid() == 0, reason="root looks everywhere")
def test_a_link_into_a_locked_folder_ends_nothing(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    (locked / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(locked / "inner")
    locked.chmod(0)
    assert len(scan(tmp_path, GOOD).findings) == 1


def test_what_is_no_file_is_skipped(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    assert scan(tmp_path, GOOD).skipped == {"not readable": ["pipe.py"]}


def test_a_path_that_is_not_there_is_skipped(tmp_path: Path) -> None:
    assert scan_paths([tmp_path / "absent.py"]).skipped == {"not readable": ["absent.py"]}


@pytest.mark.parametrize(
    "name",
    ["node_modules/a.py", "vendor/a.py", ".venv/a.py", "x/dist/a.py", "a_pb2.py"],
)
def test_vendored_and_generated_code_is_left_out(tmp_path: Path, name: str) -> None:
    report = scan(tmp_path, GOOD, name)
    assert (report.files, report.sites) == (0, [])


@pytest.mark.parametrize(
    ("name", "marker"),
    [
        ("env/lib/a.py", "env/pyvenv.cfg"),
        ("app/bin/a.py", "app/App.csproj"),
        ("obj/a.py", "App.sln"),
        ("target/a.py", "Cargo.toml"),
        ("build/lib/a.py", "pyproject.toml"),
        ("web/out/a.py", "web/package.json"),
        ("coverage/a.py", "package.json"),
    ],
)
def test_folders_of_common_names_are_left_out_where_tools_made_them(
    tmp_path: Path, name: str, marker: str
) -> None:
    report = scan(tmp_path, GOOD, name)
    assert [finding.path for finding in report.findings] == [name]
    (tmp_path / marker).write_text("", "utf-8")
    assert scan_paths([tmp_path]).files == 0
    report = scan_paths([tmp_path / name], base=tmp_path)
    assert report.skipped == {"vendored or generated": [name]}


def test_several_processes_find_the_same(tmp_path: Path) -> None:
    many_files(tmp_path)
    alone, together = scan_paths([tmp_path], processes=1), scan_paths([tmp_path], processes=2)
    assert alone == together
    assert (len(alone.findings), alone.files, alone.lines) == (5, 250, 5 * 4 + 245)


def test_a_script_without_a_guard_can_scan_in_several_processes(tmp_path: Path) -> None:
    many_files(tmp_path)
    script = tmp_path / "node_modules" / "script.py"
    script.parent.mkdir()
    script.write_text(
        "from pathlib import Path\nfrom locum.scan import scan_paths\n"
        f"report = scan_paths([Path({str(tmp_path)!r})], processes=2)\n"
        "print(report.files, len(report.findings))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("250 5\n", "")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("vendor/a.py", "vendored or generated"),
        ("src/node_modules/a.py", "vendored or generated"),
        ("a_pb2.py", "vendored or generated"),
        ("tests/a.py", "of tests"),
        ("README.md", "of no known language"),
    ],
)
def test_a_named_file_that_is_left_out_is_counted(tmp_path: Path, name: str, reason: str) -> None:
    scan(tmp_path, GOOD, name)
    report = scan_paths([tmp_path / name], base=tmp_path)
    assert (report.files, report.skipped) == (0, {reason: [name]})
    folder = (tmp_path / name).parent
    if reason != "of no known language" and folder != tmp_path:
        assert len(scan_paths([folder], base=tmp_path).findings) == 1


def test_an_import_of_too_long_a_name_is_no_file(tmp_path: Path) -> None:
    long = f"from {'a' * 300} import X\n"
    report = scan(tmp_path, long + GOOD.replace("' + t", "' + X + t"))
    assert (report.skipped, len(report.sites)) == ({}, 1)


def many_files(folder: Path, count: int = 250) -> Path:
    for number in range(count):
        (folder / f"m{number:03}.py").write_text(GOOD if number % 50 == 0 else "x = 1\n")
    return folder


def test_processes_import_nothing_of_what_is_scanned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(many_files(tmp_path))
    for name in ("pickle", "re", "signal", "locum"):
        (tmp_path / f"{name}.py").write_text("open('ran.txt', 'w')\n")
    assert len(scan_paths([tmp_path], processes=2).findings) == 5
    assert not (tmp_path / "ran.txt").exists()


def wait_for_workers(process: subprocess.Popen[str], count: int) -> list[int]:
    """Return the process ids of those that a process started."""
    end = time.monotonic() + 30
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while time.monotonic() < end:
        children = [int(one) for one in listed.read_text().split()]
        if len(children) == count:
            return children
        time.sleep(0.02)
    raise AssertionError("no workers were started")


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A scan in two processes that takes some time."""
    for number in range(402):
        (tmp_path / f"m{number}.py").write_text(GOOD * 8)
    script = (
        "import locum.scan.scanning as s; s.processors = lambda: 2; from locum.cli.app import main"
    )
    command = [sys.executable, "-c", f"{script}; import sys; sys.argv = ['locum', 'scan']; main()"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True) as process:
        yield process
        process.kill()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="children are read from /proc")
def test_a_process_that_is_killed_ends_the_scan_with_a_reason(
    busy: subprocess.Popen[str],
) -> None:
    workers = wait_for_workers(busy, 2)
    os.kill(workers[0], signal.SIGKILL)
    said, error = busy.communicate(timeout=60)
    assert (busy.returncode, said) == (1, "")
    assert re.fullmatch(
        r"locum: the process that scanned 'm.*py' to 'm.*py' was ended by SIGKILL, .*\n", error
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="children are read from /proc")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_processes_end_with_the_one_that_started_them(
    busy: subprocess.Popen[str], ending: signal.Signals
) -> None:
    workers = wait_for_workers(busy, 2)
    os.kill(busy.pid, ending)
    _, error = busy.communicate(timeout=60)
    assert busy.returncode != 0
    assert "Traceback" not in error
    end = time.monotonic() + 30
    while time.monotonic() < end and any(Path(f"/proc/{one}").exists() for one in workers):
        time.sleep(0.05)
    assert not any(Path(f"/proc/{one}").exists() for one in workers)


ONE_OF_MANY = """
class Model{n}(Base):
    def __call__(self, prompt, **kwargs):
        response = self.request(prompt, **kwargs)
        return [self.read(one) for one in response]

    def request(self, prompt, **kwargs):
        if self.is_chat:
            return self.basic_request(prompt, **kwargs)
        return self.complete(prompt, **{{**self.kwargs, **kwargs}})

    def basic_request(self, prompt, **kwargs):
        kwargs = {{**self.kwargs, "prompt": prompt, **kwargs}}
        response = self.complete(prompt, **kwargs)
        self.history.append({{"prompt": prompt, "response": response, "kwargs": kwargs}})
        return response

    def complete(self, prompt, **kwargs):
        answer = self.client.chat.completions.create(
            messages=[{{"role": "user", "content": prompt}}], **kwargs
        )
        return self.read(self.request(answer, **kwargs))

    def read(self, response):
        text = response if isinstance(response, str) else self.read(response["text"])
        return self.request(text) if text == "again" else self.basic_request(text)
"""


def test_methods_that_pass_a_prompt_on_and_on_are_given_up(tmp_path: Path) -> None:
    code = "import openai\n" + "".join(ONE_OF_MANY.format(n=number) for number in range(15))
    began = time.monotonic()
    report = scan(tmp_path, code)
    assert time.monotonic() - began < 20
    assert report.findings == []
    assert report.sites


@pytest.mark.parametrize("read", [listed_answers, listed_fields])
@pytest.mark.parametrize(
    "text",
    [
        "say a, b, " * 3_000,
        "answer only the word " * 3_000,
        "one of abc def, " * 3_000,
        "\n" * 20_000,
        '{"a": ' * 5_000 + "json",
        "return a if b " * 3_000,
        "decide whether if is " * 2_000,
        "json" + "\n" * 20_000,
        "json" + " " * 20_000 + "!",
        "json {" + "QUJD" * 10_000 + "}",
        "json " + "keys (" * 5_000,
        "either" + " " * 12_000 + "!",
        "answer\t\n" * 5_000,
        "labels: " + "a/" * 60 + "#",
        "choose a team (a" + ", or b" * 60 + "#",
        "choose a team (" + "or " * 200 + "#",
    ],
)
def test_long_prompts_take_no_time(
    read: Callable[[str], object], text: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("result", read(text))
