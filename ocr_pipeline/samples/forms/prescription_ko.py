"""처방전: the Korean outpatient prescription, one sheet a prescription."""

from __future__ import annotations

from random import Random
from typing import Final

from ocr_pipeline.samples import ornaments
from ocr_pipeline.samples.book import Book
from ocr_pipeline.samples.content import Encounter, Prescription, draw_prescription
from ocr_pipeline.samples.grid import Cell, Style, centred, label, table
from ocr_pipeline.samples.sheet import Align, Sheet
from ocr_pipeline.samples.specs import Language

LEFT: Final = 44.0
RIGHT: Final = 551.0
INSURANCE: Final = ("건강보험", "의료급여", "산재보험", "자동차보험", "기타")
LEAST_DRUG_ROWS: Final = 12


def compose(book: Book, rng: Random, pages: int) -> None:
    """Lay out `pages` prescriptions."""
    for _ in range(pages):
        record = draw_prescription(rng, Language.KOREAN)
        _about(book, record.encounter)
        _page(book.sheet(), record, rng)


def _about(book: Book, who: Encounter) -> None:
    patient, doctor, hospital = who.patient, who.doctor, who.hospital
    book.about(patient.name, patient.resident_number, patient.masked_resident_number, patient.phone)
    book.about(doctor.name, f"제 {doctor.licence} 호", hospital.phone, hospital.fax)


def _page(sheet: Sheet, record: Prescription, rng: Random) -> None:
    sheet.text(LEFT, 46, "의료법 시행규칙 [별지 제9호서식]", 8)
    ornaments.matrix_code(sheet, RIGHT - 44, 36, rng)
    sheet.spaced_title(297, 78, "처방전", 22, 22)
    _insurance(sheet, 104, record)
    y = _head(sheet, 114, record, rng)
    y = _drugs(sheet, y, record)
    y = _dispensing(sheet, y, record)
    sheet.text(LEFT, y + 14, "사용기간 내에 약국에 제출하여야 합니다.", 8.5)
    sheet.text(RIGHT - 2, y + 14, rng.choice(("약국제출용", "환자보관용")), 8.5, bold=True, align=Align.RIGHT)


def _insurance(sheet: Sheet, y: float, record: Prescription) -> None:
    x = LEFT + 2
    for number, name in enumerate(INSURANCE):
        x = ornaments.tick_box(sheet, x, y, ticked=number == record.insurance)
        x = sheet.text(x, y, name, 9) + 10
    sheet.text(RIGHT - 2, y, f"요양기관기호 {record.encounter.hospital.number}", 9, align=Align.RIGHT)


def _head(sheet: Sheet, top: float, record: Prescription, rng: Random) -> float:
    who = record.encounter
    patient, hospital = who.patient, who.hospital
    number = rng.choice((patient.resident_number, patient.masked_resident_number))
    codes = ", ".join(item.code for item in record.diagnoses)
    widths = (74.0, 172.0, 74.0, 187.0)
    rows = (
        (
            label("교부번호"),
            Cell(f"{who.day:%Y년 %m월 %d일} 제 {who.serial} 호"),
            label("의료기관명"),
            Cell(hospital.name),
        ),
        (label("환자 성명"), Cell(patient.name, bold=True), label("전화번호"), Cell(hospital.phone)),
        (label("주민등록번호"), Cell(number), label("팩스번호"), Cell(hospital.fax)),
        (label("질병분류기호"), Cell(codes), label("진료과목"), Cell(record.department)),
        (
            label("처방 의료인"),
            Cell(f"의사 {who.doctor.name} (서명 또는 날인)"),
            label("면허번호"),
            Cell(f"제 {who.doctor.licence} 호"),
        ),
    )
    bottom = table(sheet, LEFT, top, widths, rows, Style(9.5, 25))
    ornaments.seal(sheet, LEFT + 74 + 146, bottom - 25, rng, 24)
    sheet.text(LEFT + 2, bottom + 13, "환자가 요구하면 질병분류기호를 적지 않습니다.", 8)
    return bottom + 20


def _drugs(sheet: Sheet, top: float, record: Prescription) -> float:
    widths = (207.0, 68.0, 68.0, 68.0, 96.0)
    headings = ("처방 의약품의 명칭", "1회 투약량", "1일 투여횟수", "총 투약일수", "용법")
    rows: list[tuple[Cell, ...]] = [tuple(label(heading) for heading in headings)]
    rows += [
        (
            Cell(f"{line.drug.korean} {line.drug.strength}"),
            centred(line.dose),
            centred(str(line.times)),
            centred(str(line.days)),
            centred(line.drug.usage),
        )
        for line in record.lines
    ]
    rows.append((centred("- 이 하 여 백 -"), *(Cell() for _ in headings[1:])))
    rows += [tuple(Cell() for _ in headings)] * max(0, LEAST_DRUG_ROWS - len(record.lines))
    return table(sheet, LEFT, top, widths, rows, Style(9.5, 26))


def _dispensing(sheet: Sheet, top: float, record: Prescription) -> float:
    widths = (74.0, 172.0, 92.0, 169.0)
    rows = (
        (
            label("사용기간"),
            Cell(f"교부일부터 ({record.valid_days}) 일간"),
            label("주사제 처방"),
            Cell("원외처방 없음"),
        ),
        (label("조제기관명"), Cell(), label("조제 약사 성명"), Cell("(서명 또는 날인)", 1, Align.RIGHT)),
        (label("조제 연월일"), Cell(), label("변경, 대체 내용"), Cell()),
    )
    return table(sheet, LEFT, top + 12, widths, rows, Style(9.5, 26))
