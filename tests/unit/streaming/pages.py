"""Pages as models write them, made from seeds: forms that rightly repeat themselves, and pages of plain content."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from tests.unit.streaming.vocabulary import FINDINGS, HEADS_EN, HEADS_KO, ITEMS_EN, ITEMS_KO, ORDERS, WORDS_EN, WORDS_KO

TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class WrittenPage:
    """A page's true text with its markup, and what is written on the paper in letters and digits."""

    kind: str
    text: str

    @property
    def glyphs(self) -> int:
        return glyphs(self.text)

    @property
    def ink(self) -> float:
        return ink(self.text)

    @property
    def twins(self) -> int:
        return twins(self.text)


def glyphs(text: str) -> int:
    """Letters and digits on the paper."""
    return sum(map(str.isalnum, TAG.sub("", text)))


def ink(text: str) -> float:
    """The share of dark pixels on the paper, of a million: as measured, 100 for a letter, 200 for a cell's rules."""
    return (100 * glyphs(text) + 200 * (text.count("|") + text.count("<td"))) / 1e6


def twins(text: str) -> int:
    """Letters and digits with their like right below, as measured: a fifth by chance, two thirds in rows alike."""
    rows = [re.sub(r"[0-9]+", "0", row) for row in re.split(r"\n|</tr>", text)]
    return round(sum((0.65 if row == below else 0.2) * glyphs(row) for row, below in pairwise(rows)))


def tokens(text: str, rng: Random) -> Iterator[str]:
    """The text in pieces of the size of a model's tokens."""
    at = 0
    while at < len(text):
        size = rng.choice((1, 2, 3, 4, 6))
        yield text[at : at + size]
        at += size


def prose(rng: Random, length: int, *, korean: bool) -> str:
    """Sentences in lines, of this many characters."""
    words = WORDS_KO if korean else WORDS_EN
    lines: list[str] = []
    while sum(map(len, lines)) + len(lines) < length:
        line = " ".join(rng.choice(words) for _ in range(rng.randint(5, 14)))
        lines.append(f"{line[:1].upper()}{line[1:]}.")
    return "\n".join(lines)[:length]


def results(rng: Random, length: int, *, korean: bool) -> str:
    """Rows of a table of results, of this many characters."""
    items = ITEMS_KO if korean else ITEMS_EN
    rows: list[str] = []
    while sum(map(len, rows)) + len(rows) < length:
        low = rng.randint(1, 90)
        rows.append(
            f"| {rng.choice(items)} | {rng.uniform(0.1, 300):.1f} | {low} - {low + rng.randint(2, 60)} | {_date(rng)} |"
        )
    return "\n".join(rows)[:length]


def tagged(text: str) -> str:
    """A table of such rows as a model writes it that answers in HTML."""
    rows = (row.strip(" |").split(" | ") for row in text.splitlines())
    return "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)


def legitimate(rng: Random) -> WrittenPage:
    """A page that repeats itself because the form does."""
    kind = rng.choice(tuple(_FORMS))
    korean = rng.random() < 0.5
    count = rng.randint(20, 40)
    body = _FORMS[kind](rng, count, korean)
    return WrittenPage(kind, f"{_head(rng, korean=korean)}{body}{_foot(rng, korean=korean)}")


def _head(rng: Random, *, korean: bool) -> str:
    title = rng.choice(HEADS_KO if korean else HEADS_EN)
    if rng.random() < 0.3:
        return f"{title}\n"
    number = rng.randint(10_000_000, 99_999_999)
    more = prose(rng, rng.randint(0, 200), korean=korean)
    named = (
        f"등록번호 {number} 성명 홍길동 작성일 {_date(rng)}"
        if korean
        else f"MRN {number} Name DOE, JANE Date {_date(rng)}"
    )
    return f"{title}\n{named}\n{more}\n"


def _foot(rng: Random, *, korean: bool) -> str:
    if rng.random() < 0.4:
        return "\n"
    return "\n담당의 김의사 (서명)\n" if korean else "\nSigned: J. Smith, MD\n"


def _date(rng: Random) -> str:
    return f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def _same_order(rng: Random, count: int, _korean: bool) -> str:
    return "\n".join([rng.choice(ORDERS)] * count)


def _same_order_in_cells(rng: Random, count: int, _korean: bool) -> str:
    row = f"| {rng.choice(ORDERS)} | {rng.choice(FINDINGS)} | |"
    return "\n".join([row] * count)


def _same_order_in_tags(rng: Random, count: int, _korean: bool) -> str:
    order, finding = rng.choice(ORDERS), rng.choice(FINDINGS)
    if rng.random() < 0.5:
        return f"<table>{f'<tr><td>{order}</td><td>{finding}</td><td></td></tr>' * count}</table>"
    row = f"<tr>\n  <td>{order}</td>\n  <td>{finding}</td>\n  <td></td>\n</tr>\n"
    return f"<table>\n{row * count}</table>"


def _orders_by_the_hour(rng: Random, count: int, _korean: bool) -> str:
    order, nurse = rng.choice(ORDERS), rng.choice(("김간호", "이간호", "RN Kim"))
    return "\n".join(f"| {_date(rng)} | {8 * (at % 3):02d}:00 | {order} | {nurse} |" for at in range(count))


