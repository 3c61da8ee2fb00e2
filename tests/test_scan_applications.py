"""What was wrong or missed in real applications, in small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from locum.scan import scan_paths
from tests.scanning import found, only_site, scan

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "from openai import OpenAI\nclient = OpenAI()\n"
ROUTER = "from openai import OpenAI\nclient = OpenAI(base_url='https://openrouter.ai/api/v1')\n"
POOL = f"from concurrent.futures import ThreadPoolExecutor\n{HEAD}"
CHAIN = (
    "from langchain_core.prompts import PromptTemplate\n"
    "from langchain_openai import ChatOpenAI\nllm = ChatOpenAI(model='gpt-4o')\n"
)


def rules(folder: Path, code: str, name: str = "code.py") -> set[str]:
    return {rule for _, _, rule in found(scan(folder, code, name))}


def call(prompt: str, model: str = "'gpt-4o'", rest: str = "") -> str:
    message = f"{{'role': 'user', 'content': {prompt}}}"
    return f"client.chat.completions.create(model={model}, messages=[{message}]{rest})"


def test_a_request_that_never_varies_is_a_call_and_no_finding(tmp_path: Path) -> None:
    asked = call("'Name the largest lake. Answer yes or no.'", rest=", max_tokens=5")
    code = f"{HEAD}def f():\n    return {asked}.choices[0].message.content\n"
    assert only_site(tmp_path, code).slots == 0
    assert rules(tmp_path, code) == set()


@pytest.mark.parametrize(
    "use",
    [
        "[line for line in answer.split('\\n') if line == 'Question' or line == 'Answer']",
        "[one for one in answer if one == 'a' or one == 'b']",
        "re.search('yes', answer) or re.search('no', answer) and answer",
        "None if 'No problem found' in answer or 'No problems found' in answer else answer",
    ],
)
def test_pieces_of_a_long_answer_are_no_labels(tmp_path: Path, use: str) -> None:
    asked = call("'Write about the flaws of this text: ' + t")
    code = (
        f"import re\n{HEAD}def f(t):\n    answer = {asked}.choices[0].message.content\n"
        f"    return {use}\n"
    )
    assert rules(tmp_path, code) == set()


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        (
            (
                "if 'choices' not in body:\n        return None\n    choice = body['choices'][0]\n"
                "    if 'message' not in choice or 'content' not in choice['message']:\n"
                "        return None\n    save(choice['message']['content'])"
            ),
            set(),
        ),
        (
            (
                "text = body['choices'][0]['message']['content']\n"
                "    return 'text' in text or 'data' in text"
            ),
            {"closed-answer"},
        ),
    ],
)
def test_parts_that_a_body_is_searched_for_are_no_labels(
    tmp_path: Path, used: str, expected: set[str]
) -> None:
    asked = "requests.post('https://api.openai.com/v1/chat/completions', json=data)"
    code = (
        "import requests\ndef f(t):\n    data = {'model': 'gpt-4o', 'messages': "
        "[{'role': 'user', 'content': 'Say what this file is: ' + t}]}\n"
        f"    body = {asked}.json()\n    {used}\n"
    )
    assert rules(tmp_path, code) == expected


def test_a_model_that_varies_in_an_address_has_no_name(tmp_path: Path) -> None:
    code = (
        "import requests\ndef f(t, model):\n"
        "    url = f'https://generativelanguage.googleapis.com/v1/models/{model}:generateContent'\n"
        "    return requests.post(url, json={'contents': [{'parts': [{'text': t}]}]})\n"
    )
    assert only_site(tmp_path, code).model is None
    named = only_site(tmp_path, code.replace("{model}", "gemini-2.5-pro"))
    assert named.model == "gemini-2.5-pro"


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        (
            (
                "text = text.strip()\n    text = text.replace('.', '').lower()\n"
                "    return 1 if text == 'spam' else 2 if text == 'mail' else 3"
            ),
            {"closed-answer"},
        ),
        ("if text.startswith('json'):\n        text = text[4:].strip()\n    return text", set()),
    ],
)
def test_a_name_that_is_given_what_it_was_is_still_the_answer(
    tmp_path: Path, used: str, expected: set[str]
) -> None:
    asked = call("'Tell what this page is about: ' + t")
    code = f"{HEAD}def f(t):\n    text = {asked}.choices[0].message.content\n    {used}\n"
    assert rules(tmp_path, code) == expected


def test_an_answer_is_followed_into_the_call_that_it_entered_by(tmp_path: Path) -> None:
    summary, kind = call("'Sum this report up: ' + t"), call("'What is this? ' + t")
    code = (
        f"{HEAD}def clean(value):\n    return value.strip()\n"
        f"def summary(t):\n    return clean({summary}.choices[0].message.content)\n"
        f"def kind(t):\n    label = clean({kind}.choices[0].message.content)\n"
        "    return 1 if label == 'report' else 2 if label == 'letter' else 3\n"
    )
    ((_, line, rule),) = found(scan(tmp_path, code))
    assert (line, rule) == (8, "closed-answer")


@pytest.mark.parametrize(
    ("labels", "rule"),
    [
        ("['spam', 'mail']", "closed-answer"),
        ("[*LABELS, 'mail']", "closed-answer"),
        ("given", "fixed-schema"),
        ("['spam', *given]", "fixed-schema"),
        ("['spam', given[0]]", "fixed-schema"),
        ("[one.name for one in read()]", "fixed-schema"),
    ],
)
def test_labels_from_elsewhere_are_no_closed_set(tmp_path: Path, labels: str, rule: str) -> None:
    schema = f"{{'type': 'object', 'properties': {{'kind': {{'enum': {labels}}}}}}}"
    form = f"{{'type': 'json_schema', 'json_schema': {{'name': 'kind', 'schema': {schema}}}}}"
    asked = call("'Of which kind is this message? ' + t", rest=f", response_format={form}")
    code = f"{HEAD}LABELS = ('spam', 'news')\ndef f(t, given):\n    return {asked}\n"
    assert rules(tmp_path, code) == {rule}


def test_a_consumer_of_a_queue_is_a_worker(tmp_path: Path) -> None:
    asked = call("'Sum up this letter for the file: ' + body")
    code = (
        f"import pika\n{HEAD}def take(channel, method, properties, body):\n    save({asked})\n"
        "channel.basic_consume(queue='letters', on_message_callback=take)\n"
    )
    assert only_site(tmp_path, code).contexts == ("queue worker",)


LOOP = "for one in many:\n        text = {call}.choices[0].message.content\n        save(one, text)"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (LOOP.format(call=call("'Describe this product: ' + one")), {"offline-loop"}),
        (
            LOOP.format(call=call("'Add a sentence: ' + one + story")).replace("text", "story"),
            set(),
        ),
        (
            "def draft(given):\n        return "
            + call("'Draft the next part: ' + given")
            + ".choices[0].message.content\n    for one in many:\n        story += draft(story)",
            set(),
        ),
        (
            "for _ in range(3):\n        text = "
            + call("'Improve: ' + many")
            + "\n        if text:"
            "\n            break",
            set(),
        ),
        (
            "while True:\n        many = input()\n        print("
            + call("'Describe: ' + many")
            + ")",
            set(),
        ),
    ],
)
def test_only_calls_that_need_no_other_could_be_sent_together(
    tmp_path: Path, body: str, expected: set[str]
) -> None:
    code = f"{HEAD}def f(many):\n    story = ''\n    {body}\n"
    assert rules(tmp_path, code) == expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (HEAD, {"offline-loop"}),
        (ROUTER, set()),
        ("from llama_cpp import Llama\nclient = Llama('a.gguf')\n", set()),
        (POOL, set()),
        (f"import sys\n{POOL}", {"offline-loop"}),
    ],
)
def test_a_batch_needs_a_price_and_nobody_who_waits(
    tmp_path: Path, head: str, expected: set[str]
) -> None:
    body = LOOP.format(call=call("'Describe this product: ' + one"))
    started = "if __name__ == '__main__':\n    f(sys.argv[1:])\n" if "import sys" in head else ""
    assert rules(tmp_path, f"{head}def f(many):\n    {body}\n{started}") == expected


def test_messages_as_tuples_are_langchain_s(tmp_path: Path) -> None:
    code = (
        "class Reader:\n    def f(self, t):\n        return self.llm.invoke("
        "[('system', 'Return a JSON object with the keys name and age.'), ('human', t)])\n"
        "    def g(self, state):\n        return self.graph.invoke(state)\n"
    )
    assert rules(tmp_path, code) == {"fixed-schema"}


def test_a_parser_of_response_schemas_gives_the_fields(tmp_path: Path) -> None:
    code = (
        f"{CHAIN}from langchain.output_parsers import ResponseSchema, StructuredOutputParser\n"
        "parser = StructuredOutputParser.from_response_schemas("
        "[ResponseSchema(name='city', description='Where'), ResponseSchema(name='day')])\n"
        "prompt = PromptTemplate.from_template('Read where and when from this letter: {x}')\n"
        "def f(x):\n    return (prompt | llm | parser).invoke({'x': x})\n"
    )
    assert only_site(tmp_path, code).schema == ("city", "day")


@pytest.mark.parametrize(
    ("alias", "used"),
    [
        ("complete = litellm.completion\n", "complete"),
        ("complete = openai.OpenAI().chat.completions.create\n", "complete"),
        ("class C:\n    completion = litellm.completion\n", "self.completion"),
    ],
)
def test_a_function_is_known_by_another_name(tmp_path: Path, alias: str, used: str) -> None:
    indent = "    " if "class" in alias else ""
    code = (
        (
            f"import litellm, openai\n{alias}{indent}def f(self, t):\n{indent}    return {used}("
            "model='gpt-4o', messages=[{'role': 'user', 'content': 'Name the city in ' + t}])\n"
        )
        .replace("complete(", "completion(")
        .replace("complete =", "completion =")
    )
    assert only_site(tmp_path, code).instruction == "Name the city in {}"


def test_other_files_of_the_project_are_read_and_not_told(tmp_path: Path) -> None:
    (tmp_path / "app" / "nodes").mkdir(parents=True)
    prompts = f"TASK = 'Is this spam? Answer yes or no. '\n{HEAD}print({call('TASK')})\n"
    (tmp_path / "app" / "prompts.py").write_text(prompts)
    file = tmp_path / "app" / "nodes" / "spam.py"
    file.write_text(f"from ..prompts import TASK\n{HEAD}def f(t):\n    return {call('TASK + t')}\n")
    assert scan_paths([file]).findings == []
    report = scan_paths([file], base=tmp_path)
    assert found(report) == {("app/nodes/spam.py", 5, "closed-answer")}
    assert report.files == 1
