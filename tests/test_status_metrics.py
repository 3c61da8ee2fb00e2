"""What Prometheus reads of students that stand in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from locum.serving.metrics import Metrics
from locum.store import PromotionStore, Route, open_database
from tests.gateway_clients import happens, metrics
from tests.gateways import running_gateway, upstream_server
from tests.promoted import (
    LIMITS,
    SURE,
    UNSURE,
    chat_request,
    promote,
    route,
    upstreams,
    wait_until_ready,
)
from tests.promoted_teacher import Teacher
from tests.status_readers import STORY, watched

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "recording.md"
RULES = ROOT / "deploy" / "alerts.yaml"


def test_calls_and_times_of_a_student_are_counted(tmp_path: Path) -> None:
    promote(tmp_path / "calls.sqlite", tmp_path / "student")
    with (
        upstream_server(Teacher()) as teacher,
        running_gateway(tmp_path, upstreams(teacher.url), LIMITS) as gateway,
    ):
        wait_until_ready(gateway)
        for _ in range(3):
            assert route(gateway, chat_request(SURE["billing"])) == "student"
        assert route(gateway, chat_request(UNSURE)) == "teacher"
        found = metrics(gateway)
    calls = 'locum_stand_in_calls_total{route="%s",task="support"}'
    counted = {name: found[calls % name] for name in get_args(Route)}
    right = {"student": 3, "shadow": 0, "deferred": 1, "teacher": 0, "failed": 0}
    assert {name: counted[name] for name in right} == right
    of_task = '{task="support"}'
    assert found[f"locum_student_seconds_count{of_task}"] == 4
    assert found['locum_student_seconds_bucket{le="0.5",task="support"}'] == 4
    assert 0 < found[f"locum_student_seconds_sum{of_task}"] < 2
    assert found[f"gen_ai_server_request_duration_seconds_count{of_task}"] == 3
    assert found[f"locum_student_up{of_task}"] == 1
    assert found[f"locum_student_failures_total{of_task}"] == 0
    assert found[f"locum_task_promised{of_task}"] == 0.9
    assert f"locum_task_agreement{of_task}" not in found


def test_what_the_store_says_of_tasks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("locum.serving.status_source._PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("locum.serving.status_source._PAUSE_A_SECOND", 0.0)
    other = STORY._replace(task='odd "name"\n{é}', call_usd=None, compared=(0, 0))
    with watched(tmp_path, STORY, other) as gateway:
        found = metrics(gateway)
        assert found['locum_task_agreement{task="support"}'] == 0.98
        low = found['locum_task_agreement_low{task="support"}']
        assert 0.9 < low < 0.98 < found['locum_task_agreement_high{task="support"}'] < 1
        assert found['locum_task_promised{task="support"}'] == 0.95
        assert found['locum_task_coverage{task="support"}'] == 0.92
        assert found['locum_task_expected_coverage{task="support"}'] == 0.699
        assert found['locum_task_revoked{task="support"}'] == 0
        assert found['locum_saved_usd_total{task="support"}'] == pytest.approx(1.8)
        escaped = r'{task="odd \"name\"\n{é}"}'
        assert found[f"locum_task_coverage{escaped}"] == 0.92
        assert f"locum_saved_usd_total{escaped}" not in found
        assert happens(lambda: metrics(gateway)['locum_student_up{task="support"}'] == 0)
        with open_database(gateway.store) as database:
            PromotionStore(database).end("support", "revoked", "agreement fell")
        assert happens(lambda: metrics(gateway)['locum_task_revoked{task="support"}'] == 1)
        # A student that is asked no more has no process.
        assert happens(lambda: 'locum_student_up{task="support"}' not in metrics(gateway))


def test_what_the_watch_found_is_told(tmp_path: Path) -> None:
    found = {"novelty": "inputs have changed", "repeats": "said else", "teacher m-2": "m-2 answers"}
    with watched(tmp_path, STORY._replace(found=found), STORY._replace(task="calm")) as gateway:
        told = metrics(gateway)
    alarms = {
        about: told[f'locum_task_alarm{{about="{about}",task="support"}}']
        for about in ("inputs", "labels", "self_agreement", "teacher")
    }
    assert alarms == {"inputs": 1, "labels": 0, "self_agreement": 1, "teacher": 1}
    assert told['locum_task_alarm{about="inputs",task="calm"}'] == 0
    assert told['locum_task_broken{task="support"}'] == 0
    assert told["locum_watch_blind"] == told["locum_recorder_keeps_dying"] == 0


def test_rules_for_alerts_name_metrics_that_there_are() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with the extras of the tests")
    rules = yaml.safe_load(RULES.read_text("utf-8"))
    [group] = rules["groups"]
    names = set(re.findall(r"^# TYPE (\S+)", Metrics().page().decode(), re.MULTILINE))
    used = {name for rule in group["rules"] for name in re.findall(r"locum_\w+", rule["expr"])}
    assert used <= names
    assert {"locum_task_alarm", "locum_task_revoked", "locum_watch_blind"} < used


def test_every_metric_is_documented() -> None:
    text = DOCUMENT.read_text("utf-8")
    names = re.findall(r"^# TYPE (\S+)", Metrics().page().decode(), re.MULTILINE)
    assert "locum_task_agreement_low" in names
    ends = re.compile("_(low|high|created)$")
    assert [name for name in names if ends.sub("", name) not in text] == []
