"""진료 차트: the pages of a Korean inpatient chart, in the order a ward files them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Final

from ocr_pipeline.samples import ornaments
from ocr_pipeline.samples.book import Book
from ocr_pipeline.samples.content import Admission, draw_admission
from ocr_pipeline.samples.grid import Cell, Style, centred, label, table
from ocr_pipeline.samples.sheet import Align, Sheet
from ocr_pipeline.samples.vocabulary.cases_ko import QUIET_DAYS, QUIET_NURSING

LEFT: Final = 44.0
RIGHT: Final = 551.0
HEAD: Final = (66.0, 103.0, 66.0, 103.0, 66.0, 103.0)
VITALS_A_PAGE: Final = 22
NOTES_A_DAY: Final = 6
STAY: Final = (12, 14)  # days, so that the tables of twelve pages fit into it
DOSING_HOURS: Final = {1: "08:00", 2: "08:00 20:00", 3: "08:00 14:00 20:00"}
ADMITTED_IN_QUARTER: Final = 2  # of four a day: the afternoon


@dataclass(frozen=True, slots=True)
class Leaf:
    """One page of a chart: the stay, its generator, and which page and which page of its sort it is (from 0)."""

    record: Admission
    rng: Random
    number: int
    turn: int

    def day(self, offset: int) -> date:
        """A day of the stay, counted from admission and never past discharge."""
        return min(self.record.encounter.day + timedelta(days=offset), self.record.discharged)


def compose(book: Book, rng: Random, pages: int) -> None:
    """Lay out an admission note, then orders, progress, vital signs, medicines and nursing notes in turn."""
    record = draw_admission(rng, shortest=STAY[0], longest=STAY[1])
    who = record.encounter
    book.about(who.patient.name, who.patient.chart_number, who.patient.resident_number, who.patient.phone)
    book.about(who.doctor.name, *record.nurses)
    for number in range(pages):
        turn, form = (
            (0, 0) if number == 0 else (1 + (number - 1) // (len(FORMS) - 1), 1 + (number - 1) % (len(FORMS) - 1))
        )
        FORMS[form](book.sheet(), Leaf(record, rng, number, max(0, turn - 1)))


def _head(sheet: Sheet, leaf: Leaf, title: str) -> float:
    who = leaf.record.encounter
    sheet.text(LEFT, 44, who.hospital.name, 10.5, bold=True)
    sheet.text(RIGHT, 44, f"{leaf.number + 1}쪽", 9, align=Align.RIGHT)
    sheet.spaced_title(297.5, 72, title, 18, 6)
    sex = {"M": "남", "F": "여"}[who.patient.sex]
    rows = (
        (
            label("등록번호"),
            Cell(who.patient.chart_number),
            label("환자명"),
            Cell(who.patient.name, bold=True),
            label("성별/나이"),
            Cell(f"{sex} / {who.patient.age_on(who.day)}세"),
        ),
        (
            label("진료과"),
            Cell(leaf.record.case.department),
            label("입원일"),
            Cell(f"{who.day:%Y-%m-%d}"),
            label("담당의"),
            Cell(who.doctor.name),
        ),
    )
    return table(sheet, LEFT, 88, HEAD, rows, Style(9, 21))


def _admission_note(sheet: Sheet, leaf: Leaf) -> None:
    case, patient = leaf.record.case, leaf.record.encounter.patient
    y = _head(sheet, leaf, "입원초진기록지")
    rows = [
        (label("주민등록번호"), Cell(patient.resident_number)),
        (label("연락처"), Cell(patient.phone)),
        (label("주호소"), Cell(f"{case.complaint} ({case.onset} 발생)")),
        (label("현병력"), Cell(case.illness)),
        (label("과거력"), Cell(case.history)),
        (label("신체 검진"), Cell(case.examination)),
        (label("활력징후"), Cell(", ".join(_vital_signs(leaf.rng, feverish=True)[1]))),
    ]
    y = table(sheet, LEFT, y + 10, (84.0, 423.0), rows, Style(9.5, 27))
    codes = [(label("진단명"), label("질병분류기호"))]
    codes += [(Cell(item.korean), centred(item.code)) for item in leaf.record.diagnoses]
    y = table(sheet, LEFT, y + 10, (397.0, 110.0), codes, Style(9.5, 23))
    plans = [(label("순번"), label("치료 계획"))]
    plans += [(centred(str(number)), Cell(text)) for number, text in enumerate(case.plan, 1)]
    y = table(sheet, LEFT, y + 10, (50.0, 457.0), plans, Style(9.5, 25))
    _recorder(sheet, y + 26, leaf, f"{leaf.day(0):%Y-%m-%d} {leaf.rng.randint(9, 16):02d}:{leaf.rng.randrange(60):02d}")


def _orders(sheet: Sheet, leaf: Leaf) -> None:
    y = _head(sheet, leaf, "의사지시기록지")
    headings = ("지시일", "시각", "지시 내용", "확인")
    rows = [tuple(label(text) for text in headings)]
    orders = list(leaf.record.orders)
    leaf.rng.shuffle(orders)
    extras = (
        "수액: 5% 포도당 1L IV 40mL/hr",
        "식이: 당뇨식 1800kcal",
        "활동: 절대안정",
        "활력징후 4시간마다 측정",
        "섭취량과 배설량 기록",
    )
    texts = [order.written for order in orders]
    texts += leaf.rng.sample(extras, 4)
    minutes = sorted(leaf.rng.sample(range(14 * 60, 22 * 60) if leaf.turn == 0 else range(8 * 60, 21 * 60), len(texts)))
    rows += [
        (
            centred(f"{leaf.day(leaf.turn):%Y-%m-%d}"),
            centred(_clock(minute)),
            Cell(text),
            centred(leaf.rng.choice(leaf.record.nurses)),
        )
        for minute, text in zip(minutes, texts, strict=True)
    ]
    y = table(sheet, LEFT, y + 10, (84.0, 56.0, 291.0, 76.0), rows, Style(9.5, 27))
    _recorder(sheet, y + 28, leaf, f"{leaf.day(leaf.turn):%Y-%m-%d}")


def _progress(sheet: Sheet, leaf: Leaf) -> None:
    y = _head(sheet, leaf, "경과기록지")
    rows = [(label("일시"), label("구분"), label("경과 내용"))]
    notes = leaf.rng.sample(QUIET_DAYS, 3) if leaf.turn else leaf.record.case.progress
    for number, note in enumerate(notes):
        day = leaf.day(1 + number + leaf.turn * 3)
        parts = (("S", note.subjective), ("O", note.objective), ("A", note.assessment), ("P", note.plan))
        for place, (letter, text) in enumerate(parts):
            when = f"{day:%Y-%m-%d}" if place == 0 else _clock(leaf.rng.randint(480, 600)) if place == 1 else ""
            rows.append((centred(when), centred(letter), Cell(text)))
    y = table(sheet, LEFT, y + 10, (78.0, 40.0, 389.0), rows, Style(9.5, 30))
    _recorder(sheet, y + 28, leaf, "")


def _vitals(sheet: Sheet, leaf: Leaf) -> None:
    y = _head(sheet, leaf, "활력징후기록지")
    units = ("일자", "시각", "혈압(mmHg)", "맥박(회/분)", "호흡(회/분)", "체온(℃)", "SpO2(%)", "기록자")
    rows = [tuple(label(text) for text in units)]
    first = leaf.turn * VITALS_A_PAGE // 4
    for number in range(ADMITTED_IN_QUARTER, ADMITTED_IN_QUARTER + VITALS_A_PAGE):
        offset, quarter = divmod(number, 4)
        values = _vital_signs(leaf.rng, feverish=first + offset < 2)[0]  # noqa: PLR2004
        clock = _clock((quarter * 6 + 4) * 60 + leaf.rng.randrange(20))
        who = leaf.record.nurses[quarter % len(leaf.record.nurses)]
        rows.append(tuple(centred(text) for text in (f"{leaf.day(first + offset):%m-%d}", clock, *values, who)))
    y = table(sheet, LEFT, y + 10, (50.0, 52.0, 82.0, 70.0, 70.0, 62.0, 60.0, 61.0), rows, Style(9, 24))
    sheet.text(LEFT, y + 18, "체온 38.0℃ 이상이면 담당의에게 알립니다.", 8.5)


def _medicines(sheet: Sheet, leaf: Leaf) -> None:
    y = _head(sheet, leaf, "투약기록지")
    rows = [tuple(label(text) for text in ("약품명", "1회량", "경로", "횟수", "투약일", "투약 시각", "투약자"))]
    for order in leaf.record.orders:
        for offset in range(2):
            hours = DOSING_HOURS[order.times]
            name = f"{order.drug.korean} {order.drug.strength}"
            cells = (
                order.dose,
                order.drug.route,
                order.frequency,
                f"{leaf.day(1 + 2 * leaf.turn + offset):%Y-%m-%d}",
                hours,
            )
            rows.append((Cell(name), *(centred(text) for text in cells), centred(leaf.rng.choice(leaf.record.nurses))))
    widths = (150.0, 44.0, 34.0, 38.0, 72.0, 108.0, 61.0)
    y = table(sheet, LEFT, y + 10, widths, rows, Style(9, 27))
    sheet.text(LEFT, y + 18, "투약 전 환자 이름과 등록번호를 확인합니다.", 8.5)


def _nursing(sheet: Sheet, leaf: Leaf) -> None:
    y = _head(sheet, leaf, "간호기록지")
    rows = [(label("일자"), label("시각"), label("간호 기록"), label("서명"))]
    if leaf.turn == 0:
        days = (leaf.record.case.nursing, tuple(leaf.rng.sample(QUIET_NURSING, NOTES_A_DAY)))
    else:
        quiet = leaf.rng.sample(QUIET_NURSING, len(QUIET_NURSING))
        days = (tuple(quiet[:NOTES_A_DAY]), tuple(quiet[NOTES_A_DAY:]))
    for offset, notes in enumerate(days):
        day = f"{leaf.day(leaf.turn * 2 + offset):%Y-%m-%d}"
        ward_opens = (15 if leaf.turn + offset == 0 else 6) * 60
        minutes = sorted(leaf.rng.sample(range(ward_opens, 23 * 60), len(notes)))
        for minute, text in zip(minutes, notes, strict=True):
            rows.append(
                (centred(day), centred(_clock(minute)), Cell(text), centred(leaf.rng.choice(leaf.record.nurses)))
            )
    table(sheet, LEFT, y + 10, (78.0, 50.0, 318.0, 61.0), rows, Style(9.5, 30))


FORMS: Final[tuple[Callable[[Sheet, Leaf], None], ...]] = (
    _admission_note,
    _orders,
    _progress,
    _vitals,
    _medicines,
    _nursing,
)


def _recorder(sheet: Sheet, y: float, leaf: Leaf, when: str) -> None:
    if when:
        sheet.text(LEFT, y, f"기록일시 {when}", 9.5)
    sheet.text(430, y, f"의사 {leaf.record.encounter.doctor.name}", 10, align=Align.RIGHT)
    ornaments.signature(sheet, 452, y, leaf.rng)


def _vital_signs(rng: Random, *, feverish: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The five values alone, and each with its name and unit."""
    pressure = f"{rng.randint(104, 158)}/{rng.randint(62, 96)}"
    pulse, breath = str(rng.randint(64, 110)), str(rng.randint(14, 24))
    warmth = f"{rng.uniform(37.6, 38.9) if feverish else rng.uniform(36.2, 37.3):.1f}"
    oxygen = str(rng.randint(92, 99))
    named = (f"BP {pressure}", f"PR {pulse}", f"RR {breath}", f"BT {warmth}℃", f"SpO2 {oxygen}%")
    return (pressure, pulse, breath, warmth, oxygen), named


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
