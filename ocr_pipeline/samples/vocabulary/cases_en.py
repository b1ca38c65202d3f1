"""Courses of illness in English for discharge summaries. Doses and dates stand as a hospital writes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class CaseEn:
    """An admission told in a discharge summary. `medicines` are rows of drug, dose, route, frequency and duration."""

    codes: tuple[str, ...]
    service: str
    complaint: str
    history: str
    course: tuple[str, ...]
    procedures: tuple[str, ...]
    medicines: tuple[tuple[str, str, str, str, str], ...]
    stopped: str
    condition: str
    follow_up: tuple[str, ...]
    allergies: str


HEART_FAILURE: Final = CaseEn(
    codes=("I50.0", "I48.9", "N18.3"),
    service="Cardiology",
    complaint="Shortness of breath and leg swelling for 10 days.",
    history=(
        "Admitted with progressive exertional dyspnoea, orthopnoea needing three pillows and a weight gain of 5.2 kg "
        "over ten days. Known atrial fibrillation, rate controlled with bisoprolol 2.5 mg daily. No chest pain, no "
        "fever. Diuretic doses had been missed during a family visit."
    ),
    course=(
        (
            "On arrival blood pressure was 148/92 mmHg, heart rate 112/min and irregular, oxygen saturation 91% on "
            "room air. Chest radiograph showed small bilateral effusions and upper lobe diversion. NT-proBNP was "
            "4,820 pg/mL."
        ),
        (
            "Furosemide 40 mg IV twice daily was given for three days with a net loss of 6.1 L. Creatinine peaked at "
            "1.74 mg/dL on day 3 and settled at 1.48 mg/dL before discharge. Echocardiography showed an ejection "
            "fraction of 38% with moderate mitral regurgitation."
        ),
        (
            "Warfarin was continued with a target INR of 2.0 to 3.0; the INR on the day of discharge was 2.4. "
            "Potassium stayed between 3.9 and 4.6 mmol/L on losartan 25 mg daily."
        ),
    ),
    procedures=("Transthoracic echocardiogram", "24-hour Holter monitor", "Chest radiograph, two views"),
    medicines=(
        ("Furosemide", "40 mg", "PO", "once daily", "continue"),
        ("Bisoprolol", "5 mg", "PO", "once daily", "continue"),
        ("Losartan", "25 mg", "PO", "once daily", "continue"),
        ("Warfarin", "2.5 mg", "PO", "at bedtime", "INR clinic"),
        ("Spironolactone", "12.5 mg", "PO", "once daily", "30 days"),
    ),
    stopped="Ibuprofen 400 mg as needed was stopped because of kidney function.",
    condition="Stable, walking 200 m without breathlessness. Discharge weight 71.4 kg.",
    follow_up=(
        "Heart failure clinic in 7 days with creatinine and potassium.",
        "INR check in 3 days at the anticoagulation clinic.",
        "Weigh daily; call the ward if weight rises by more than 1.5 kg in two days.",
    ),
    allergies="Penicillin (rash)",
)

PNEUMONIA: Final = CaseEn(
    codes=("J18.9", "E11.9", "I10"),
    service="General Medicine",
    complaint="Productive cough, fever and right-sided chest pain for 4 days.",
    history=(
        "Presented with four days of fever to 39.1 C, cough with rust-coloured sputum and pleuritic pain on the "
        "right. Type 2 diabetes is treated with metformin 1000 mg twice daily and hypertension with amlodipine 5 mg "
        "daily. Stopped smoking in 2019 after 15 pack-years."
    ),
    course=(
        (
            "CURB-65 score was 2. White cell count was 16.8 x 10^9/L and C-reactive protein 212 mg/L. Chest "
            "radiograph showed right lower lobe consolidation without effusion. Blood cultures remained negative at "
            "five days."
        ),
        (
            "Ceftriaxone 2 g IV once daily and azithromycin 500 mg PO once daily were given for three days, then "
            "changed to amoxicillin-clavulanate 875/125 mg PO twice daily. Oxygen at 2 L/min was needed for 36 hours."
        ),
        (
            "Glucose ranged from 142 to 286 mg/dL; insulin glargine 10 units at night was used in hospital and "
            "stopped at discharge. HbA1c was 8.1%."
        ),
    ),
    procedures=("Chest radiograph, two views", "Blood cultures, two sets", "Sputum culture"),
    medicines=(
        ("Amoxicillin-clavulanate", "875/125 mg", "PO", "twice daily", "4 days"),
        ("Metformin", "1000 mg", "PO", "twice daily", "continue"),
        ("Amlodipine", "5 mg", "PO", "once daily", "continue"),
        ("Atorvastatin", "20 mg", "PO", "at bedtime", "continue"),
        ("Acetaminophen", "500 mg", "PO", "every 6 h as needed", "5 days"),
    ),
    stopped="No earlier medicine was stopped.",
    condition="Afebrile for 48 hours, oxygen saturation 96% on room air.",
    follow_up=(
        "Primary care visit in 7 days; repeat chest radiograph in 6 weeks.",
        "Diabetes nurse in 14 days to review HbA1c of 8.1%.",
        "Return at once for breathlessness, confusion or fever above 38.0 C.",
    ),
    allergies="None known",
)

REFLUX_BLEED: Final = CaseEn(
    codes=("K21.0", "K29.7", "E78.5"),
    service="Gastroenterology",
    complaint="Black stools and upper abdominal pain for 2 days.",
    history=(
        "Two days of tarry stools with epigastric burning after taking naproxen 500 mg twice daily for back pain. "
        "Light-headed on standing, no loss of consciousness. Reflux symptoms on most nights for three years."
    ),
    course=(
        (
            "Haemoglobin was 9.6 g/dL on admission, 8.7 g/dL on day 2 and 9.4 g/dL at discharge; no transfusion was "
            "needed. Urea was 41 mg/dL. Blood pressure never fell below 104/62 mmHg."
        ),
        (
            "Upper endoscopy within 18 hours showed grade B reflux oesophagitis and antral erosions without a "
            "visible vessel (Forrest III). Rapid urease test was negative."
        ),
        "Pantoprazole 80 mg IV was given, followed by 40 mg IV every 12 hours for two days and then by mouth.",
    ),
    procedures=("Upper endoscopy with biopsy", "Rapid urease test"),
    medicines=(
        ("Pantoprazole", "40 mg", "PO", "twice daily", "8 weeks"),
        ("Ferrous sulfate", "325 mg", "PO", "every other day", "3 months"),
        ("Atorvastatin", "20 mg", "PO", "at bedtime", "continue"),
        ("Acetaminophen", "650 mg", "PO", "every 8 h as needed", "14 days"),
    ),
    stopped="Naproxen 500 mg was stopped; no anti-inflammatory medicine should be taken.",
    condition="Stable, eating normally, no black stool for 36 hours.",
    follow_up=(
        "Gastroenterology clinic in 8 weeks for repeat endoscopy.",
        "Blood count in 10 days at primary care.",
        "Call 555-0199 at once for black stools, vomiting of blood or fainting.",
    ),
    allergies="Sulfonamides (hives)",
)

CASES_EN: Final = (HEART_FAILURE, PNEUMONIA, REFLUX_BLEED)
