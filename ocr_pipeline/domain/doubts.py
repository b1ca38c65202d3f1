"""Doubts that a reading of a field raises.

A doubt names a word that a recogniser may be sure of and that still cannot or need not be right: `110` where a
disease code stands, `5OOmg`, the 32nd of a month. Doubts speak about form alone; they never correct the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import StrEnum

from ocr_pipeline.domain.fields import (
    NUMBER,
    UNIT,
    core,
    date_in,
    dose_number,
    has_right_check_digit,
    is_code,
    is_number,
    is_possible_date,
    is_resident_number,
    is_result_unit,
    is_unit,
    is_year_first,
    korean_dates,
    speaks_of_codes,
)
from ocr_pipeline.domain.text import Word

_LOOKS_LIKE_CODE = re.compile(r"[A-Z0-8|l!][0-9OolI|SB]{2}(?:[.,][0-9OolI|SB]{1,3})?")
_CODE_MISREAD_ANYWHERE = re.compile(
    r"[|l!]\d{2}(?:\.\d{1,3})?|[A-Z][\[\]()|!]\d{2}(?:\.\d{1,3})?|[A-Z|l!](?=.*\d)[0-9OolI|SB]{2}\.[0-9OolI|SB]{1,3}"
)

_BRACKET_FOR_LETTER = re.compile(r"(?:^|\()(?:[\]|!]|\[(?!\d+\]))\d{2}(?!\d)")

_LOCAL_NUMBER = re.compile(r"\d{3,4}-\d{4}")

_RESIDENT_LABEL = re.compile(r"주민(?:등록)?번호")
_RESIDENT_ATTEMPT = re.compile(r"[\dOoIl]{4,}.*")
_RESIDENT_SHAPE = re.compile(r"[\dOoIlSB]{6}-[\dOoIlSB][\dOoIlSB*xX•●]{6}")
_TIME = re.compile(r"(\d{2}):(\d{2})(?::(\d{2}))?")

_MISREAD_UNIT = r"(?:rng|nng|rnq|mq|m9|mgg|ing|nig|tng|rag|meg|mcq|rncg|uq|rnL|rnl|niL|mI|m1|m\|)"
_DOSE_MISREAD = re.compile(rf"(?:.*\D)?{NUMBER}{_MISREAD_UNIT}(?:/.*)?")
_UNIT_ALONE_MISREAD = re.compile(rf"{_MISREAD_UNIT}(?:/.*)?")
_ONE_TABLET_MISREAD = re.compile(r"[Il|][TC]")
_PLAIN_DOSE = re.compile(rf"(?:.*[가-힣)])?{NUMBER}{UNIT}(?:/.*)?")
_LETTER_IN_DOSE = re.compile(rf"(?:.*[가-힣)])?(?=[^가-힣]*\d)[\dOoIlSB|.,]*[OoIlSB|][\dOoIlSB|.,]*{UNIT}(?:/.*)?")
_LETTER_IN_NUMBER = re.compile(r"(?=.*\d)[\d.,]*[OoIlSBZ|][\dOoIlSBZ|.,]*")
_LEADING_ZERO = re.compile(r"0\d+(?:\.\d+)?")
_PACK_WITHOUT_UNIT = re.compile(r"(?:.*\D)?\d{2,}(?:\.\d+)?/(?:PTP|병|포|앰플|바이알|관|튜브)", re.IGNORECASE)
_FORM_AND_NUMBER = re.compile(r".*(?:정|캡슐|시럽|연고|크림)\d[\d.]*[05]0?9")
_MG_AS_NINE = re.compile(r"\d[\d.]*[05]0?9")
_BEFORE_YEAR = re.compile(r"in|since|of|by|until|from|after|before", re.IGNORECASE)
_DRUG_FORM = re.compile(r".*(?:정|캡슐|시럽|연고|크림)")
_FREQUENCY = re.compile(r"once|twice|daily|[bt]\.?i\.?d|q\.?[di]\.?d?|q\d+h|po|prn|every", re.IGNORECASE)

_MIX_PART = re.compile(r"[\dOoIl|SBZ.]+")
_MIX = re.compile(r"\d[Oo]|[OoIl|]\d\d|[OoIl|]\d?\.\d|\d[Il|SBZ]\d|\d\d[I|]$")
_MIX_DATE = re.compile(r"(?=.*[OoIl|SBZ])(?=(?:\D*\d){4})[\dOoIl|SBZ]{1,4}([-./])[\dOoIl|SBZ]{1,2}\1[\dOoIl|SBZ]{1,4}")
_COUNTER = re.compile(r"(?:년|월|일|시|분|세|회|원|%)$")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+")
_DOT_GROUPED = re.compile(r"\d{1,3}(?:\.\d{3})+")
_BROKEN_GROUP = re.compile(r"\d{1,3}(?:,\d{3})*,(?:\d{1,2}|\d{4,})")

_PHONE_LABEL = re.compile(r"전화|연락처|휴대|팩스|phone|tel\b|fax|mobile|pager", re.IGNORECASE)
_PHONE_ATTEMPT = re.compile(r"\+?\d[\d-]*-\d[\d-]*")
_PHONE = re.compile(r"(?:\+82-?)?0?\d{1,2}-\d{3,4}-\d{4}|1\d{3}-\d{4}|(?:\+?1-)?(?:\d{3}-)?\d{3}-\d{4}")
_PRESSURE = re.compile(r"(\d{2,3})/(\d{2,3})")
_PRESSURE_LABEL = re.compile(r"BP|혈압|pressure", re.IGNORECASE)
_SYSTOLIC, _DIASTOLIC = (50, 280), (20, 180)
_VITALS: tuple[tuple[re.Pattern[str], tuple[tuple[float, float], ...]], ...] = (
    (re.compile(r"HR|pulse|맥박(?:수)?", re.IGNORECASE), ((20, 260),)),
    (re.compile(r"RR|호흡(?:수)?", re.IGNORECASE), ((4, 80),)),
    (re.compile(r"SpO2|산소포화도", re.IGNORECASE), ((40, 100),)),
    (re.compile(r"BT|Temp(?:erature)?|체온", re.IGNORECASE), ((28, 44), (82, 112))),
)
_RESULT = re.compile(r"(?:≤|≥|<|>)?(\d+(?:\.\d+)?)")
_FLAG = re.compile(r"[HL]|High|Low", re.IGNORECASE)
_RANGE = re.compile(r"\(?(\d+(?:\.\d+)?) ?[~-] ?(\d+(?:\.\d+)?)\)?$")
_RANGE_WORDS, _RANGE_CHARACTERS = 3, 40
_FAR_OUTSIDE = 3.0
_BROKEN_DATE = re.compile(
    r"\W{0,2}/(?:19|20)\d{2}|\d{1,2}[-./]\d{1,2}[-./]{2,}\d{2,4}|\d{1,4}[-./]{2,}\d{1,2}[-./]\d{1,4}"
)
_LOST_POWER = re.compile(r"[x\u00d7]?10(?:[3-9]|1[0-2])/?[u\u00b5\u03bc]?[Ll]|[x\u00d7]10/?[u\u00b5\u03bc]?[Ll]")


class Doubt(StrEnum):
    """Stable names of the checks; they are kept beside the words they lowered."""

    KCD_CODE = "kcd_code"
    RESIDENT_NUMBER = "resident_number"
    DATE = "date"
    TIME = "time"
    DOSE_UNIT = "dose_unit"
    DIGIT_LETTER_MIX = "digit_letter_mix"
    DIGIT_GROUPING = "digit_grouping"
    PHONE_NUMBER = "phone_number"
    VITAL_SIGN = "vital_sign"
    LAB_RESULT = "lab_result"
    RESULT_UNIT = "result_unit"


Check = Callable[["_Line", int], bool]


def doubts(words: Sequence[Word], above: Sequence[Word] = ()) -> tuple[tuple[str, ...], ...]:
    """Name, for each word of a line, the checks it fails, in a fixed order.

    `above` are words higher on the page: one that names a column (by its box) lends its meaning to what stands below.
    """
    line = _Line(words, above)
    return tuple(tuple(name.value for name, check in _CHECKS if check(line, at)) for at in range(len(words)))


class _Line:
    """The words of one line, their bare texts, and what surrounds them."""

    def __init__(self, words: Sequence[Word], above: Sequence[Word]) -> None:
        self.words = words
        self.texts = [core(word.text) for word in words]
        self.joined = "".join(word.text for word in words)
        self.speaks_of_codes = speaks_of_codes(self.joined) or any(is_code(text) and "." in text for text in self.texts)
        self.has_grouped_numbers = any(_GROUPED.fullmatch(text) for text in self.texts)
        self.impossible_korean_dates = {at for at, ok in korean_dates([word.text for word in words]) if not ok}
        span = _RANGE.search(" ".join(word.text for word in words[-_RANGE_WORDS:])[-_RANGE_CHARACTERS:])
        self.range_at_end = (float(span[1]), float(span[2])) if span else None
        self._code_columns = [word.box for word in above if word.box is not None and speaks_of_codes(word.text)]

    def before(self, at: int) -> str:
        return self.texts[at - 1] if at else ""

    def after(self, at: int) -> str:
        return self.texts[at + 1] if at + 1 < len(self.texts) else ""

    def is_under_code_label(self, at: int) -> bool:
        box = self.words[at].box
        return box is not None and any(
            head.bottom <= box.bottom and head.left < box.right and box.left < head.right for head in self._code_columns
        )


def _kcd_code(line: _Line, at: int) -> bool:
    text = line.texts[at]
    if is_code(text):
        return False
    if _CODE_MISREAD_ANYWHERE.fullmatch(text) or _BRACKET_FOR_LETTER.search(line.words[at].text):
        return True
    telephone = _LOCAL_NUMBER.fullmatch(line.after(at)) is not None
    expected = not is_unit(line.after(at)) and not telephone and (line.speaks_of_codes or line.is_under_code_label(at))
    return expected and _LOOKS_LIKE_CODE.fullmatch(text) is not None and any(sign.isdigit() for sign in text)


def _resident_number(line: _Line, at: int) -> bool:
    text = line.texts[at]
    if is_resident_number(text):
        return not has_right_check_digit(text)
    labelled = _RESIDENT_LABEL.search("".join(line.texts[max(0, at - 2) : at])) is not None
    return _RESIDENT_SHAPE.fullmatch(text) is not None or (labelled and _RESIDENT_ATTEMPT.fullmatch(text) is not None)


def _date(line: _Line, at: int) -> bool:
    if at in line.impossible_korean_dates or _BROKEN_DATE.fullmatch(line.words[at].text):
        return True
    found = date_in(line.texts[at])
    if found is None:
        return False
    year, one, two = found
    year_first = is_year_first(line.texts[at])
    return not (is_possible_date(year, one, two) or (not year_first and is_possible_date(year, two, one)))


def _time(line: _Line, at: int) -> bool:
    match = _TIME.fullmatch(line.texts[at])
    return match is not None and any(
        int(part or 0) > most for part, most in zip(match.groups(), (24, 59, 59), strict=True)
    )


def _dose_unit(line: _Line, at: int) -> bool:
    text, before, after = line.texts[at], line.before(at), line.after(at)
    if _UNIT_ALONE_MISREAD.fullmatch(text):
        return is_number(before)
    if _ONE_TABLET_MISREAD.fullmatch(text):
        return _PLAIN_DOSE.fullmatch(before) is not None
    if _PLAIN_DOSE.fullmatch(text) is None:
        if any(form.fullmatch(text) for form in (_DOSE_MISREAD, _LETTER_IN_DOSE, _PACK_WITHOUT_UNIT)):
            return True
        if is_unit(after) and _LETTER_IN_NUMBER.fullmatch(text):
            return True
    dose = dose_number(text)
    if _LEADING_ZERO.fullmatch(dose or text) and (dose or is_unit(after)):
        return True
    return _reads_mg_as_nine(text, before, after)


def _reads_mg_as_nine(text: str, before: str, after: str) -> bool:
    """`500mg` read as `5009`: a drug's name before the number, or how often to take it behind, and no unit."""
    if is_unit(after) or _BEFORE_YEAR.fullmatch(before):
        return False
    if _FORM_AND_NUMBER.fullmatch(text):
        return True
    in_place_of_dose = _DRUG_FORM.fullmatch(before) or _FREQUENCY.fullmatch(after)
    return in_place_of_dose is not None and _MG_AS_NINE.fullmatch(text) is not None


