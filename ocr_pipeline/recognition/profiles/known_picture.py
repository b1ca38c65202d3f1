"""The tiny picture that any model reads, for the proof that a server works."""

from __future__ import annotations

from importlib.resources import files

from ocr_pipeline.recognition.profiles.profile import KnownPicture

_TEXT = "CODE4172"
_WIDTH, _HEIGHT = 640, 160


def known_picture() -> KnownPicture:
    """Black letters on white, the same that the CPU engine proves itself with."""
    png = files("ocr_pipeline.recognition.profiles").joinpath("code4172.png").read_bytes()
    return KnownPicture(png, _WIDTH, _HEIGHT, _TEXT)
