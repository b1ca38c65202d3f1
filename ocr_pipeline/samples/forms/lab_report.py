"""검사 결과지 and its English sister: the laboratory report, two panels a page."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from ocr_pipeline.samples import ornaments
from ocr_pipeline.samples.book import Book
from ocr_pipeline.samples.content import LabReport, Result, draw_lab_report
from ocr_pipeline.samples.grid import Cell, Rules, Style, centred, label, table
from ocr_pipeline.samples.sheet import Align, Sheet
from ocr_pipeline.samples.specs import Language

LEFT: Final = 48.0
RIGHT: Final = 547.0
PANELS_A_PAGE: Final = 2


@dataclass(frozen=True, slots=True)
class Wording:
    """The fixed words of the form in one language."""

    language: Language
    title: str
    head: tuple[str, ...]
    columns: tuple[str, ...]
    sexes: dict[str, str]
    years: str
    signed: str
    end: str
    continued: str


KOREAN: Final = Wording(
    Language.KOREAN,
    "검사 결과 보고서",
    ("성명", "등록번호", "성별/나이", "진료과", "채취일", "보고일", "검체번호", "의뢰의"),
    ("검사항목", "결과", "판정", "단위", "참고치"),
    {"M": "남", "F": "여"},
    "세",
    "검사 책임자",
    "- 이상 결과 보고를 마칩니다 -",
    "- 다음 장에 계속 -",
)
ENGLISH: Final = Wording(
    Language.ENGLISH,
    "LABORATORY REPORT",
    ("Patient", "MRN", "Sex / Age", "Born", "Collected", "Reported", "Specimen", "Ordered by"),
    ("Test", "Result", "Flag", "Unit", "Reference"),
    {"M": "M", "F": "F"},
    "",
    "Verified by",
    "End of report",
    "Continued on next page",
)


def compose_korean(book: Book, rng: Random, pages: int) -> None:
    """Lay out `pages` pages of results in Korean."""
    _compose(book, rng, pages, KOREAN)


def compose_english(book: Book, rng: Random, pages: int) -> None:
    """Lay out `pages` pages of results in English."""
    _compose(book, rng, pages, ENGLISH)


def _compose(book: Book, rng: Random, pages: int, words: Wording) -> None:
    record = draw_lab_report(rng, words.language)
    for number in range(pages):
        who = record.encounter
        book.about(who.patient.name, who.patient.chart_number, who.doctor.name, who.hospital.phone)
        first = number * PANELS_A_PAGE % len(record.panels)
        if number and first == 0:
            record = draw_lab_report(rng, words.language)
        sheet = book.sheet()
        y = _head(sheet, record, words, rng, f"{number + 1} / {pages}")
        for title, results in record.panels[first : first + PANELS_A_PAGE]:
            y = _panel(sheet, y + 14, title, results, words)
        _foot(sheet, y + 20, record, words, rng, last=number == pages - 1)


def _head(sheet: Sheet, record: LabReport, words: Wording, rng: Random, page: str) -> float:
    who, patient = record.encounter, record.encounter.patient
    sheet.text(LEFT, 48, who.hospital.name, 12, bold=True)
    sheet.text(LEFT, 62, who.hospital.phone, 8.5)
    ornaments.bar_code(sheet, RIGHT - 112, 34, rng)
    sheet.text(RIGHT - 4, 66, record.specimen, 8.5, align=Align.RIGHT)
    if words.language is Language.KOREAN:
        sheet.spaced_title(297.5, 92, words.title, 18, 4)
    else:
        sheet.text(297.5, 92, words.title, 17, bold=True, align=Align.CENTRE)
    sheet.text(RIGHT, 92, page, 8.5, align=Align.RIGHT)
    department = record.department if words.language is Language.KOREAN else f"{patient.born:%Y-%m-%d}"
    values = (
        patient.name,
        patient.chart_number,
        f"{words.sexes[patient.sex]} / {patient.age_on(who.day)}{words.years}",
        department,
        f"{who.day:%Y-%m-%d} {record.collected}",
        f"{who.day:%Y-%m-%d} {record.reported}",
        record.specimen,
        who.doctor.name,
    )
    cells = [(label(name), Cell(value)) for name, value in zip(words.head, values, strict=True)]
    rows = [(*cells[at], *cells[at + 1]) for at in range(0, len(cells), 2)]
    return table(sheet, LEFT, 106, (82.0, 167.5, 82.0, 167.5), rows, Style(9.5, 21))


def _panel(sheet: Sheet, top: float, title: str, results: tuple[Result, ...], words: Wording) -> float:
    sheet.text(LEFT, top + 10, title, 11, bold=True)
    rows: list[tuple[Cell, ...]] = [tuple(label(name) for name in words.columns)]
    for result in results:
        korean = words.language is Language.KOREAN and result.test.korean != result.test.name
        name = f"{result.test.korean} ({result.test.name})" if korean else result.test.name
        rows.append(
            (
                Cell(name),
                Cell(result.value, 1, Align.RIGHT, bold=bool(result.flag)),
                centred(result.flag),
                centred(result.test.unit),
                centred(result.reference),
            )
        )
    style = Style(9.5, 21 if words.language is Language.KOREAN else 20, 10, Rules.HORIZONTAL)
    return table(sheet, LEFT, top + 16, (190.0, 80.0, 49.0, 80.0, 100.0), rows, style)


def _foot(sheet: Sheet, y: float, record: LabReport, words: Wording, rng: Random, *, last: bool) -> None:
    sheet.text(LEFT, y, record.remark, 9)
    if not last:
        sheet.text(297.5, y + 26, words.continued, 9, align=Align.CENTRE)
        return
    sheet.text(297.5, y + 26, words.end, 9, align=Align.CENTRE)
    sheet.text(430, y + 52, f"{words.signed} {record.encounter.doctor.name}", 10, align=Align.RIGHT)
    if words.language is Language.KOREAN:
        ornaments.seal(sheet, 440, y + 34, rng)
    else:
        ornaments.signature(sheet, 442, y + 52, rng)
