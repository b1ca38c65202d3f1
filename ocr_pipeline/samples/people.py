"""Invented patients, doctors and hospitals drawn from a seeded generator.

Numbers have the true form but lie where none was ever issued: the place code 99 in resident numbers, exchange 0000 in
Korean telephone numbers and 555-01xx in American ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Final

from ocr_pipeline.samples.vocabulary import names

_UNISSUED_PLACE: Final = "99"
_CHECK_WEIGHTS: Final = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_NEW_CENTURY: Final = 2000


@dataclass(frozen=True, slots=True)
class Hospital:
    """A hospital. `number` is the eight-digit institution number, empty where the country has none."""

    name: str
    address: str
    phone: str
    fax: str
    number: str


@dataclass(frozen=True, slots=True)
class Doctor:
    """The one who signs. `licence` is a number above every licence issued so far."""

    name: str
    licence: str


@dataclass(frozen=True, slots=True)
class Patient:
    """A person who does not exist. `resident_number` is empty outside Korea; `sex` is M or F."""

    name: str
    sex: str
    born: date
    resident_number: str
    chart_number: str
    phone: str
    address: str

    @property
    def masked_resident_number(self) -> str:
        """The resident number as counters print it: birth date and sex, the rest starred."""
        return f"{self.resident_number[:8]}******"

    def age_on(self, day: date) -> int:
        """Completed years of life on `day`."""
        return day.year - self.born.year - ((day.month, day.day) < (self.born.month, self.born.day))


def check_digit(first_twelve: str) -> str:
    """The thirteenth digit of a Korean resident number: (11 - weighted sum mod 11) mod 10."""
    total = sum(weight * int(digit) for weight, digit in zip(_CHECK_WEIGHTS, first_twelve, strict=True))
    return str((11 - total % 11) % 10)


def draw_resident_number(rng: Random, born: date, sex: str) -> str:
    """A number of valid form and check digit, `850312-1990123`, with a place code that was never issued."""
    century_and_sex = {"M": 1, "F": 2}[sex] + (2 if born.year >= _NEW_CENTURY else 0)
    body = f"{born:%y%m%d}{century_and_sex}{_UNISSUED_PLACE}{rng.randrange(1000):03d}"
    return f"{body[:6]}-{body[6:]}{check_digit(body)}"


def draw_patient_ko(rng: Random) -> Patient:
    """A Korean patient between 20 and 85 years old."""
    sex = rng.choice("MF")
    born = date(1941, 1, 1) + timedelta(days=rng.randrange(64 * 365))
    return Patient(
        name=rng.choice(names.FAMILY_NAMES_KO) + rng.choice(names.GIVEN_NAMES_KO),
        sex=sex,
        born=born,
        resident_number=draw_resident_number(rng, born, sex),
        chart_number=f"{rng.randrange(10_000_000, 99_999_999)}",
        phone=f"010-0000-{rng.randrange(1000, 9999)}",
        address=f"{rng.choice(names.TOWNS_KO)} {rng.choice(names.STREETS_KO)} {rng.randrange(2, 480)}",
    )


def draw_patient_en(rng: Random) -> Patient:
    """An English-speaking patient between 20 and 85 years old."""
    given, sex = rng.choice(names.GIVEN_NAMES_EN)
    return Patient(
        name=f"{given} {rng.choice(names.FAMILY_NAMES_EN)}",
        sex=sex,
        born=date(1941, 1, 1) + timedelta(days=rng.randrange(64 * 365)),
        resident_number="",
        chart_number=f"MRN-{rng.randrange(100_000, 999_999)}",
        phone=f"(555) 555-01{rng.randrange(100):02d}",
        address=f"{rng.randrange(10, 990)} Specimen Way, Sampleton",
    )


def draw_doctor_ko(rng: Random) -> Doctor:
    """A Korean doctor with a licence number in the nine hundred thousands."""
    return Doctor(rng.choice(names.DOCTOR_NAMES_KO), f"{rng.randrange(900_000, 999_999)}")


def draw_doctor_en(rng: Random) -> Doctor:
    """An English-speaking doctor with a licence of invented form."""
    return Doctor(rng.choice(names.DOCTOR_NAMES_EN), f"LIC-{rng.randrange(10_000, 99_999)}")


def draw_hospital_ko(rng: Random) -> Hospital:
    """A Korean hospital whose name says that it is a model."""
    name, address = rng.choice(names.HOSPITALS_KO)
    line = rng.randrange(1000, 9990)
    return Hospital(name, address, f"02-0000-{line}", f"02-0000-{line + 1}", f"99{rng.randrange(100_000, 999_999)}")


def draw_hospital_en(rng: Random) -> Hospital:
    """An English-speaking hospital whose name says that it is a model."""
    name, address = rng.choice(names.HOSPITALS_EN)
    line = rng.randrange(10, 98)
    return Hospital(name, address, f"(555) 555-01{line}", f"(555) 555-01{line + 1}", "")
