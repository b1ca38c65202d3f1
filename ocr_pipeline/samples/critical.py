"""The tokens of a document that must be right: doses and amounts, diagnosis codes, dates, resident numbers."""

from __future__ import annotations

import re
from typing import Final

_AMOUNT: Final = (
    r"\d+(?:[.,]\d+)*(?:/\d+(?:\.\d+)?)?\s?(?:mg|mL|mcg|IU|units|kcal|kg|g|L|T|C|℃|%)"
    r"(?:/(?:\d+(?:\.\d+)?)?(?:mL|dL|L|min|hr))?(?![A-Za-z0-9])"
)
_CODE: Final = r"(?<![A-Za-z0-9])[A-TV-Z]\d{2}(?:\.\d{1,2})?(?![A-Za-z0-9])"
_DATE: Final = r"\d{4}-\d{2}-\d{2}|\d{4}년 \d{2}월 \d{2}일"
_RESIDENT_NUMBER: Final = r"(?<!\d)\d{6}-\d[\d*]{6}"


def critical_tokens(text: str) -> list[str]:
    """Every critical token of `text`, in order, as printed: `500mg`, `0.5 mL`, `1T`, `E11.9`, `2026-03-14`."""
    return re.findall(f"{_RESIDENT_NUMBER}|{_DATE}|{_AMOUNT}|{_CODE}", text)