def _digit_letter_mix(line: _Line, at: int) -> bool:
    text = _COUNTER.sub("", line.texts[at])
    parts = re.split(r"[-/:~,]", text)
    return _MIX_DATE.fullmatch(text) is not None or any(
        _MIX_PART.fullmatch(part) and _MIX.search(part) and not is_code(part) for part in parts
    )


def _digit_grouping(line: _Line, at: int) -> bool:
    text = line.texts[at]
    if _DOT_GROUPED.fullmatch(text):
        return line.has_grouped_numbers or line.after(at) == "원" or text.endswith(".000")
    return line.has_grouped_numbers and _BROKEN_GROUP.fullmatch(text) is not None


def _phone_number(line: _Line, at: int) -> bool:
    text = line.texts[at]
    labelled = any(_PHONE_LABEL.search(label) for label in line.texts[max(0, at - 2) : at])
    return labelled and _PHONE_ATTEMPT.fullmatch(text) is not None and _PHONE.fullmatch(text) is None


def _vital_sign(line: _Line, at: int) -> bool:
    text = line.texts[at]
    if match := _PRESSURE.fullmatch(text):
        labels = line.texts[max(0, at - 2) : at]
        named = any(_PRESSURE_LABEL.fullmatch(label) for label in labels) or line.after(at).lower() == "mmhg"
        upper, lower = int(match[1]), int(match[2])
        return named and not (_within(upper, _SYSTOLIC) and _within(lower, _DIASTOLIC) and lower < upper)
    number = re.fullmatch(r"(\d{1,4}(?:\.\d)?)(?:%|℃|°C|°F|bpm)?", text)
    for label, spans in _VITALS:
        if number and label.fullmatch(line.before(at)):
            return not any(_within(float(number[1]), span) for span in spans)
    return False


