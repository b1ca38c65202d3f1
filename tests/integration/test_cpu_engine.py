"""The CPU engine end to end on drawn pages, and its figures on the evaluation pages where those are at hand."""

from __future__ import annotations

import io
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_pipeline.adapters.engines.cpu import CpuEngine, build
from ocr_pipeline.domain.errors import EngineTimeout, EngineUnavailable, PageUnreadable
from ocr_pipeline.domain.measures import character_error_rate, word_recall
from ocr_pipeline.domain.text import PageText
from ocr_pipeline.ports.engine import PageImage, RecognitionOptions

_LINES = (
    "Discharge summary of 12 March 2026",
    "Amoxicillin 500 mg capsule, three times a day",
    "Diagnosis J20.9 acute bronchitis, I10 hypertension",
    "Blood pressure 128/84 mmHg, weight 71.5 kg",
    "Potassium 4.1 mmol/L, creatinine 0.88 mg/dL",
    "Follow up in two weeks at the clinic",
)


@pytest.fixture(scope="module")
def engine() -> Iterator[CpuEngine]:
    try:
        built = build(slots=2)
    except EngineUnavailable as missing:
        pytest.skip(str(missing))
    yield built
    built.close()


def _drawn(lines: tuple[str, ...] = _LINES, turn: int = 0, skew: float = 0.0) -> PageImage:
    image = Image.new("L", (1240, 900), 250)
    pen = ImageDraw.Draw(image)
    for at, line in enumerate(lines):
        pen.text((110, 100 + 90 * at), line, fill=15, font=ImageFont.load_default(36))
    image = image.rotate(skew, fillcolor=250, resample=Image.Resampling.BICUBIC).rotate(-turn, expand=True)
    return _page(image)


def _page(image: Image.Image) -> PageImage:
    out = io.BytesIO()
    image.save(out, "PNG")
    return PageImage(out.getvalue(), "image/png", image.width, image.height, 200)


def _assert_reads_well(page: PageText) -> None:
    assert character_error_rate(" ".join(_LINES), page.text) < 0.01
    assert page.engine.startswith("cpu/")


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_page_is_read_whichever_way_it_lies(engine: CpuEngine, turn: int) -> None:
    read = engine.recognise(_drawn(turn=turn), RecognitionOptions(timeout=120))
    _assert_reads_well(read)
    assert (read.rotation + turn) % 360 == 0
    assert (read.width, read.height) == (1240, 900)


def test_a_skewed_page_is_read_and_its_boxes_lie_on_the_upright_page(engine: CpuEngine) -> None:
    read = engine.recognise(_drawn(skew=-2.0), RecognitionOptions(timeout=120))
    _assert_reads_well(read)
    assert read.skew == pytest.approx(2.0, abs=0.3)
    for word in read.words:
        assert word.box is not None
        assert 0 <= word.box.left < word.box.right <= read.width
        assert 0 <= word.box.top < word.box.bottom <= read.height


def test_words_lie_where_they_are_printed(engine: CpuEngine) -> None:
    read = engine.recognise(_drawn(), RecognitionOptions(timeout=120))
    for at, line in enumerate(read.lines):
        box = line.box
        assert box is not None
        assert box.left == pytest.approx(110, abs=12)
        assert box.top < 100 + 90 * at + 20 < box.bottom


def test_a_blank_page_is_said_to_be_blank(engine: CpuEngine) -> None:
    read = engine.recognise(_page(Image.new("L", (1240, 1754), 244)), RecognitionOptions(timeout=60))
    assert read.is_empty
    assert read.notes == ("blank",)
    assert read.ink is not None
    assert read.ink < 0.0003


def test_a_dark_page_without_text_is_not_called_blank(engine: CpuEngine) -> None:
    image = Image.new("L", (1240, 1754), 244)
    for at in range(0, 1240, 60):
        ImageDraw.Draw(image).line((at, 0, 1240 - at, 1753), fill=60, width=9)
    read = engine.recognise(_page(image), RecognitionOptions(timeout=120))
    assert "blank" not in read.notes


def test_the_deadline_is_kept(engine: CpuEngine) -> None:
    with pytest.raises(EngineTimeout):
        engine.recognise(_drawn(), RecognitionOptions(timeout=0.01))
    _assert_reads_well(engine.recognise(_drawn(), RecognitionOptions(timeout=120)))


def test_a_broken_picture_is_unreadable(engine: CpuEngine) -> None:
    with pytest.raises(PageUnreadable):
        engine.recognise(PageImage(b"\x89PNG\r\n", "image/png", 10, 10), RecognitionOptions())


def test_many_threads_share_one_engine(engine: CpuEngine) -> None:
    pages = [_drawn(turn=turn) for turn in (0, 180, 0, 90)]
    start = threading.Barrier(len(pages))

    def read(page: PageImage) -> PageText:
        start.wait(timeout=30)
        return engine.recognise(page, RecognitionOptions(timeout=300))

    with ThreadPoolExecutor(len(pages)) as pool:
        for result in pool.map(read, pages):
            _assert_reads_well(result)


def test_check_needs_no_network(engine: CpuEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the engine reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    engine.check()


def test_without_korean_data_the_engine_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="tesseract-ocr-script-hang"):
        build(tessdata=tmp_path)


def _evaluation(name: str) -> Path:
    folder = os.environ.get("OCR_TEST_DATA")
    if not folder or not (Path(folder) / name).is_file():
        pytest.skip("OCR_TEST_DATA does not lead to the evaluation pages")
    return Path(folder) / name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "worst"),
    [
        ("korean/synth_rx3_photo.jpg", 0.04),
        ("korean/synth_lab2_photo.jpg", 0.04),
        ("english_scans/oldbook_a022.png", 0.015),
        ("english_scans/ocrmypdf_linn.png", 0.03),
    ],
)
def test_evaluation_pages_are_read_within_their_limits(engine: CpuEngine, name: str, worst: float) -> None:
    path = _evaluation(name)
    stem = path.name.removesuffix(path.suffix).removesuffix("_photo")
    truth = (path.parent / f"{stem}.gt.txt").read_text("utf-8")
    media = "image/png" if path.suffix == ".png" else "image/jpeg"
    with Image.open(path) as image:
        page = PageImage(path.read_bytes(), media, image.width, image.height)
    read = engine.recognise(page, RecognitionOptions(timeout=300))
    assert character_error_rate(truth, read.text) <= worst
    assert word_recall(truth, read.text) >= 0.9


def test_a_page_of_high_resolution_keeps_its_own_coordinates(engine: CpuEngine) -> None:
    small = _drawn()
    with Image.open(io.BytesIO(small.data)) as image:
        large = _page(image.resize((image.width * 4, image.height * 4)))
    read = engine.recognise(large, RecognitionOptions(timeout=120))
    _assert_reads_well(read)
    assert (read.width, read.height) == (4960, 3600)
    first = next(read.lines).box
    assert first is not None
    assert first.left == pytest.approx(440, abs=48)
