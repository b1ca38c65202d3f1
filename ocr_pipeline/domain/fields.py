"""Fields that matter on medical documents: the forms they are written in, and which of them a text holds.

Codes of diseases (KCD, ICD-10), Korean resident registration numbers, dates, doses. What is odd about a reading of
one is the business of `doubts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date

NUMBER = r"\d+(?:[.,]\d+)?"
"""Pattern of a number."""

UNIT = r"(?:mg|g|kg|mcg|[uμµ]g|ng|mL|ml|ML|dL|L|cc|IU|U|units?|mEq|mmol|정|캡슐|포|병|앰플|T|C|tabs?|caps?)"
"""Pattern of a unit in which medicines are given."""

_EDGES = ".,;:()[]{}<>'\"·~-"
_LONGEST_FIELD = 64
_FIRST_YEAR, _LAST_YEAR = 1900, 2099
_LEAP_YEAR = 2000

# The places behind the dot never hold an I or an O.
_CODE = re.compile(r"[A-Z]\d[0-9AB](?:\.\d[0-9A-HJ-NP-Z]{0,3})?[*†]?")
_CODE_LABEL = re.compile(r"질병|상병|병명|분류(?:기호|번호|코드)|질병코드|KCD|ICD", re.IGNORECASE)

_RESIDENT = re.compile(r"(\d{2})(\d{2})(\d{2})-?([0-9])(\d{6}|[^\d\s]{6})")
_RESIDENT_WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_CENTURIES = {**dict.fromkeys("1256", 1900), **dict.fromkeys("3478", 2000), **dict.fromkeys("90", 1800)}
_NO_CHECK_DIGIT_SINCE = date(2020, 10, 5)

_YEAR_FIRST = re.compile(r"(\d{4})([-./])(\d{1,2})\2(\d{1,2})")
_YEAR_LAST = re.compile(r"(\d{1,2})([-./])(\d{1,2})\2(\d{4})")
_KOREAN_DATE = re.compile(r"(?:(?<!\d)(\d{2,4})\s?년\s?)?(?<!\d)(\d{1,3})\s?월(?:\s?(\d{1,3})\s?일)?")

_DOSE = re.compile(rf"\D*?({NUMBER})(?:{UNIT})(?:/.*)?")
_UNIT_ALONE = re.compile(rf"{UNIT}(?:/.*)?")
_NUMBER_ALONE = re.compile(NUMBER)
_RESULT_UNIT = re.compile(r"[\w^%\u00d7\u03bc\u00b5\u00b3\u2076]+/[A-Za-zμµ]+|%|fL|pg")


def critical_kinds(texts: Sequence[str]) -> tuple[str | None, ...]:
    """Tell for each word of a line whether it is part of a `code`, `resident_number`, `date` or `dose`, else None."""
    kinds: list[str | None] = [None] * len(texts)
    cores = [core(text) for text in texts]
    labelled = speaks_of_codes("".join(texts))
    for at, text in enumerate(cores):
        if is_code(text) and ("." in text or labelled):
            kinds[at] = "code"
        elif is_resident_number(text):
            kinds[at] = "resident_number"
        elif date_in(text) is not None:
            kinds[at] = "date"
        elif dose_number(text) is not None:
            kinds[at] = "dose"
        elif at and is_unit(text) and is_number(cores[at - 1]) and not _is_flag(cores, at):
            kinds[at - 1] = kinds[at] = "dose"
    for at, _ in korean_dates(texts):
        kinds[at] = "date"
    return tuple(kinds)


def core(text: str) -> str:
    """Cut the punctuation around a word; nothing is left of a word too long to be a field."""
    return text.strip(_EDGES) if len(text) <= _LONGEST_FIELD else ""


def is_code(text: str) -> bool:
    """Whether this has the form of a KCD or ICD-10 code: a letter, two digits, and up to four places behind a dot."""
    return _CODE.fullmatch(text) is not None


def speaks_of_codes(text: str) -> bool:
    """Whether a label here, such as `질병분류기호` or `ICD`, announces a disease code."""
    return _CODE_LABEL.search(text) is not None


def is_resident_number(text: str) -> bool:
    """Whether this has the form of a Korean resident registration number, masked or whole, with a possible birthday."""
    match = _RESIDENT.fullmatch(text)
    return match is not None and _birthday(match) is not None


def has_right_check_digit(text: str) -> bool:
    """Whether the last of the 13 digits is the check digit of the others.

    It is (11 - sum of the digits times 2..9,2..5 modulo 11) modulo 10. Numbers given out since 5 October 2020 end in a
    digit without meaning, so a failure is a doubt and no proof; a masked number, or a person born since, passes.
    """
    match = _RESIDENT.fullmatch(text)
    digits = text.replace("-", "")
    if match is None or not digits.isdecimal():
        return True
    born = _birthday(match)
    if born is not None and born >= _NO_CHECK_DIGIT_SINCE:
        return True
    total = sum(weight * int(digit) for weight, digit in zip(_RESIDENT_WEIGHTS, digits, strict=False))
    return (11 - total % 11) % 10 == int(digits[-1])


def date_in(text: str) -> tuple[int, int, int] | None:
    """Year and the other two numbers in the order written, of a word with the form of a date, possible or not."""
    if match := _YEAR_FIRST.fullmatch(text):
        return int(match[1]), int(match[3]), int(match[4])
    if match := _YEAR_LAST.fullmatch(text):
        return int(match[4]), int(match[1]), int(match[3])
    return None


def is_year_first(text: str) -> bool:
    """Whether this has the form of a date that begins with its year."""
    return _YEAR_FIRST.fullmatch(text) is not None


def is_possible_date(year: int, month: int, day: int) -> bool:
    """Whether the calendar has this day, between the years 1900 and 2099."""
    try:
        return _FIRST_YEAR <= date(year, month, day).year <= _LAST_YEAR
    except ValueError:
        return False


def is_number(text: str) -> bool:
    """Whether this is a number, whole or with places behind a point or comma."""
    return _NUMBER_ALONE.fullmatch(text) is not None


def is_unit(text: str) -> bool:
    """Whether this is a unit of a dose standing alone, as in `5 mg` or `200 mg/병`."""
    return _UNIT_ALONE.fullmatch(text) is not None


def is_result_unit(text: str) -> bool:
    """Whether this is a unit of a laboratory result, such as `mg/dL` or `%`."""
    return _RESULT_UNIT.fullmatch(text) is not None


def dose_number(text: str) -> str | None:
    """The number of a dose written in one word, perhaps behind a drug's name: `500` of `500mg/병`."""
    match = _DOSE.fullmatch(text)
    return match[1] if match else None


def korean_dates(texts: Sequence[str]) -> Iterator[tuple[int, bool]]:
    """Places of the words that make up dates such as `2024년 3월 5일`, and whether the date is possible."""
    starts: list[int] = []
    joined = ""
    for text in texts:
        starts.append(len(joined))
        joined += text + " "
    for match in _KOREAN_DATE.finditer(joined):
        year = match[1]
        known_year = int(year) if year and len(year) != len("24") else _LEAP_YEAR
        possible = is_possible_date(known_year, int(match[2]), int(match[3] or 1))
        for at, start in enumerate(starts):
            if start < match.end() and match.start() < start + len(texts[at]):
                yield at, possible


def _birthday(match: re.Match[str]) -> date | None:
    try:
        return date(_CENTURIES[match[4]] + int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None


def _is_flag(texts: Sequence[str], at: int) -> bool:
    """Whether an `L` says that the result before it is low, and not that it is in litres."""
    return texts[at] == "L" and at + 1 < len(texts) and is_result_unit(texts[at + 1])
