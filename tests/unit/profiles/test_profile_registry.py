"""Profiles are found by name, by model, in other modules and in installed packages."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType

import pytest

from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.recognition.profiles import registry as registry_module
from ocr_pipeline.recognition.profiles.generic import generic
from ocr_pipeline.recognition.profiles.profile import ModelProfile
from ocr_pipeline.recognition.profiles.registry import BUILT_IN, PROFILE_GROUP, ProfileRegistry

BROKEN = ModuleType("broken_profiles")


class Point:
    """An entry point of an installed package."""

    def __init__(self, name: str, found: object) -> None:
        self.name = name
        self._found = found

    def load(self) -> object:
        if self._found is BROKEN:
            raise ImportError("no module")
        return self._found


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("some_profiles")
    vars(module)["tiny"] = replace(generic(), name="tiny")
    vars(module)["build_tiny"] = lambda: replace(generic(), name="built-tiny")
    vars(module)["number"] = 7
    monkeypatch.setitem(sys.modules, "some_profiles", module)
    return module


def _install(monkeypatch: pytest.MonkeyPatch, *points: Point) -> None:
    def installed(*, group: str) -> tuple[Point, ...]:
        return points if group == PROFILE_GROUP else ()

    monkeypatch.setattr(registry_module, "entry_points", installed)


def test_every_built_in_profile_is_found_by_its_own_name() -> None:
    registry = ProfileRegistry(BUILT_IN)
    assert registry.names == tuple(sorted(BUILT_IN))
    for name in registry.names:
        assert registry.named(name).name == name


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", "qwen2.5-vl"),
        ("Qwen/Qwen2.5-VL-72B-Instruct-AWQ", "qwen2.5-vl"),
        ("/models/qwen2.5-vl-7b", "qwen2.5-vl"),
        ("Qwen/Qwen3-VL-8B-Instruct-FP8", "qwen3-vl"),
        ("allenai/olmOCR-2-7B-1025-FP8", "olmocr-2"),
        ("olmocr", "olmocr-2"),
        ("PaddlePaddle/PaddleOCR-VL", "paddleocr-vl"),
        ("PaddlePaddle/PaddleOCR-VL-1.5", "paddleocr-vl"),
        ("deepseek-ai/DeepSeek-OCR", "deepseek-ocr"),
        ("DEEPSEEK-AI/deepseek-ocr", "deepseek-ocr"),
        ("deepseek-ai/DeepSeek-OCR-2", "generic"),
        ("OpenGVLab/InternVL3-8B", "generic"),
        ("", "generic"),
    ],
)
def test_the_closest_pattern_wins(model: str, name: str) -> None:
    assert ProfileRegistry(BUILT_IN).find(model).name == name


def test_a_choice_goes_before_the_model() -> None:
    assert ProfileRegistry(BUILT_IN).find("Qwen/Qwen2.5-VL-7B-Instruct", "generic").name == "generic"


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"deepseek-ocr, generic, olmocr-2"):
        ProfileRegistry(BUILT_IN).find("x", "nonesuch")


def test_a_model_that_no_pattern_fits_is_answered_with_the_known_ones() -> None:
    registry = ProfileRegistry({"qwen3-vl": BUILT_IN["qwen3-vl"]})
    with pytest.raises(ConfigurationError, match="qwen3-vl"):
        registry.find("some/other")


@pytest.mark.parametrize(
    ("place", "name"), [("some_profiles:tiny", "tiny"), ("some_profiles:build_tiny", "built-tiny")]
)
def test_a_profile_may_stand_in_another_module(elsewhere: ModuleType, place: str, name: str) -> None:
    assert ProfileRegistry(BUILT_IN).find("x", place).name == name


@pytest.mark.parametrize(
    "place",
    [
        "some_profiles:number",
        "some_profiles:absent",
        "no_such_module_here:x",
        ":x",
        "some_profiles:",
        ".rel:x",
        "a b:c",
    ],
)
def test_a_place_without_a_profile_is_a_wrong_setting(elsewhere: ModuleType, place: str) -> None:
    with pytest.raises(ConfigurationError):
        ProfileRegistry(BUILT_IN).find("x", place)


def test_installed_packages_may_add_profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    def tiny() -> ModelProfile:
        return replace(generic(), name="tiny", models=("acme/tiny-*",))

    _install(monkeypatch, Point("tiny", tiny), Point("ready", replace(tiny(), name="ready", models=())))
    registry = ProfileRegistry.installed()
    assert {"tiny", "ready"} < set(registry.names)
    assert registry.find("acme/tiny-1b").name == "tiny"
    assert registry.find("x", "ready").name == "ready"


def test_an_installed_package_may_not_take_a_built_in_name(monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, Point("generic", generic))
    with pytest.raises(ConfigurationError, match="generic"):
        ProfileRegistry.installed()


@pytest.mark.parametrize("found", [BROKEN, 7, lambda: 7])
def test_a_broken_package_is_named(monkeypatch: pytest.MonkeyPatch, found: object) -> None:
    _install(monkeypatch, Point("shaky", found))
    with pytest.raises(ConfigurationError, match="shaky"):
        ProfileRegistry.installed().find("x")
