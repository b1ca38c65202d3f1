"""How pages are read, as one digest: processes that would read a page alike have the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from typing import Any

from ocr_pipeline import __version__
from ocr_pipeline.bootstrap.installed_engines import ENGINE_GROUP, SECOND, VLLM
from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.recognition.profiles.registry import PROFILE_GROUP, ProfileRegistry
from ocr_pipeline.settings import Settings

_FORM = "ocr-pipeline/configuration/1"
_DIGITS = 32
_READING_LIBRARIES = ("onnxruntime", "opencv-python-headless", "rapidocr", "tesserocr")


def engine_configuration(settings: Settings) -> str:
    """The digest: 32 hex digits over the engine with its options, model, profile, image bounds and versions.

    Intake and recognition each take it from their own settings. Where they differ nothing is ever taken for known,
    which costs readings and never a wrong one; so what cannot be had here (a profile of a package that only
    recognition workers carry) raises nothing and makes another digest.
    """
    vllm = settings.engine.name == VLLM
    said = {
        "form": _FORM,
        "version": __version__,
        "engine": settings.engine.name,
        "resolution": settings.max_image_resolution,
        "scored": settings.enable_confidence_scoring,
        "reader": _model(settings) if vllm else _installed(settings, settings.engine.name),
    }
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(canonical.encode()).hexdigest()[:_DIGITS]


def _model(settings: Settings) -> dict[str, object]:
    vllm = settings.vllm
    doubtful, sampled = vllm.cross_check == "doubtful", vllm.cross_check == "sampled"
    return {
        "model": settings.model_name,
        "max_model_len": settings.max_model_len,
        "profile": _profile(settings),
        "profile_packages": [_package(point) for point in entry_points(group=PROFILE_GROUP)],
        "cross_check": vllm.cross_check,
        "share": vllm.cross_check_share if sampled else None,
        "doubtful_below": settings.min_confidence_threshold if doubtful else None,
        "second": None if vllm.cross_check == "never" else _installed(settings, SECOND),
    }


def _profile(settings: Settings) -> object:
    try:
        return ProfileRegistry.installed().find(settings.model_name, settings.vllm.profile)
    except ConfigurationError:
        return settings.vllm.profile


def _installed(settings: Settings, name: str) -> dict[str, object]:
    return {
        "packages": [_package(point) for point in entry_points(group=ENGINE_GROUP, name=name)],
        "libraries": {library: _version(library) for library in _READING_LIBRARIES},
        "options": settings.engine.options,
        "tessdata": settings.engine.tessdata,
    }


def _package(point: EntryPoint) -> tuple[str, ...]:
    package = () if point.dist is None else (point.dist.name, point.dist.version)
    return (point.name, point.value, *package)


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _plain(value: Any) -> object:  # noqa: ANN401 - whatever settings and profiles hold
    """What JSON cannot say: records as their fields, code by its name, bytes by their hash."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, AbstractSet):
        return sorted(map(str, value))
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    if callable(value):
        return f"{getattr(value, '__module__', '')}:{getattr(value, '__qualname__', type(value).__qualname__)}"
    return str(value)
