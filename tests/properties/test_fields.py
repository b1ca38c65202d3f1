"""Field checks take any words, and leave what is right alone."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.domain.doubts import Doubt, doubts
from ocr_pipeline.domain.fields import has_right_check_digit, is_resident_number
from ocr_pipeline.domain.text import Word

pieces = st.text(alphabet="0123456789OIlSB|.,-/:mgrqTL%가년월일정()*~²１", min_size=1, max_size=12)
lines = st.lists(pieces.map(lambda text: Word(text, 0.9)), max_size=8)
days = st.dates(date(1900, 1, 1), date(2099, 12, 31))


@given(lines, lines)
def test_every_word_gets_known_doubts_each_once(words: list[Word], above: list[Word]) -> None:
    found = doubts(words, above)

    assert len(found) == len(words)
    for names in found:
        assert set(names) <= set(Doubt)
        assert len(set(names)) == len(names)


@given(days, st.sampled_from(["%Y-%m-%d", "%Y.%m.%d", "%m/%d/%Y", "%d/%m/%Y", "%Y년 %m월 %d일", "%Y년%m월%d일"]))
def test_a_day_of_the_calendar_is_never_doubted(day: date, form: str) -> None:
    words = [Word(part, 0.9) for part in day.strftime(form).split()]

    assert not any(doubts(words))


@given(st.dates(date(1900, 1, 1), date(2020, 10, 4)), st.integers(0, 99999))
def test_exactly_one_of_ten_check_digits_is_right(born: date, serial: int) -> None:
    century = "1" if born.year < 2000 else "3"
    numbers = [f"{born:%y%m%d}-{century}{serial:05d}{last}" for last in range(10)]

    assert all(map(is_resident_number, numbers))
    assert sum(map(has_right_check_digit, numbers)) == 1


@given(st.from_regex(r"[A-Z][0-9]{2}(\.[0-9]{1,2})?", fullmatch=True))
def test_a_code_beside_its_label_is_never_doubted(code: str) -> None:
    assert not any(doubts([Word("분류기호", 0.9), Word(code, 0.9)]))
