"""The typefaces a sample may be set in: those inside PyMuPDF, and Nanum where the system has it.

Only `bundled` makes the same page everywhere, so the shipped set uses nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pymupdf

BUNDLED = "bundled"
SERIF = "serif"
TYPEWRITER = "typewriter"
_BUILT_IN = {
    BUNDLED: ("korea", "helv", "hebo"),
    SERIF: ("korea", "tiro", "tibo"),
    TYPEWRITER: ("korea", "cour", "cobo"),
}
_NANUM_FOLDER = Path("/usr/share/fonts/truetype/nanum")
_NANUM = {
    "nanum-gothic": ("NanumGothic.ttf", "NanumGothicBold.ttf"),
    "nanum-myeongjo": ("NanumMyeongjo.ttf", "NanumMyeongjoBold.ttf"),
    "nanum-barun-gothic": ("NanumBarunGothic.ttf", "NanumBarunGothicBold.ttf"),
}


@dataclass(frozen=True, slots=True)
class Typeface:
    """A regular and a bold face. `bold_is_drawn` asks for thickened outlines where no bold face exists."""

    regular: pymupdf.Font
    bold: pymupdf.Font
    bold_is_drawn: bool


def names() -> tuple[str, ...]:
    """Every typeface that can be had on this machine, bundled ones first."""
    system = (name for name, files in _NANUM.items() if all((_NANUM_FOLDER / file).is_file() for file in files))
    return (*_BUILT_IN, *system)


def load(name: str, *, hangul: bool) -> Typeface:
    """Open the typeface `name`; the bundled ones have one face for Hangul and others for Latin text.

    Raises ValueError when it is not to be had here.
    """
    if name not in names():
        raise ValueError(f"typeface {name!r} is not available; there are {', '.join(names())}")
    if name in _NANUM:
        regular, bold = (pymupdf.Font(fontfile=str(_NANUM_FOLDER / file)) for file in _NANUM[name])
        return Typeface(regular, bold, bold_is_drawn=False)
    korean, latin, latin_bold = _BUILT_IN[name]
    if hangul:
        face = pymupdf.Font(korean)
        return Typeface(face, face, bold_is_drawn=True)
    return Typeface(pymupdf.Font(latin), pymupdf.Font(latin_bold), bold_is_drawn=False)
