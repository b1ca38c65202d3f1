"""Each guard speaks when it should and keeps quiet over honest pages."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ocr_pipeline.domain.text import Block, Box, Line, PageText, Word
from ocr_pipeline.recognition.guards import GuardRules, examine, is_blank

RULES = GuardRules()
INKED = 0.05


def page(text: str, *, ink: float | None = INKED, box: Box | None = None) -> PageText:
    lines = tuple(
        Line(tuple(Word(part, 0.9, box) for part in line.split())) for line in text.splitlines() if line.strip()
    )
    return PageText((Block(lines),) if lines else (), "test", 1000, 1400, ink=ink)


@pytest.mark.parametrize(
    ("what", "reasons"),
    [
        (page("", ink=0.0), ()),
        (page("", ink=INKED), ("empty_on_inked",)),
        (page("", ink=None), ("empty_on_inked",)),
        (page("hello", ink=0.0), ("text_on_blank",)),
        (page("hello there " * 1000, ink=0.02), ("text_on_blank", "repetition_loop")),
        (page("hello", ink=None), ()),
        (page("first line of text\n" + "the same line\n" * 5), ("repetition_loop",)),
        (page("some text and then " + "round and round " * 12), ("repetition_loop",)),
        (page("Здравствуйте доктор"), ("script_mismatch",)),
        (page("진단서 患者氏名住所電話 성명"), ("script_mismatch",)),
        (page(" ".join(f"word{at}" for at in range(4000)), ink=0.5), ("impossible_length",)),
        (page("impossiblylongword", box=Box(0, 0, 20, 20)), ("impossible_length",)),
    ],
)
def test_guards_speak(what: PageText, reasons: tuple[str, ...]) -> None:
    assert examine(what, RULES) == reasons


@pytest.mark.parametrize(
    "text",
    [
        "진단서 성명 이다라 金 10 μg β-blocker",
        "WBC 7.0 mg/dL\nRBC 4.3 mg/dL\nHb 12.9 mg/dL\n" * 4,
        "Contents " + "." * 200,
        "0 0 0 0 0 0 0 0\n" * 30,
        "______ ______ ______\n" * 12,
        "900101-1****** " + "*" * 160,
    ],
)
def test_guards_keep_quiet(text: str) -> None:
    assert examine(page(text), RULES) == ()


def test_text_that_runs_down_the_page_is_not_squeezed() -> None:
    assert examine(page("downwards", box=Box(0, 0, 20, 160)), RULES) == ()


def test_only_measured_emptiness_is_blank() -> None:
    assert is_blank(page("", ink=0.0001), RULES)
    assert not is_blank(page("", ink=INKED), RULES)
    assert not is_blank(page("", ink=None), RULES)
    assert not is_blank(page("x", ink=0.0), RULES)


def test_guards_keep_quiet_over_true_texts() -> None:
    root = os.environ.get("OCR_TEST_DATA")
    if not root or not Path(root).is_dir():
        pytest.skip("OCR_TEST_DATA does not name a folder of documents with ground truth")
    texts = [path.read_text("utf-8") for path in Path(root).glob("*/*.gt.txt")]

    assert texts
    assert [text for text in texts if examine(page(text), RULES)] == []
