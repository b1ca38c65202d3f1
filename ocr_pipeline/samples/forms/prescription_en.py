"""The English outpatient prescription: one sheet a prescription."""

from __future__ import annotations

from random import Random
from typing import Final

from ocr_pipeline.samples import ornaments
from ocr_pipeline.samples.book import Book
from ocr_pipeline.samples.content import Ordered, Prescription, draw_prescription
from ocr_pipeline.samples.grid import Cell, Style, centred, label, table
from ocr_pipeline.samples.sheet import Align, Sheet
from ocr_pipeline.samples.specs import Language

LEFT: Final = 54.0
RIGHT: Final = 541.0
UNITS: Final = {"T": "tablet", "C": "capsule"}
TIMES: Final = {1: "once daily", 2: "twice daily", 3: "three times daily"}


def compose(book: Book, rng: Random, pages: int) -> None:
    """Lay out `pages` prescriptions."""
    for _ in range(pages):
        record = draw_prescription(rng, Language.ENGLISH)
        who = record.encounter
        book.about(who.patient.name, who.patient.chart_number, who.patient.phone, who.patient.address)
        book.about(who.doctor.name, who.doctor.licence, who.hospital.phone)
        _page(book.sheet(), record, rng)


def _page(sheet: Sheet, record: Prescription, rng: Random) -> None:
    who, patient = record.encounter, record.encounter.patient
    sheet.text(297.5, 58, who.hospital.name, 16, bold=True, align=Align.CENTRE)
    sheet.text(297.5, 74, f"{who.hospital.address} - Tel {who.hospital.phone}", 9, align=Align.CENTRE)
    sheet.line(LEFT, 84, RIGHT, 84, 1.2)
    sheet.text(297.5, 108, "PRESCRIPTION", 15, bold=True, align=Align.CENTRE)
    rows = (
        (label("Patient"), Cell(patient.name, bold=True), label("Rx No."), Cell(f"{who.day.year}-{who.serial}")),
        (label("Date of birth"), Cell(f"{patient.born:%Y-%m-%d}"), label("Date"), Cell(f"{who.day:%Y-%m-%d}")),
        (label("Address"), Cell(patient.address), label("MRN"), Cell(patient.chart_number)),
        (
            label("Diagnosis"),
            Cell(", ".join(item.code for item in record.diagnoses)),
            label("Phone"),
            Cell(patient.phone),
        ),
    )
    y = table(sheet, LEFT, 120, (76.0, 199.0, 62.0, 150.0), rows, Style(10, 23))
    y = _medicines(sheet, y + 16, record)
    sheet.text(
        LEFT, y + 20, f"Valid for {record.valid_days} days from the date above. Generic substitution permitted.", 9
    )
    sheet.text(LEFT, y + 66, f"Prescriber {who.doctor.name}", 10.5)
    sheet.text(LEFT, y + 82, f"Licence {who.doctor.licence}", 10)
    sheet.text(330, y + 66, "Signature", 10)
    sheet.line(380, y + 69, RIGHT, y + 69)
    ornaments.signature(sheet, 400, y + 66, rng, 96)


def _medicines(sheet: Sheet, top: float, record: Prescription) -> float:
    headings = ("No.", "Medicine and strength", "Directions", "Days", "Quantity")
    rows: list[tuple[Cell, ...]] = [tuple(label(heading) for heading in headings)]
    for number, line in enumerate(record.lines, 1):
        rows.append(
            (
                centred(str(number)),
                Cell(f"{line.drug.english} {line.drug.strength}"),
                Cell(f"{_dose(line)} {TIMES[line.times]}"),
                centred(str(line.days)),
                centred(_quantity(line)),
            )
        )
    return table(sheet, LEFT, top, (36.0, 178.0, 169.0, 44.0, 60.0), rows, Style(10, 27))


def _dose(line: Ordered) -> str:
    amount, unit = line.dose[:-1], line.dose[-1]
    if unit not in UNITS:
        return line.dose.replace("mL", " mL")
    return f"{amount} {UNITS[unit]}{'' if amount in {'1', '0.5'} else 's'}"


def _quantity(line: Ordered) -> str:
    if line.dose.endswith("mL"):
        return f"{float(line.dose[:-2]) * line.times * line.days:g} mL"
    return f"{float(line.dose[:-1]) * line.times * line.days:g}"
