"""Hangul and whole lines: a pool of Tesseract recognisers, one borrowed by a thread at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from queue import Empty, LifoQueue

import cv2
import numpy as np
import tesserocr

from ocr_pipeline.adapters.engines.cpu.imaging import Grey
from ocr_pipeline.adapters.engines.cpu.readings import Glyph, Reading
from ocr_pipeline.domain.errors import EngineUnavailable

_PAD = 10
_DPI = 300
_PATIENCE = 0.2
_INVERTED_BELOW = "0.4"
_USUAL_PLACES = (
    "/usr/share/tesseract-ocr/5/tessdata",
    "/usr/share/tesseract-ocr/tessdata",
    "/usr/share/tessdata",
    "/usr/local/share/tessdata",
    "/opt/homebrew/share/tessdata",
)


def find_tessdata(given: Path | None, language: str) -> Path:
    """The folder holding `language`.traineddata: the given one, else TESSDATA_PREFIX, else the usual places.

    Raises EngineUnavailable naming the package to install.
    """
    prefix = os.environ.get("TESSDATA_PREFIX")
    candidates = [given] if given is not None else [Path(place) for place in (prefix, *_USUAL_PLACES) if place]
    for folder in candidates:
        for place in (folder, folder / "script", folder / "tessdata"):
            if (place / f"{language}.traineddata").is_file():
                return place
    raise EngineUnavailable(
        f"Tesseract's {language}.traineddata was not found: install the package tesseract-ocr-script-hang "
        "or set the tessdata folder"
    )


class TesseractLine:
    """One Tesseract instance reading strips; for one thread at a time."""

    def __init__(self, tessdata: Path, language: str) -> None:
        try:
            self._api = tesserocr.PyTessBaseAPI(
                path=str(tessdata), lang=language, psm=tesserocr.PSM.SINGLE_LINE, oem=tesserocr.OEM.LSTM_ONLY
            )
        except RuntimeError as error:
            raise EngineUnavailable(f"Tesseract cannot load {language}.traineddata") from error
        self._api.SetVariable("preserve_interword_spaces", "1")
        # Below this confidence a line is read again as white on black, which costs as much as reading it did.
        self._api.SetVariable("invert_threshold", _INVERTED_BELOW)

    def read(self, strip: Grey) -> Reading:
        """The words of one strip with their place along it."""
        paper = int(np.percentile(strip, 90))
        framed = cv2.copyMakeBorder(strip, _PAD, _PAD, _PAD, _PAD, cv2.BORDER_CONSTANT, value=(paper,))
        height, width = framed.shape
        self._api.SetImageBytes(framed.tobytes(), width, height, 1, width)
        self._api.SetSourceResolution(_DPI)
        text = self._api.GetUTF8Text()
        return Reading(tuple(_spaced(text, self._symbols(strip.shape[1]))))

    def close(self) -> None:
        """Free the instance."""
        self._api.End()

    def _symbols(self, width: int) -> Iterator[Glyph]:
        level = tesserocr.RIL.SYMBOL
        iterator = self._api.GetIterator()
        if iterator is None:
            return
        while True:
            if not iterator.Empty(level):
                symbol, box = iterator.GetUTF8Text(level), iterator.BoundingBox(level)
                if symbol and symbol.strip() and box:
                    left, right = (min(max(0.0, side - _PAD), float(width)) for side in (box[0], box[2]))
                    yield Glyph(symbol.strip(), iterator.Confidence(level) / 100, left, max(left, right))
            if not iterator.Next(level):
                return


def _spaced(text: str, symbols: Iterator[Glyph]) -> Iterator[Glyph]:
    """Tesseract parts Korean words at every syllable group it knows; its page text alone keeps the true spaces."""
    place = 0
    for symbol in symbols:
        found = text.find(symbol.text, place)
        between = text[place:found] if found >= 0 else ""
        yield replace(symbol, spaced=place > 0 and any(letter.isspace() for letter in between))
        place = found + len(symbol.text) if found >= 0 else place


class TesseractPool:
    """At most `slots` instances of one language, made when first wanted and kept."""

    def __init__(self, tessdata: Path, language: str, slots: int) -> None:
        self._tessdata = tessdata
        self._language = language
        self._idle: LifoQueue[TesseractLine | None] = LifoQueue()
        for _ in range(slots):
            self._idle.put(None)

    @contextmanager
    def borrow(self, pause: Callable[[], None]) -> Iterator[TesseractLine]:
        """An instance for this thread alone; while all are lent it waits and calls `pause`, which may raise."""
        instance = self._next(pause)
        try:
            instance = instance if instance is not None else TesseractLine(self._tessdata, self._language)
            yield instance
        finally:
            self._idle.put(instance)

    def _next(self, pause: Callable[[], None]) -> TesseractLine | None:
        while True:
            try:
                return self._idle.get(timeout=_PATIENCE)
            except Empty:
                pause()

    def close(self) -> None:
        """Free every idle instance."""
        while not self._idle.empty():
            instance = self._idle.get()
            if instance is not None:
                instance.close()
