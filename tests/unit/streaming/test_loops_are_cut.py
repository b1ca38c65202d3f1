"""The bar: loops are cut before they have wasted much, honest pages never, though the survey be off by twice."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random

import pytest

from ocr_pipeline.recognition.streaming.expected import ExpectedText
from tests.unit.streaming.loops import KINDS, loops
from tests.unit.streaming.measure import expected, read, waste
from tests.unit.streaming.pages import WrittenPage, legitimate

BAR = 1.3
OFF_BY = (0.5, 1.0, 2.0, None)
SAYING_MUCH = ("word", "phrase", "sentence", "passage", "table again", "numbered sentences", "white space")
# A form may rightly hold 40 rows like these, so 40 must be waited for unless the ink or the look of the page forbid it.
LIKE_FORMS = tuple(kind for kind in KINDS if kind not in (*SAYING_MUCH, "drifting"))
SAMPLES = Path(__file__).parents[3] / "samples"


def kept_whole(page: WrittenPage, seen: float | None) -> bool:
    return read(page.text, expected(page, seen)).cut_after is None


@pytest.mark.parametrize("kind", SAYING_MUCH)
def test_a_loop_that_says_something_wastes_less_than_the_page(kind: str) -> None:
    spent = [waste(loop, expected(loop, 1.0)) for loop in loops(Random(3), (kind,), (500, 3_000))]

    assert max(spent) <= BAR


@pytest.mark.parametrize("kind", LIKE_FORMS)
def test_a_loop_like_a_form_wastes_less_than_a_full_page(kind: str) -> None:
    spent = [waste(loop, expected(loop, 1.0)) for loop in loops(Random(3), (kind,), (3_000,))]

    assert max(spent) <= BAR


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seen", [2.0, None])
def test_no_loop_goes_on_long_whatever_the_survey_says(kind: str, seen: float | None) -> None:
    looped = list(loops(Random(4), (kind,), (60, 1_000), (0.1, 1.0)))

    assert max(waste(loop, expected(loop, seen)) * len(loop.page) for loop in looped) <= 5_500


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"drifting", "growing", "counting off"}))
def test_the_first_round_of_a_loop_is_kept(kind: str) -> None:
    for loop in loops(Random(5), (kind,), (250,), (0.5,)):
        reading = read(loop.text, expected(loop, 1.0))

        assert reading.cut_after is not None
        assert abs(reading.kept - loop.first_round) <= 12 + loop.first_round // 4


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_honest_pages_are_not_cut() -> None:
    rng = Random(2026)
    pages = [(legitimate(rng), OFF_BY[at % len(OFF_BY)]) for at in range(500)]

    assert [page.kind for page, seen in pages if not kept_whole(page, seen)] == []


@pytest.mark.slow
@pytest.mark.parametrize("seen", OFF_BY)
def test_no_honest_page_is_cut_under_any_survey(seen: float | None) -> None:
    rng = Random(100)

    assert [page.kind for page in (legitimate(rng) for _ in range(100)) if not kept_whole(page, seen)] == []


@pytest.mark.parametrize("seen", OFF_BY)
def test_true_texts_of_the_samples_are_not_cut(seen: float | None) -> None:
    files = [json.loads(line)["gt"] for line in (SAMPLES / "manifest.jsonl").read_text("utf-8").splitlines()]
    pages = [WrittenPage(name, text) for name in files for text in (SAMPLES / name).read_text("utf-8").split("\f")]

    assert pages
    assert [page.kind for page in pages if not kept_whole(page, seen)] == []


@pytest.mark.parametrize("seen", OFF_BY)
def test_true_texts_of_the_shared_data_are_not_cut(seen: float | None) -> None:
    root = os.environ.get("OCR_TEST_DATA")
    if not root or not Path(root).is_dir():
        pytest.skip("OCR_TEST_DATA does not name a folder of documents with ground truth")
    pages = [WrittenPage(path.name, path.read_text("utf-8")) for path in Path(root).glob("*/*.gt.txt")]

    assert pages
    assert [page.kind for page in pages if not kept_whole(page, seen)] == []


def test_the_ink_decides_between_a_form_and_a_loop() -> None:
    rows = "MEDICATION RECORD\n" + "0.9% NS 100 mL IV q8h\n" * 30
    with_ink, without = ExpectedText(300, 900), ExpectedText(10, 60)

    assert read(rows, with_ink).cut_after is None
    assert read(rows, without).cut_after is not None
