"""What the samples say: typed records drawn from a seeded generator, before anything is laid out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from ocr_pipeline.samples import people
from ocr_pipeline.samples.people import Doctor, Hospital, Patient
from ocr_pipeline.samples.specs import Language
from ocr_pipeline.samples.vocabulary import medicine, names
from ocr_pipeline.samples.vocabulary.cases_en import CASES_EN, CaseEn
from ocr_pipeline.samples.vocabulary.cases_ko import CASES_KO, CaseKo
from ocr_pipeline.samples.vocabulary.medicine import Diagnosis, Drug, LabTest

_FIRST_DAY = date(2026, 1, 5)
_DAYS_DRAWN = 280


@dataclass(frozen=True, slots=True)
class Encounter:
    """Who met whom, where and when: the head of every form."""

    patient: Patient
    doctor: Doctor
    hospital: Hospital
    day: date
    serial: str


@dataclass(frozen=True, slots=True)
class Ordered:
    """One line of a prescription: so many doses a day for so many days."""

    drug: Drug
    dose: str
    times: int
    days: int

    @property
    def written(self) -> str:
        """The order as a ward writes it: `Amlodipine 5mg 0.5T PO qd`; injections give the dose alone."""
        strength = f"{self.drug.strength} " if self.drug in medicine.DRUGS else ""
        return f"{self.drug.english} {strength}{self.dose} {self.drug.route} {self.frequency}"

    @property
    def frequency(self) -> str:
        """The times a day in the usual Latin."""
        return {1: "qd", 2: "bid", 3: "tid"}[self.times]


@dataclass(frozen=True, slots=True)
class Prescription:
    """A prescription: `insurance` indexes the form's five kinds of insurance."""

    encounter: Encounter
    diagnoses: tuple[Diagnosis, ...]
    lines: tuple[Ordered, ...]
    insurance: int
    valid_days: int
    department: str


@dataclass(frozen=True, slots=True)
class Result:
    """A laboratory value as printed. `flag` is H, L or empty."""

    test: LabTest
    value: str
    flag: str
    reference: str


@dataclass(frozen=True, slots=True)
class LabReport:
    """Results by panel title, in the order they are printed; times of day as `08:15`."""

    encounter: Encounter
    panels: tuple[tuple[str, tuple[Result, ...]], ...]
    specimen: str
    collected: str
    reported: str
    department: str
    remark: str


@dataclass(frozen=True, slots=True)
class Admission:
    """A Korean stay in hospital, told by a case, with the nurses on duty and the standing orders."""

    encounter: Encounter
    case: CaseKo
    discharged: date
    nurses: tuple[str, ...]
    orders: tuple[Ordered, ...]

    @property
    def diagnoses(self) -> tuple[Diagnosis, ...]:
        """The case's diagnoses with their names."""
        return tuple(medicine.DIAGNOSES[code] for code in self.case.codes)


@dataclass(frozen=True, slots=True)
class Discharge:
    """An English stay in hospital with its results on the day of discharge."""

    encounter: Encounter
    case: CaseEn
    discharged: date
    results: tuple[Result, ...]

    @property
    def diagnoses(self) -> tuple[Diagnosis, ...]:
        """The case's diagnoses with their names."""
        return tuple(medicine.DIAGNOSES[code] for code in self.case.codes)


def draw_encounter(rng: Random, language: Language) -> Encounter:
    """People, a hospital and a working day of 2026."""
    korean = language is Language.KOREAN
    return Encounter(
        patient=people.draw_patient_ko(rng) if korean else people.draw_patient_en(rng),
        doctor=people.draw_doctor_ko(rng) if korean else people.draw_doctor_en(rng),
        hospital=people.draw_hospital_ko(rng) if korean else people.draw_hospital_en(rng),
        day=_FIRST_DAY + timedelta(days=rng.randrange(_DAYS_DRAWN)),
        serial=f"{rng.randrange(1, 99_999):05d}",
    )


