"""Deadlines: what class they raise a document to, and which of them can be met at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ocr_pipeline.domain.priorities import Priority, class_for, is_sensible

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "asked", "expected"),
    [
        (timedelta(minutes=-5), Priority.BULK, Priority.URGENT),
        (timedelta(minutes=2), Priority.BULK, Priority.URGENT),
        (timedelta(minutes=3), Priority.BULK, Priority.ROUTINE),
        (timedelta(hours=1), Priority.BULK, Priority.ROUTINE),
        (timedelta(hours=2), Priority.BULK, Priority.BULK),
        (timedelta(hours=2), Priority.URGENT, Priority.URGENT),
    ],
)
def test_a_near_deadline_raises_a_class_and_none_lowers_it(
    left: timedelta, asked: Priority, expected: Priority
) -> None:
    assert class_for(NOW + left, NOW, asked) is expected
    assert class_for(None, NOW, asked) is asked


@pytest.mark.parametrize(
    ("deadline", "expected"),
    [
        (NOW, False),
        (NOW + timedelta(seconds=1), True),
        (NOW + timedelta(days=3_649), True),
        (NOW + timedelta(days=3_650), False),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))), False),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), False),
    ],
)
def test_a_deadline_lies_ahead_and_within_ten_years(deadline: datetime, expected: bool) -> None:
    assert is_sensible(deadline, NOW) is expected
