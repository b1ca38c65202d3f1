"""The commands `plan` and `replay` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ocr_pipeline.cli import plan


def invoke(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    plan.register(app)
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def test_the_worked_example_says_13() -> None:
    code, output = invoke(
        "plan", "--rate", "50", "--service-time", "2.0", "--concurrency", "8", "--seconds", "60", "--json"
    )
    answer = json.loads(output)
    assert code == 0
    assert answer["instances"] == 13
    assert {each["kind"] for each in answer["documents"]} == {"prescription", "certificate", "chart"}
    assert answer["instances_for_objectives"] is None


def test_a_plan_for_people_names_kinds_and_ways() -> None:
    code, output = invoke(
        "plan", "--rate", "5", "--service-time", "0.4", "--concurrency", "8", "--seconds", "60",
        "--mix", "prescription=9,chart=1",
    )  # fmt: skip
    assert code == 0
    assert "prescription\t1-2" in output
    assert "certificate" not in output
    assert "vertical" in output


@pytest.mark.parametrize(
    "arguments",
    [
        ("--rate", "0", "--service-time", "2"),
        ("--rate", "1", "--service-time", "2", "--concurrency", "0"),
        ("--rate", "1", "--service-time", "2", "--mix", "letter=1"),
        ("--rate", "1", "--service-time", "2", "--mix", "chart=0"),
        ("--rate", "1000000", "--service-time", "2"),
    ],
)
def test_figures_out_of_range_are_wrong_usage(arguments: tuple[str, ...]) -> None:
    code, _ = invoke("plan", *arguments)
    assert code == 2


def test_a_recorded_day_is_replayed(tmp_path: Path) -> None:
    day = tmp_path / "day.csv"
    day.write_text("minute,urgent,routine,bulk\n0,60,60,600\n5,0,0,0\n")
    code, output = invoke("replay", str(day), "--json")
    answer = json.loads(output)
    assert code == 0
    assert set(answer) == {"thresholds", "drain"}
    assert answer["drain"]["late_share"]["urgent"] == 0
