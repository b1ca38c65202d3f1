"""The digest of how pages are read: equal where they would be read alike, and only there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ocr_pipeline.bootstrap import configuration
from ocr_pipeline.bootstrap.configuration import engine_configuration
from ocr_pipeline.recognition.profiles.registry import ProfileRegistry
from ocr_pipeline.settings import Settings

CPU: dict[str, Any] = {}
VLLM: dict[str, Any] = {"engine": {"name": "vllm"}, "model_name": "Qwen/Qwen2.5-VL-7B-Instruct"}


def digest(**settings: Any) -> str:
    return engine_configuration(Settings(**settings))


@pytest.mark.parametrize("base", [CPU, VLLM])
@pytest.mark.parametrize(
    "change",
    [
        {"data_dir": Path("elsewhere")},
        {"gateway": {"response_cache_days": 1}},
        {"min_confidence_threshold": 0.5},
        {"worker": {"slots": 7}},
        {"request_timeout_seconds": 5.0},
        {"vllm": {"servers": "http://one:1,http://two:2"}},
        {"retry": {"max_attempts": 9}},
    ],
)
def test_what_does_not_change_a_reading_changes_nothing(base: dict[str, Any], change: dict[str, Any]) -> None:
    assert digest(**base, **change) == digest(**base)


@pytest.mark.parametrize(
    ("base", "change"),
    [
        (CPU, {"engine": {"name": "another"}}),
        (CPU, {"engine": {"options": {"long_side": 960}}}),
        (CPU, {"engine": {"tessdata": "/usr/share/tessdata-best"}}),
        (CPU, {"max_image_resolution": (1024, 1024)}),
        (CPU, VLLM),
        (VLLM, {"model_name": "Qwen/Qwen3-VL-8B-Instruct"}),
        (VLLM, {"max_model_len": 4096}),
        (VLLM, {"vllm": {"profile": "generic"}}),
        (VLLM, {"vllm": {"profile": "of_another_package:profile"}}),
        (VLLM, {"vllm": {"cross_check": "never"}}),
        (VLLM, {"enable_confidence_scoring": False}),
        (VLLM, {"engine": {"name": "vllm", "options": {"long_side": 960}}}),
    ],
)
def test_what_changes_a_reading_changes_the_digest(base: dict[str, Any], change: dict[str, Any]) -> None:
    assert digest(**{**base, **change}) != digest(**base)


def test_a_threshold_counts_where_it_decides_what_is_cross_checked() -> None:
    doubtful = {**VLLM, "vllm": {"cross_check": "doubtful"}}
    assert digest(**doubtful, min_confidence_threshold=0.5) != digest(**doubtful)
    sampled = {**VLLM, "vllm": {"cross_check": "sampled"}}
    assert digest(**sampled) != digest(**{**VLLM, "vllm": {"cross_check": "sampled", "cross_check_share": 0.5}})


def test_another_version_is_another_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest()
    monkeypatch.setattr(configuration, "__version__", "999")
    assert digest() != before


def test_a_library_of_another_version_is_another_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest()
    monkeypatch.setattr(configuration, "version", lambda _: "999")
    assert digest() != before


def test_a_profile_counts_by_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(**VLLM)
    find = ProfileRegistry.find

    def with_another_prompt(self: ProfileRegistry, model: str, choice: str | None = None) -> object:
        profile = find(self, model, choice)
        return type(profile)(**{**{name: getattr(profile, name) for name in profile.__slots__}, "prompt": "Read."})

    monkeypatch.setattr(ProfileRegistry, "find", with_another_prompt)
    assert digest(**VLLM) != before


def test_every_process_comes_to_the_same() -> None:
    program = (
        "from ocr_pipeline.bootstrap.configuration import engine_configuration as digest\n"
        "from ocr_pipeline.settings import Settings\n"
        "print(digest(Settings()), digest(Settings(engine={'name': 'vllm'})))"
    )
    told = {
        subprocess.check_output([sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed}, text=True)
        for seed in ("1", "2")
    }
    assert len(told) == 1
    assert all(len(each) == 32 for each in told.pop().split())
