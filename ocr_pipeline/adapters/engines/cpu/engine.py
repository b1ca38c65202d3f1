"""The default recogniser: PP-OCR finds the lines, Tesseract and PP-OCR read them, on the CPU and without a network."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from ocr_pipeline.adapters.engines.cpu.detection import LineDetector, Quad
from ocr_pipeline.adapters.engines.cpu.geometry import Straightening, skew_of, turn
from ocr_pipeline.adapters.engines.cpu.hangul import TesseractPool
from ocr_pipeline.adapters.engines.cpu.imaging import Grey, decode, ink_share
from ocr_pipeline.adapters.engines.cpu.layout import arrange
from ocr_pipeline.adapters.engines.cpu.line_reader import LineReader
from ocr_pipeline.adapters.engines.cpu.models import NETWORK_ERRORS
from ocr_pipeline.adapters.engines.cpu.orientation import TurnJudge, lies_sideways
from ocr_pipeline.adapters.engines.cpu.page_lines import PageLines
from ocr_pipeline.adapters.engines.cpu.words import with_field_doubts
from ocr_pipeline.adapters.engines.cpu.wrapping import rejoined
from ocr_pipeline.domain.errors import EngineError, EngineTimeout, EngineUnavailable, PipelineError
from ocr_pipeline.domain.text import Block, Box, Line, PageText, Word
from ocr_pipeline.ports.engine import PageImage, RecognitionOptions

_BLANK_INK = 0.0003
_FAILURES: Final[tuple[type[Exception], ...]] = (cv2.error, MemoryError, *NETWORK_ERRORS)
_KNOWN = "CODE4172"
_LONGEST_SIDE = 3600


@dataclass(frozen=True, slots=True)
class Upright:
    """A page the right way up and the lines found on it; `rotation` is the clockwise turn that was made."""

    page: Grey
    quads: list[Quad]
    rotation: int


class CpuEngine:
    """The `Engine` port over PP-OCR and Tesseract. Threads share the networks; each borrows a Tesseract."""

    def __init__(
        self, name: str, detector: LineDetector, judge: TurnJudge, reader: LineReader, hangul: TesseractPool
    ) -> None:
        self._name = name
        self._detector = detector
        self._judge = judge
        self._reader = reader
        self._hangul = hangul

    @property
    def name(self) -> str:
        """Engine and the versions of its parts."""
        return self._name

    def recognise(self, page: PageImage, options: RecognitionOptions) -> PageText:
        """Read one page; see the port for the errors raised."""
        try:
            return self._read(page, options)
        except _FAILURES as error:
            raise EngineError("the page could not be read") from error

    def _read(self, page: PageImage, options: RecognitionOptions) -> PageText:
        pause = _deadline(options.timeout)
        picture = decode(page.data)
        ink = ink_share(picture)
        pause()
        upright = self._upright(_workable(picture), pause)
        scale = max(picture.shape) / max(upright.page.shape)
        height, width = upright.page.shape
        level = Straightening.of(upright.page, skew_of(upright.quads))
        quads = [level.move(quad) for quad in upright.quads]
        found = PageLines.of(level.apply(upright.page), quads)
        pause()
        lines = found.lines(self._reader.read(found.strips, pause))
        blocks = with_field_doubts(rejoined(arrange(lines, width, height, found.ruling.down, found.ruling.across)))
        down, across = picture.shape if upright.rotation in {0, 180} else picture.shape[::-1]
        notes = ("blank",) if not lines and ink < _BLANK_INK else ()
        return PageText(
            blocks=_on_page(blocks, level, upright.page, scale),
            engine=self._name,
            width=across,
            height=down,
            rotation=upright.rotation,
            skew=level.degrees,
            ink=ink,
            notes=notes,
        )

    def check(self) -> None:
        """Read a tiny known picture. Raises EngineUnavailable when the text does not come back."""
        image = np.full((160, 640), 255, np.uint8)
        cv2.putText(image, _KNOWN, (40, 100), cv2.FONT_HERSHEY_SIMPLEX, 2.0, (0,), 4, cv2.LINE_AA)
        done, data = cv2.imencode(".png", image)
        if not done:
            raise EngineUnavailable("the test picture cannot be made")
        height, width = image.shape
        try:
            text = self.recognise(PageImage(data.tobytes(), "image/png", width, height), RecognitionOptions()).text
        except EngineUnavailable:
            raise
        except PipelineError as error:
            raise EngineUnavailable("the test picture could not be read") from error
        if _KNOWN not in text.replace(" ", ""):
            raise EngineUnavailable("the test picture was read wrongly")

    def close(self) -> None:
        """Free the Tesseract instances; the networks go with the object."""
        self._reader.close()

    def _upright(self, picture: Grey, pause: Callable[[], None]) -> Upright:
        quads = self._detector.find(picture)
        pause()
        rotation = 0
        if lies_sideways(quads):
            rotation = 90
            picture = turn(picture, 90)
            quads = self._detector.find(picture)
            pause()

        def legibility(strip: Grey) -> float:
            with self._hangul.borrow(pause) as reader:
                return reader.read(strip).confidence

        if self._judge.upside_down(picture, quads, legibility):
            rotation = (rotation + 180) % 360
            height, width = picture.shape
            picture = turn(picture, 180)
            quads = [np.asarray((width, height) - quad[[2, 3, 0, 1]], np.float32) for quad in quads]
        return Upright(picture, quads, rotation)


def _deadline(seconds: float) -> Callable[[], None]:
    end = time.monotonic() + seconds

    def pause() -> None:
        if time.monotonic() > end:
            raise EngineTimeout("the page was not read before its deadline")

    return pause


def _workable(picture: Grey) -> Grey:
    """The page at no more than 300 dpi of A4: more pixels cost time and memory and read no better."""
    scale = _LONGEST_SIDE / max(picture.shape)
    if scale >= 1:
        return picture
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _on_page(blocks: tuple[Block, ...], level: Straightening, page: Grey, scale: float) -> tuple[Block, ...]:
    """The same blocks with boxes moved from the straightened working page to the upright stored one."""
    height, width = page.shape

    def back(word: Word) -> Word:
        if word.box is None:
            return word
        box = level.box_on_page(word.box, width, height)
        sides = (side * scale for side in (box.left, box.top, box.right, box.bottom))
        return replace(word, box=Box(*sides))

    return tuple(
        Block(tuple(Line(tuple(back(word) for word in line.words)) for line in block.lines), block.kind)
        for block in blocks
    )
