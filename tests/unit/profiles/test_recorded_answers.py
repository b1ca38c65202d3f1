"""Answers in the forms each model is known to write, and what must come of them. The people in them are invented."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ocr_pipeline.recognition.profiles.profile import ParsedBlock
from ocr_pipeline.recognition.profiles.registry import BUILT_IN, ProfileRegistry

RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.txt"))


def _profile_of(path: Path) -> str:
    return path.name.removesuffix(".txt").rpartition(".")[0]


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_answer_becomes_its_blocks(path: Path) -> None:
    profile = ProfileRegistry(BUILT_IN).named(_profile_of(path))
    expected = json.loads(path.with_suffix(".json").read_text("utf-8"))
    assert profile.parse(path.read_text("utf-8")) == tuple(ParsedBlock(tuple(lines), kind) for kind, lines in expected)


def test_every_profile_has_recorded_answers() -> None:
    assert {_profile_of(path) for path in RECORDED} == set(BUILT_IN)