def draw_prescription(rng: Random, language: Language) -> Prescription:
    """Three to eight medicines for one or two diagnoses."""
    days = rng.choice((3, 5, 7, 14, 28))
    return Prescription(
        encounter=draw_encounter(rng, language),
        diagnoses=tuple(rng.sample(sorted(medicine.DIAGNOSES.values(), key=lambda item: item.code), rng.randint(1, 2))),
        lines=tuple(_order(rng, drug, days) for drug in rng.sample(medicine.DRUGS, rng.randint(3, 8))),
        insurance=rng.choice((0, 0, 0, 1, 3)),
        valid_days=rng.choice((3, 7)),
        department=rng.choice(names.DEPARTMENTS_KO),
    )


def draw_lab_report(rng: Random, language: Language) -> LabReport:
    """Four panels with about one value in four outside its reference range."""
    korean = language is Language.KOREAN
    titles = (
        ("일반혈액검사", "일반화학검사", "지질 및 전해질검사", "갑상선 및 응고검사")
        if korean
        else ("COMPLETE BLOOD COUNT", "CHEMISTRY PANEL", "LIPIDS AND ELECTROLYTES", "THYROID AND COAGULATION")
    )
    panels = (medicine.BLOOD_COUNT, medicine.CHEMISTRY, medicine.LIPIDS_AND_SALTS, medicine.THYROID_AND_CLOTTING)
    return LabReport(
        encounter=draw_encounter(rng, language),
        panels=tuple(
            (title, tuple(draw_result(rng, test) for test in tests))
            for title, tests in zip(titles, panels, strict=True)
        ),
        specimen=f"S26{rng.randrange(100_000, 999_999)}",
        collected=f"0{rng.randint(6, 9)}:{rng.randrange(60):02d}",
        reported=f"{rng.randint(13, 17)}:{rng.randrange(60):02d}",
        department=rng.choice(names.DEPARTMENTS_KO),
        remark=rng.choice(
            (
                "참고치는 성인 기준이며 검사 방법에 따라 다를 수 있습니다.",
                "경미한 용혈이 있어 칼륨 결과 해석에 주의하십시오.",
            )
            if korean
            else ("Reference ranges are for adults.", "Slight haemolysis: interpret potassium with care.")
        ),
    )


def draw_admission(rng: Random, *, shortest: int = 4, longest: int = 10) -> Admission:
    """A Korean admission of `shortest` to `longest` days."""
    encounter = draw_encounter(rng, Language.KOREAN)
    days = rng.randint(shortest, longest)
    case = rng.choice(CASES_KO)
    known = {drug.english: drug for drug in (*medicine.INJECTIONS, *medicine.DRUGS)}
    drugs = [known[name] for name in case.medicines]
    return Admission(
        encounter=encounter,
        case=case,
        discharged=encounter.day + timedelta(days=days),
        nurses=tuple(rng.sample(names.NURSES_KO, 3)),
        orders=tuple(_order(rng, drug, days) for drug in drugs),
    )


def draw_discharge(rng: Random) -> Discharge:
    """An English admission of three to nine days."""
    encounter = draw_encounter(rng, Language.ENGLISH)
    # None that the narratives of the cases quote, so that no summary contradicts itself.
    tests = (*medicine.BLOOD_COUNT[4:], *medicine.CHEMISTRY[5:9])
    return Discharge(
        encounter=encounter,
        case=rng.choice(CASES_EN),
        discharged=encounter.day + timedelta(days=rng.randint(3, 9)),
        results=tuple(draw_result(rng, test) for test in tests),
    )


def draw_result(rng: Random, test: LabTest) -> Result:
    """A value within or, one time in three, beyond the reference range, flagged from the value as printed."""
    span = test.high - test.low
    ranges = {
        "low": (max(test.low - 0.4 * span, 0.6 * test.low), test.low),
        "usual": (test.low + 0.05 * span, test.high - 0.05 * span),
        "high": (test.high, test.high + 0.8 * span),
    }
    (kind,) = rng.choices(tuple(ranges), weights=(1, 6, 2))
    value = f"{rng.uniform(*ranges[kind]):.{test.places}f}"
    flag = "H" if float(value) > test.high else "L" if float(value) < test.low else ""
    return Result(test, value, flag, f"{test.low:.{test.places}f} - {test.high:.{test.places}f}")


def _order(rng: Random, drug: Drug, days: int) -> Ordered:
    return Ordered(drug, rng.choice(drug.doses), rng.choice(drug.times), days)
