"""Settings of bulk runs: a window that makes sense, or none."""

from __future__ import annotations

from datetime import time

import pytest
from pydantic import ValidationError

from ocr_pipeline.domain.window import Window
from ocr_pipeline.settings.feeds import BulkSettings


def test_the_window_is_the_night_unless_said_otherwise() -> None:
    assert BulkSettings().nightly() == Window(time(22), time(6), "Asia/Seoul")
    assert BulkSettings(window_start="20:30", time_zone="UTC").nightly() == Window(time(20, 30), time(6), "UTC")
    assert BulkSettings(window=False).nightly() is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"window_start": "late"},
        {"window_start": "06:00"},
        {"time_zone": "Mars/Olympus"},
        {"lane_target": 0},
        {"currency": "won"},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BulkSettings(**wrong)  # type: ignore[arg-type]
