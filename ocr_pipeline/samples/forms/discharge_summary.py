"""The English discharge summary: a page that tells the stay, and one of medicines, results and follow-up."""

from __future__ import annotations

from random import Random
from typing import Final

from ocr_pipeline.samples import ornaments
from ocr_pipeline.samples.book import Book
from ocr_pipeline.samples.content import Discharge, draw_discharge
from ocr_pipeline.samples.grid import Cell, Style, centred, label, table
from ocr_pipeline.samples.sheet import Align, Sheet

LEFT: Final = 54.0
RIGHT: Final = 541.0
WIDTH: Final = RIGHT - LEFT
BODY: Final = 10.5


def compose(book: Book, rng: Random, pages: int) -> None:
    """Lay out discharge summaries of two pages each; an odd last page is a summary's first page."""
    record = draw_discharge(rng)
    for number in range(pages):
        if number % 2 == 0:
            record = record if number == 0 else draw_discharge(rng)
            who = record.encounter
            book.about(who.patient.name, who.patient.chart_number, who.patient.phone, who.patient.address)
            book.about(who.doctor.name, who.doctor.licence, who.hospital.phone)
            _narrative(book.sheet(), record)
        else:
            _plan(book.sheet(), record, rng)


def _head(sheet: Sheet, record: Discharge, page: int) -> None:
    who = record.encounter
    sheet.text(LEFT, 52, who.hospital.name, 14, bold=True)
    sheet.text(LEFT, 66, who.hospital.address, 9)
    sheet.text(RIGHT, 52, f"Tel {who.hospital.phone}", 9, align=Align.RIGHT)
    sheet.text(RIGHT, 66, f"Page {page} of 2", 9, align=Align.RIGHT)
    sheet.line(LEFT, 74, RIGHT, 74, 1.2)


def _narrative(sheet: Sheet, record: Discharge) -> None:
    who, patient, case = record.encounter, record.encounter.patient, record.case
    _head(sheet, record, 1)
    sheet.text(297.5, 98, "DISCHARGE SUMMARY", 15, bold=True, align=Align.CENTRE)
    rows = (
        (label("Patient"), Cell(patient.name, bold=True), label("MRN"), Cell(patient.chart_number)),
        (
            label("Date of birth"),
            Cell(f"{patient.born:%Y-%m-%d}"),
            label("Sex / Age"),
            Cell(f"{patient.sex} / {patient.age_on(who.day)}"),
        ),
        (label("Admitted"), Cell(f"{who.day:%Y-%m-%d}"), label("Discharged"), Cell(f"{record.discharged:%Y-%m-%d}")),
        (label("Service"), Cell(case.service), label("Attending"), Cell(who.doctor.name)),
        (label("Phone"), Cell(patient.phone), label("Allergies"), Cell(case.allergies, bold=True)),
    )
    y = table(sheet, LEFT, 110, (80.0, 163.5, 80.0, 163.5), rows, Style(9.5, 20))
    y = _heading(sheet, y + 22, "DIAGNOSES")
    for number, item in enumerate(record.diagnoses, 1):
        sheet.text(LEFT, y, f"{number}. {item.english}", BODY)
        sheet.text(RIGHT, y, item.code, BODY, align=Align.RIGHT)
        y += 15.5
    y = _heading(sheet, y + 8, "PRESENTING COMPLAINT")
    y = sheet.paragraph(LEFT, y, case.complaint, BODY, WIDTH)
    y = _heading(sheet, y + 8, "HISTORY")
    y = sheet.paragraph(LEFT, y, case.history, BODY, WIDTH)
    y = _heading(sheet, y + 8, "HOSPITAL COURSE")
    for text in case.course:
        y = sheet.paragraph(LEFT, y, text, BODY, WIDTH) + 4
    y = _heading(sheet, y + 6, "PROCEDURES")
    sheet.paragraph(LEFT, y, "; ".join(case.procedures) + ".", BODY, WIDTH)


def _plan(sheet: Sheet, record: Discharge, rng: Random) -> None:
    who, case = record.encounter, record.case
    _head(sheet, record, 2)
    sheet.text(LEFT, 92, f"{who.patient.name}, {who.patient.chart_number}", 9.5)
    y = _heading(sheet, 118, "DISCHARGE MEDICATIONS")
    rows = [tuple(label(name) for name in ("Medicine", "Dose", "Route", "Frequency", "Duration"))]
    rows += [(Cell(name), *(centred(part) for part in parts)) for name, *parts in case.medicines]
    y = table(sheet, LEFT, y - 8, (150.0, 84.0, 50.0, 123.0, 80.0), rows, Style(9.5, 22))
    y = sheet.paragraph(LEFT, y + 18, case.stopped, BODY, WIDTH)
    y = _heading(sheet, y + 12, "RESULTS ON THE DAY OF DISCHARGE")
    results = [tuple(label(name) for name in ("Test", "Result", "Flag", "Unit", "Reference range"))]
    results += [
        (Cell(item.test.name), *(centred(text) for text in (item.value, item.flag, item.test.unit, item.reference)))
        for item in record.results
    ]
    y = table(sheet, LEFT, y - 8, (150.0, 84.0, 50.0, 83.0, 120.0), results, Style(9.5, 21))
    y = _heading(sheet, y + 24, "CONDITION AT DISCHARGE")
    y = sheet.paragraph(LEFT, y, case.condition, BODY, WIDTH)
    y = _heading(sheet, y + 8, "FOLLOW-UP")
    for number, text in enumerate(case.follow_up, 1):
        y = sheet.paragraph(LEFT, y, f"{number}. {text}", BODY, WIDTH)
    sheet.text(LEFT, y + 40, f"Signed {who.doctor.name}, {who.doctor.licence}", BODY)
    ornaments.signature(sheet, 330, y + 40, rng, 96)
    sheet.text(RIGHT, y + 40, f"{record.discharged:%Y-%m-%d}", BODY, align=Align.RIGHT)


def _heading(sheet: Sheet, y: float, text: str) -> float:
    """Write a section heading on baseline `y`. Returns the first baseline under it."""
    sheet.text(LEFT, y, text, 10.5, bold=True)
    sheet.line(LEFT, y + 4, RIGHT, y + 4, 0.5)
    return y + 19
