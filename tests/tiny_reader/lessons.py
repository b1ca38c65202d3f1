"""What the tiny reader is taught, easy things first."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tests.tiny_reader.pages import CODE_LETTERS, COLUMNS, DIGITS, HANGUL, CodePage, draw

LONGEST = COLUMNS - 2
_WORDS = (
    *("DOSE", "CODE", "DAILY", "TABLET", "MG", "ORAL", "WARD", "ROOM", "DATE", "NAME", "UNIT", "CARE", "TEST", "LAB"),
    *("PAGE", "HEART", "LUNG", "BLOOD", "X", "RAY"),
)
_LABELS = ("환자", "성명", "처방", "진단", "용량", "번호", "일회", "정")


@dataclass(frozen=True, slots=True)
class Lesson:
    """Lines of at most `longest` characters, at most `lines` of them, with or without Hangul, or numbers alone."""

    longest: int
    lines: int = 1
    hangul: bool = False
    numbers: bool = False


LESSONS = (
    Lesson(longest=8),
    Lesson(longest=LONGEST),
    Lesson(longest=LONGEST, hangul=True),
    Lesson(longest=LONGEST, lines=2, hangul=True),
)
"""In order; how far the kept model came stands in its card."""

REHEARSED = (Lesson(longest=8), Lesson(longest=6, numbers=True))
"""What a model that was stopped early is polished on: numbers, which it can learn to read without a fault."""


def pages(lesson: Lesson, count: int, random: Random) -> list[CodePage]:
    """So many pages of this lesson, all with the same number of lines."""
    lines = lesson.lines if random.random() < 0.6 else random.randint(1, lesson.lines)
    return [draw([line(lesson, random) for _ in range(lines)], random) for _ in range(count)]


def line(lesson: Lesson, random: Random) -> str:
    """Codes, numbers, words and labels; the longest lines are the hardest and come more often."""
    if lesson.numbers:
        return number(random, lesson.longest)
    longest = lesson.longest if random.random() < 0.15 else random.randint(1, lesson.longest)
    text = _piece(lesson, random)
    while len(text) < longest:
        text += " " + _piece(lesson, random)
    return text[:longest].strip()


def number(random: Random, longest: int = 6) -> str:
    """A number of four digits or more."""
    return "".join(random.choice(DIGITS) for _ in range(random.randint(4, longest)))


def code(random: Random, length: int = 8) -> str:
    """A code of digits and capitals."""
    return "".join(random.choice(CODE_LETTERS + DIGITS) for _ in range(length))


def _piece(lesson: Lesson, random: Random) -> str:
    kind = random.random()
    if kind < 0.45:
        return code(random, random.randint(2, 7))
    if kind < 0.65:
        return "".join(random.choice(DIGITS) for _ in range(random.randint(1, 6)))
    if lesson.hangul and kind < 0.8:
        if random.random() < 0.5:
            return random.choice(_LABELS)
        return "".join(random.choice(HANGUL) for _ in range(random.randint(1, 4)))
    return random.choice(_WORDS)
