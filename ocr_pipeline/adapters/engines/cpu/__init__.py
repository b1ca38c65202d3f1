"""The recogniser that needs no GPU and no network: see `engine` for what it does and `build` for how to get one."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import cv2
import tesserocr

from ocr_pipeline.adapters.engines.cpu.detection import DetectorSettings, LineDetector
from ocr_pipeline.adapters.engines.cpu.engine import CpuEngine
from ocr_pipeline.adapters.engines.cpu.hangul import TesseractPool, find_tessdata
from ocr_pipeline.adapters.engines.cpu.latin import LatinReader
from ocr_pipeline.adapters.engines.cpu.line_reader import LineReader
from ocr_pipeline.adapters.engines.cpu.models import ModelFiles, open_session
from ocr_pipeline.adapters.engines.cpu.orientation import TurnJudge
from ocr_pipeline.domain.errors import EngineUnavailable

__all__ = ["CpuEngine", "build"]


def build(*, slots: int = 1, tessdata: Path | str | None = None, long_side: int = 1280) -> CpuEngine:
    """An engine for `slots` pages at once.

    `tessdata` is the folder with Tesseract's data (the usual places are searched when None); `long_side` is the size in
    pixels at which lines are looked for. Raises EngineUnavailable when a model or Tesseract's Korean data is missing.
    """
    # One thread a page: the caller's threads are the parallelism, and OpenCV's own pool would fight them for the cores.
    cv2.setNumThreads(1)
    files = ModelFiles.bundled()
    place = Path(tessdata) if tessdata is not None else None
    hangul = TesseractPool(find_tessdata(place, "Hangul"), "Hangul", slots)
    try:
        english = TesseractPool(find_tessdata(place, "eng"), "eng", slots)
    except EngineUnavailable:
        english = None
    latin = LatinReader(open_session(files.reader), squeeze=0.8)
    return CpuEngine(
        name=f"cpu/rapidocr-{_version('rapidocr')}+tesseract-{tesserocr.tesseract_version().split()[1]}",
        detector=LineDetector(open_session(files.detector), DetectorSettings(long_side=long_side)),
        judge=TurnJudge(open_session(files.turn)),
        reader=LineReader(hangul, english, latin),
        hangul=hangul,
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
