from __future__ import annotations

import pytest

from ocr_pipeline.cli.progress import NowAndThen, describe, seconds_left
from ocr_pipeline.operations.run import Progress


@pytest.mark.parametrize(
    ("settled", "turned_away", "left"),
    [(0, 0, None), (0, 3, None), (1, 0, 90.0), (1, 3, 60.0), (5, 0, 10.0), (10, 0, None), (7, 3, None)],
)
def test_time_left_goes_by_what_was_settled(settled: int, turned_away: int, left: float | None) -> None:
    progress = Progress(10, 10 - turned_away, turned_away, settled, 20, 8, 2, 10.0)
    assert seconds_left(progress) == left


def test_a_line_tells_pages_speed_confidence_reviews_and_time() -> None:
    line = describe(Progress(10, 10, 0, 5, 20, 8, 2, 100.0), 0.934)
    assert line == "5/10 files, 8/20 pages, 0.08 pages/s, confidence 0.93, 2 in review, 1:40 left"


@pytest.mark.parametrize(("at_once", "said"), [(False, [5, 11, 17]), (True, [0, 5, 11, 17])])
def test_a_line_is_said_now_and_then(at_once: bool, said: list[int]) -> None:
    lines: list[str] = []
    now = 0.0
    tell = NowAndThen(lines.append, seconds=5, at_once=at_once, clock=lambda: now)
    for now in (0, 4.9, 5, 9.9, 11, 12, 15.9, 17):
        tell(str(int(now)))
    assert lines == [str(moment) for moment in said]