def _lab_result(line: _Line, at: int) -> bool:
    """A result before its unit that contradicts its flag, or lies far outside its range without one.

    Reads lines like `혈색소 18.8 H g/dL 13 ~ 17` and `WBC 7.0 10^3/uL 4 - 10`; a lost decimal point shows here.
    """
    result, span = _RESULT.fullmatch(line.texts[at]), line.range_at_end
    after = line.texts[at + 1 : at + 3]
    flag = next((text[0].upper() for text in after[:1] if _FLAG.fullmatch(text)), "")
    unit = after[1:] if flag else after[:1]
    if result is None or span is None or not any(is_result_unit(text) for text in unit):
        return False
    value, (low, high) = float(result[1]), span
    if flag:
        return value <= high if flag == "H" else value >= low
    return value > high * _FAR_OUTSIDE or value < low / _FAR_OUTSIDE


def _within(value: float, span: tuple[float, float]) -> bool:
    return span[0] <= value <= span[1]


def _result_unit(line: _Line, at: int) -> bool:
    """A power of ten whose exponent came down: `103/uL` for `10³/uL`."""
    return _LOST_POWER.fullmatch(line.texts[at]) is not None


_CHECKS: tuple[tuple[Doubt, Check], ...] = (
    (Doubt.KCD_CODE, _kcd_code),
    (Doubt.RESIDENT_NUMBER, _resident_number),
    (Doubt.DATE, _date),
    (Doubt.TIME, _time),
    (Doubt.DOSE_UNIT, _dose_unit),
    (Doubt.DIGIT_LETTER_MIX, _digit_letter_mix),
    (Doubt.DIGIT_GROUPING, _digit_grouping),
    (Doubt.PHONE_NUMBER, _phone_number),
    (Doubt.VITAL_SIGN, _vital_sign),
    (Doubt.LAB_RESULT, _lab_result),
    (Doubt.RESULT_UNIT, _result_unit),
)
