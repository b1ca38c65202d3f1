"""Texts of models that went round in circles, made from seeds after what was seen of many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random

from tests.unit.streaming.pages import glyphs, ink, prose, results, tagged, twins

LENGTHS = (60, 120, 250, 500, 1_000, 1_800, 3_000)
SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class LoopedText:
    """What a model wrote of `page`, the page's true text: after `first_round` characters it only repeats itself."""

    kind: str
    page: str
    text: str
    first_round: int

    @property
    def glyphs(self) -> int:
        return glyphs(self.page)

    @property
    def ink(self) -> float:
        return ink(self.page)

    @property
    def twins(self) -> int:
        return twins(self.page)


def loops(
    rng: Random,
    kinds: Iterable[str] | None = None,
    lengths: Iterable[int] = LENGTHS,
    shares: Iterable[float] = SHARES,
) -> Iterator[LoopedText]:
    """One loop of each kind for each length of page and each share of it that was read before."""
    for kind in KINDS if kinds is None else kinds:
        for length in lengths:
            for share in shares:
                yield looped(rng, kind, length, share)


def looped(rng: Random, kind: str, length: int, share: float) -> LoopedText:
    """A page of this length, read up to this share of it, and then a loop of this kind."""
    korean = rng.random() < 0.5
    page = _page(rng, kind, length, korean=korean)
    read = page[: max(1, round(share * length))]
    if not read.endswith("\n") and kind not in _WITHIN_LINE:
        read += "\n"
    rounds = KINDS[kind](rng, korean)
    text = read
    first_round = 0
    while len(text) < len(read) + 12 * length + 12_000:
        text += next(rounds)
        first_round = first_round or len(text)
    return LoopedText(kind, page, text, first_round)


def _page(rng: Random, kind: str, length: int, *, korean: bool) -> str:
    if kind.endswith("in tags"):
        return tagged(results(rng, length, korean=korean))[:length]
    return rng.choice((prose, results))(rng, length, korean=korean)


def _again(piece: str) -> Iterator[str]:
    while True:
        yield piece


def _word(rng: Random, korean: bool) -> Iterator[str]:
    return _again(rng.choice((" 정상", " 의", " 환자") if korean else (" the", " normal", " 0", " of")))


def _dots(rng: Random, _korean: bool) -> Iterator[str]:
    return _again(rng.choice((".", "-", "_", "…", "!", "*", ". ", " .", "=")))


def _white_space(rng: Random, _korean: bool) -> Iterator[str]:
    return _again(rng.choice(("\n", " ", "\n\n", "\t", "&nbsp;")))


def _cells(rng: Random, _korean: bool) -> Iterator[str]:
    return _again(rng.choice(("| ", " |", "|", "      |                 |\n")))


def _empty_rows(rng: Random, _korean: bool) -> Iterator[str]:
    return _again(f"|{rng.choice((' ', '  ')).join('|' * rng.randint(2, 10))}\n")


def _empty_rows_in_tags(rng: Random, _korean: bool) -> Iterator[str]:
    cells = "<td></td>" * rng.randint(2, 10)
    return _again(rng.choice((f"<tr>{cells}</tr>", cells)))


def _row(rng: Random, korean: bool) -> Iterator[str]:
    return _again(rng.choice(_ROWS_KO if korean else _ROWS_EN))


def _tagged_row(rng: Random, korean: bool) -> Iterator[str]:
    words = (_ROWS_KO if korean else _ROWS_EN)[0].split()
    return _again(f"<tr>{''.join(f'<td>{word}</td>' for word in words[: rng.randint(2, 4)])}</tr>\n")


def _sentence(rng: Random, korean: bool) -> Iterator[str]:
    return _again(prose(rng, rng.randint(15, 100), korean=korean).replace("\n", " ") + "\n")


def _phrase(rng: Random, korean: bool) -> Iterator[str]:
    return _again(prose(rng, rng.randint(6, 80), korean=korean).replace("\n", " ") + ", ")


def _passage(rng: Random, korean: bool) -> Iterator[str]:
    return _again(prose(rng, rng.randint(100, 300), korean=korean) + "\n")


def _results_again(rng: Random, korean: bool) -> Iterator[str]:
    return _again(results(rng, rng.randint(60, 300), korean=korean) + "\n")


def _column(rng: Random, korean: bool) -> Iterator[str]:
    letters = "가나다라마바사아자차카타파하" if korean else "abcdefghijklmnopqrstuvwxyz"
    return _again("".join(f"{letter}\n" for letter in rng.sample(letters, rng.randint(3, 12))))


def _numbered_rows(rng: Random, korean: bool) -> Iterator[str]:
    row = rng.choice((*(_ROWS_KO if korean else _ROWS_EN), "| | | | |\n", "\n"))
    return (f"| {number} {row}" for number in _counting(rng))


def _numbered_sentences(rng: Random, korean: bool) -> Iterator[str]:
    sentence = prose(rng, rng.randint(15, 80), korean=korean).replace("\n", " ")
    return (f"{number}. {sentence}\n" for number in _counting(rng))


def _counting_off(rng: Random, _korean: bool) -> Iterator[str]:
    between = rng.choice((" ", ", ", "\n", "회 "))
    return (f"{number}{between}" for number in _counting(rng))


def _growing(rng: Random, _korean: bool) -> Iterator[str]:
    sign = rng.choice((".", "-", "_", "|"))
    return (sign * number + " " for number in _counting(rng))


def _drifting(rng: Random, korean: bool) -> Iterator[str]:
    """Not round in circles, but a few rows in any order, each a little misspelt."""
    names = ("삼성병원", "삼성명원", "심성병원") if korean else ("Hekate", "Hakate", "Hekata")
    rows = [f"{name}{end}" for name in names for end in (" Clinic\n", " Clinic\n\n", " CIinic\n")]
    while True:
        yield rng.choice(rows)


def _counting(rng: Random) -> Iterator[int]:
    number = rng.choice((1, 1, 5, 98))
    while True:
        yield number
        number += 1


_ROWS_EN = (
    "0.9% NS 100 mL IV q8h\n",
    "| 0.9% NS | 100 mL | IV |\n",
    "WBC 7.0\nRBC 4.3\nHb 12.9\n",
    "| Amoxicillin 500 mg | PO | TID | 7 days | with meals |\n",
    "Normal\n",
)
_ROWS_KO = (
    "수액 500 mL 1일 1회\n",
    "| 정상 | 음성 | 해당없음 |\n",
    "아침 1정\n점심 1정\n저녁 1정\n",
    "| 아목시실린캡슐 500밀리그램 | 1회 1캡슐 | 1일 3회 | 7일분 |\n",
    "정상\n",
)

KINDS: dict[str, Callable[[Random, bool], Iterator[str]]] = {
    "word": _word,
    "dots": _dots,
    "white space": _white_space,
    "cells": _cells,
    "empty rows": _empty_rows,
    "empty rows in tags": _empty_rows_in_tags,
    "row": _row,
    "rows in tags": _tagged_row,
    "sentence": _sentence,
    "phrase": _phrase,
    "passage": _passage,
    "table again": _results_again,
    "column": _column,
    "numbered rows": _numbered_rows,
    "numbered sentences": _numbered_sentences,
    "counting off": _counting_off,
    "growing": _growing,
    "drifting": _drifting,
}
_WITHIN_LINE = frozenset({"word", "dots", "white space", "phrase"})
