"""진단서: the Korean certificate of diagnosis, with an opinion and a certificate of stay as further pages."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Final

from ocr_pipeline.samples import ornaments
from ocr_pipeline.samples.book import Book
from ocr_pipeline.samples.content import Admission, draw_admission
from ocr_pipeline.samples.grid import Cell, Style, centred, label, table
from ocr_pipeline.samples.sheet import Align, Sheet

LEFT: Final = 56.0
RIGHT: Final = 539.0
WIDE: Final = (92.0, 149.5, 92.0, 149.5)
ROOMY: Final = Style(10, 28)
PURPOSES: Final = ("보험회사 제출용", "직장 제출용", "학교 제출용", "병무청 제출용")


def compose(book: Book, rng: Random, pages: int) -> None:
    """Lay out a certificate of diagnosis, then in turn an opinion and a certificate of stay."""
    record = draw_admission(rng)
    patient, doctor, hospital = record.encounter.patient, record.encounter.doctor, record.encounter.hospital
    book.about(patient.name, patient.resident_number, patient.phone, patient.address, patient.chart_number)
    book.about(doctor.name, f"제 {doctor.licence} 호", hospital.phone)
    forms = (_diagnosis, _opinion, _stay)
    for number in range(pages):
        forms[number % len(forms)](book.sheet(), record, rng)


def korean_date(day: date) -> str:
    """A date as certificates write it."""
    return f"{day:%Y년 %m월 %d일}"


def _top(sheet: Sheet, record: Admission, title: str, gap: float) -> float:
    who = record.encounter
    sheet.text(LEFT, 56, f"등록번호 {who.patient.chart_number}", 9)
    sheet.text(RIGHT, 56, f"연번호 제 {who.day.year}-{who.serial} 호", 9, align=Align.RIGHT)
    sheet.spaced_title(297.5, 100, title, 24, gap)
    rows = (
        (
            label("환자의 성명"),
            Cell(who.patient.name, bold=True),
            label("주민등록번호"),
            Cell(who.patient.resident_number),
        ),
        (label("환자의 주소"), Cell(who.patient.address, 3)),
    )
    return table(sheet, LEFT, 124, WIDE, rows, ROOMY)


def _diagnosis(sheet: Sheet, record: Admission, rng: Random) -> None:
    y = _top(sheet, record, "진단서", 26)
    y = _names_of_illness(sheet, y + 10, record)
    onset = record.encounter.day - timedelta(days=record.case.onset_days)
    rows = (
        (label("발병일"), Cell(korean_date(onset)), label("진단일"), Cell(korean_date(record.encounter.day))),
        (
            label("입원일"),
            Cell(korean_date(record.encounter.day)),
            label("퇴원일"),
            Cell(korean_date(record.discharged)),
        ),
    )
    y = table(sheet, LEFT, y + 10, WIDE, rows, ROOMY)
    y = _statement(sheet, y + 10, "치료 내용 및 향후 치료에 대한 소견", record.case.opinion, 150)
    rows_end = ((label("용도"), Cell(rng.choice(PURPOSES)), label("비고"), Cell()),)
    y = table(sheet, LEFT, y + 10, WIDE, rows_end, ROOMY)
    _signed(sheet, y + 30, record, "의료법 제17조 및 같은 법 시행규칙 제9조제1항에 따라 위와 같이 진단합니다.", rng)


def _names_of_illness(sheet: Sheet, top: float, record: Admission) -> float:
    y = top + 12
    sheet.text(LEFT + 2, y, "병명", 10, bold=True)
    x = ornaments.tick_box(sheet, LEFT + 60, y, ticked=False)
    x = ornaments.tick_box(sheet, sheet.text(x, y, "임상적 추정", 10) + 18, y, ticked=True)
    sheet.text(x, y, "최종 진단", 10)
    rows = [(label("구분"), label("진단명"), label("질병분류기호"))]
    for number, item in enumerate(record.diagnoses):
        rows.append((centred("부상병" if number else "주상병"), Cell(item.korean), centred(item.code)))
    return table(sheet, LEFT, y + 8, (70.0, 313.0, 100.0), rows, Style(10, 24))


def _statement(sheet: Sheet, top: float, heading: str, text: str, height: float) -> float:
    bottom = table(sheet, LEFT, top, (483.0,), ((label(heading),),), Style(10, 24))
    sheet.box(LEFT, bottom, RIGHT, bottom + height, 0.9)
    end = sheet.paragraph(LEFT + 12, bottom + 22, text, 10.5, RIGHT - LEFT - 24, 1.75)
    return max(bottom + height, end)


def _signed(sheet: Sheet, y: float, record: Admission, sentence: str, rng: Random) -> None:
    who = record.encounter
    sheet.text(297.5, y, sentence, 10.5, align=Align.CENTRE)
    sheet.text(297.5, y + 32, korean_date(record.discharged), 11.5, align=Align.CENTRE)
    for step, (name, value) in enumerate(
        (("의료기관 명칭", who.hospital.name), ("주소", who.hospital.address), ("전화번호", who.hospital.phone))
    ):
        sheet.text(170, y + 64 + 20 * step, name, 10)
        sheet.text(256, y + 64 + 20 * step, value, 10, bold=step == 0)
    sheet.text(170, y + 128, f"면허번호 제 {who.doctor.licence} 호", 10)
    end = sheet.text(318, y + 128, f"의사 성명 {who.doctor.name}", 11, bold=True)
    end = sheet.text(end + 14, y + 128, "(서명 또는 인)", 9.5)
    ornaments.seal(sheet, end + 2, y + 106, rng, 32)


def _opinion(sheet: Sheet, record: Admission, rng: Random) -> None:
    y = _top(sheet, record, "소견서", 26)
    case = record.case
    rows = (
        (label("진료과"), Cell(case.department), label("진료일"), Cell(korean_date(record.encounter.day))),
        (label("주호소"), Cell(case.complaint), label("발현 시기"), Cell(case.onset)),
    )
    y = table(sheet, LEFT, y + 10, WIDE, rows, ROOMY)
    y = _statement(sheet, y + 10, "현병력", case.illness, 96)
    y = _statement(sheet, y + 10, "과거력 및 진찰 소견", f"{case.history} {case.examination}", 96)
    _signed(sheet, y + 40, record, "위와 같이 소견을 회신합니다.", rng)


def _stay(sheet: Sheet, record: Admission, rng: Random) -> None:
    y = _top(sheet, record, "입퇴원확인서", 12)
    days = (record.discharged - record.encounter.day).days + 1
    rows = (
        (
            label("진료과"),
            Cell(record.case.department),
            label("병실"),
            Cell(f"{rng.randint(3, 9)}{rng.randint(1, 24):02d}호"),
        ),
        (
            label("입원 기간"),
            Cell(f"{korean_date(record.encounter.day)} 부터 {korean_date(record.discharged)} 까지 ({days}일간)", 3),
        ),
        (label("진단명"), Cell(f"{record.diagnoses[0].korean} ({record.diagnoses[0].code})", 3)),
        (label("수술명"), Cell("해당 없음", 3)),
        (label("용도"), Cell(rng.choice(PURPOSES)), label("비고"), Cell()),
    )
    y = table(sheet, LEFT, y + 10, WIDE, rows, Style(10, 32))
    _signed(sheet, y + 60, record, "위 환자가 상기 기간 동안 입원하였음을 확인합니다.", rng)
