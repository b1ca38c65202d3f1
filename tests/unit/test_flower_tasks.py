"""Flower shows ids and nothing else, whatever a message or an error may hold."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from celery.events.state import Task

CONFIG = Path(__file__).parents[2] / "deploy" / "flower" / "flowerconfig.py"
DOCUMENT = "01a20890-b75c-7bd3-b637-231198c1a2e7"
CANARY = "Kim Younghee"


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return runpy.run_path(str(CONFIG))


@pytest.mark.parametrize("shown", [DOCUMENT, f"{DOCUMENT}/3 attempt 1", f"{DOCUMENT}/3 attempt 1 page_read"])
def test_ids_are_shown(config: dict[str, Any], shown: str) -> None:
    assert config["format_task"](Task(uuid="1", args=shown)).args == shown


@pytest.mark.parametrize("args", [CANARY, f"[{{'name': '{CANARY}'}}]", f"{DOCUMENT} {CANARY}", f"{DOCUMENT}\n{CANARY}"])
def test_anything_else_is_hidden(config: dict[str, Any], args: str) -> None:
    assert config["format_task"](Task(uuid="1", args=args)).args == "(hidden)"


def test_of_a_failure_only_its_type_is_shown(config: dict[str, Any]) -> None:
    arguments = f"{{'name': '{CANARY}'}}"
    error = f"ValueError('{CANARY}')"
    task = Task(uuid="1", exception=error, traceback=f"... {CANARY}", result=CANARY, kwargs=arguments)
    shown = config["format_task"](task)
    assert shown.exception == "ValueError"
    assert (shown.traceback, shown.result, shown.kwargs) == ("(hidden)",) * 3


def test_a_task_of_which_little_is_known_is_shown(config: dict[str, Any]) -> None:
    shown = config["format_task"](Task(uuid="1", result="None"))
    assert (shown.args, shown.result) == (None, "None")


def test_it_changes_nothing_and_listens_to_this_machine_alone(config: dict[str, Any]) -> None:
    assert config["read_only"] is True
    assert config["address"] == "127.0.0.1"
    assert config["url_prefix"] == "flower"
