"""Which profile a model is asked with: by the profile's name, by the model's, or from somewhere else altogether."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from importlib import import_module
from importlib.metadata import entry_points
from typing import Final, Self

from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.recognition.profiles.deepseek_ocr import deepseek_ocr
from ocr_pipeline.recognition.profiles.generic import generic
from ocr_pipeline.recognition.profiles.olmocr2 import olmocr2
from ocr_pipeline.recognition.profiles.paddleocr_vl import paddleocr_vl, paddleocr_vl_tables
from ocr_pipeline.recognition.profiles.profile import ModelProfile
from ocr_pipeline.recognition.profiles.qwen2_5_vl import qwen2_5_vl
from ocr_pipeline.recognition.profiles.qwen3_vl import qwen3_vl

PROFILE_GROUP: Final = "ocr_pipeline.model_profiles"
"""Entry points here name a profile, or a function without arguments that builds one, by the profile's name."""

BUILT_IN: Final[Mapping[str, Callable[[], ModelProfile]]] = {
    "deepseek-ocr": deepseek_ocr,
    "generic": generic,
    "olmocr-2": olmocr2,
    "paddleocr-vl": paddleocr_vl,
    "paddleocr-vl-tables": paddleocr_vl_tables,
    "qwen2.5-vl": qwen2_5_vl,
    "qwen3-vl": qwen3_vl,
}

Source = Callable[[], object]
"""Gives a profile, or a function that builds one. May raise ImportError or AttributeError."""


class ProfileRegistry:
    """Profiles by name, loaded and built when asked for."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = dict(sources)

    @classmethod
    def installed(cls) -> Self:
        """The built-in profiles and those of installed packages.

        Raises ConfigurationError when a package names its profile as a built-in one is named.
        """
        points = {point.name: point.load for point in entry_points(group=PROFILE_GROUP)}
        taken = sorted(points.keys() & BUILT_IN.keys())
        if taken:
            raise ConfigurationError(f"an installed package has a profile of a built-in name: {', '.join(taken)}")
        return cls({**BUILT_IN, **points})

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all profiles, in alphabetical order."""
        return tuple(sorted(self._sources))

    def find(self, model: str, choice: str | None = None) -> ModelProfile:
        """The profile that is chosen by name or as `module:attribute`, else the one meant for the model.

        Raises ConfigurationError where there is none, naming the known ones.
        """
        if choice is None:
            return self.for_model(model)
        return self._elsewhere(choice) if ":" in choice else self.named(choice)

    def named(self, name: str) -> ModelProfile:
        """The profile of that name. Raises ConfigurationError."""
        if name not in self._sources:
            raise ConfigurationError(f"no model profile has the name asked for; there are: {self._known()}")
        return _profile(self._sources[name], name)

    def for_model(self, model: str) -> ModelProfile:
        """The profile whose pattern fits the model's name most closely. Raises ConfigurationError."""
        wanted = model.casefold()
        best: tuple[int, ModelProfile] | None = None
        for name in self.names:
            profile = self.named(name)
            fits = [pattern for pattern in profile.models if fnmatchcase(wanted, pattern.casefold())]
            closeness = max(map(_letters, fits), default=-1)
            if fits and (best is None or closeness > best[0]):
                best = (closeness, profile)
        if best is None:
            raise ConfigurationError(f"no model profile is meant for this model; there are: {self._known()}")
        return best[1]

    def _elsewhere(self, place: str) -> ModelProfile:
        module, _, attribute = place.partition(":")
        if not all(part.isidentifier() for part in (*module.split("."), attribute)):
            raise ConfigurationError(f"{place} is no module:attribute, nor a model profile of: {self._known()}")
        return _profile(lambda: getattr(import_module(module), attribute), place)

    def _known(self) -> str:
        return ", ".join(self.names)


def _letters(pattern: str) -> int:
    """How much of a name a pattern says: its characters that stand for themselves."""
    return sum(character not in "*?[]" for character in pattern)


def _profile(load: Source, name: str) -> ModelProfile:
    try:
        found = load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"the model profile {name} cannot be imported") from error
    built = found() if callable(found) and not isinstance(found, ModelProfile) else found
    if not isinstance(built, ModelProfile):
        raise ConfigurationError(f"{name} is no model profile, nor a function that builds one")
    return built