def _numbered(rng: Random, count: int, _korean: bool) -> str:
    row = rng.choice((f"{rng.choice(ORDERS)}", f"| {rng.choice(FINDINGS)} | | |", "| | | | |", "( ) 예 ( ) 아니오"))
    return "\n".join(f"| {at} {row}" for at in range(1, count + 1))


def _all_normal(rng: Random, count: int, korean: bool) -> str:
    items = ITEMS_KO if korean else ITEMS_EN
    finding = rng.choice(FINDINGS)
    return "\n".join(f"| {rng.choice(items)} | {finding} | {finding} | {finding} |" for _ in range(count))


def _only_findings(rng: Random, count: int, _korean: bool) -> str:
    return "\n".join([rng.choice(FINDINGS)] * count)


def _checks(rng: Random, count: int, _korean: bool) -> str:
    row = rng.choice(("☑ 정상 ☐ 이상", "[x] Yes [ ] No", "☐ 예 ☑ 아니오 ☐ 모름", "( ) 유 (V) 무"))
    return "\n".join([row] * count)


def _empty_rows(rng: Random, count: int, korean: bool) -> str:
    columns = rng.randint(2, 10)
    items = ITEMS_KO if korean else ITEMS_EN
    header = f"| {' | '.join(rng.choice(items) for _ in range(columns))} |\n|{'---|' * columns}\n"
    empty = rng.choice((f"|{' |' * columns}", f"|{'  |' * columns}", f"|{' ' * rng.randint(5, 20)}|" * columns))
    if rng.random() < 0.3:
        row = f"<tr>{'<td></td>' * columns}</tr>"
        return f"<table>{row * count}</table>"
    return header + "\n".join([empty] * count)


def _leaders(rng: Random, count: int, korean: bool) -> str:
    items = ITEMS_KO if korean else ITEMS_EN
    sign = rng.choice((".", "_", ". ", "-", "·"))
    return "\n".join(
        f"{rng.choice(items)} {sign * (rng.randint(20, 110) // len(sign))} {at}" for at in range(count // 2)
    )


def _lines_to_write_on(rng: Random, count: int, _korean: bool) -> str:
    line = rng.choice((".", "_", "-")) * rng.randint(40, 90)
    return "\n".join([line] * rng.randint(3, min(12, count)))


def _vital_signs(rng: Random, count: int, _korean: bool) -> str:
    def row(at: int) -> str:
        pulse, systolic = rng.randint(55, 110), rng.randint(95, 180)
        return f"{at % 24:02d}:00 {systolic}/{systolic - 40} {pulse} {rng.randint(12, 24)} {rng.uniform(36, 39):.1f}"

    return "\n".join(row(at) for at in range(count))


def _month_grid(rng: Random, count: int, korean: bool) -> str:
    days = rng.randint(7, 31)
    sign = rng.choice(("O", "V", "정상", "-", "1T"))
    items = ITEMS_KO if korean else ITEMS_EN
    rows = (f"{rng.choice(items)} {' '.join([sign] * days)}" for _ in range(min(count, 700 // days)))
    return f"{' '.join(str(day) for day in range(1, days + 1))}\n" + "\n".join(rows)


def _zeros(rng: Random, count: int, _korean: bool) -> str:
    return "\n".join([" ".join(["0"] * rng.randint(4, 12))] * count)


def _three_copies(rng: Random, _count: int, korean: bool) -> str:
    return "\n".join([prose(rng, rng.randint(150, 380), korean=korean)] * 3)


def _visits(rng: Random, count: int, korean: bool) -> str:
    group = "아침 정상\n점심 정상\n저녁 정상\n" if korean else "AM normal\nPM normal\nHS normal\n"
    return group * (count // 3)


def _daily_orders(rng: Random, count: int, korean: bool) -> str:
    orders = "\n".join(rng.sample(ORDERS, rng.randint(2, 4)))
    day = "{}일차" if korean else "Day {}"
    return "\n".join(f"{day.format(at)}\n{orders}" for at in range(1, count // 3))


def _plain(rng: Random, count: int, korean: bool) -> str:
    make = rng.choice((prose, results))
    text = make(rng, count * rng.randint(10, 70), korean=korean)
    return tagged(text) if rng.random() < 0.2 else text


_FORMS: dict[str, Callable[[Random, int, bool], str]] = {
    "same order": _same_order,
    "same order, cells": _same_order_in_cells,
    "same order, tags": _same_order_in_tags,
    "orders by the hour": _orders_by_the_hour,
    "numbered rows": _numbered,
    "all normal": _all_normal,
    "only findings": _only_findings,
    "check boxes": _checks,
    "empty rows": _empty_rows,
    "leaders": _leaders,
    "lines to write on": _lines_to_write_on,
    "vital signs": _vital_signs,
    "month grid": _month_grid,
    "zeros": _zeros,
    "three copies": _three_copies,
    "visits": _visits,
    "daily orders": _daily_orders,
    "plain": _plain,
}
