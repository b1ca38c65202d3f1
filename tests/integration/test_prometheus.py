"""The configuration of Prometheus, by its own tool: the files are valid, and each alert fires when it should."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.services_fixtures import lacking

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "deploy" / "prometheus"
_MISSING = 3


@pytest.mark.parametrize(
    "arguments",
    [("check", "config", "prometheus.yml"), ("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")],
    ids=" ".join,
)
def test_promtool_agrees(arguments: tuple[str, str, str]) -> None:
    *command, name = arguments
    done = subprocess.run(
        [ROOT / "tools" / "promtool.sh", *command, PLACE / name], capture_output=True, text=True, check=False
    )
    if done.returncode == _MISSING:
        lacking(done.stderr.strip())
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_for_and_a_case_against() -> None:
    rules = [rule for group in _read("alerts.yml")["groups"] for rule in group["rules"]]
    cases = [case for test in _read("alerts_test.yml")["tests"] for case in test["alert_rule_test"]]
    for rule in rules:
        of_rule = [bool(case["exp_alerts"]) for case in cases if case["alertname"] == rule["alert"]]
        assert {True, False} <= set(of_rule), rule["alert"]


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for group in _read("alerts.yml")["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in {"page", "ticket"}
            assert set(rule["annotations"]) == {"summary", "action"}
            assert rule["for"]


def _read(name: str) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = yaml.safe_load((PLACE / name).read_text(encoding="utf-8"))
    return found
