"""Facts of medicine the samples quote: ingredients and strengths, KCD and ICD-10 codes, laboratory ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Drug:
    """A generic medicine. `dose` is one dose in its unit, such as `1T` (a tablet), `1C` (a capsule) or `10mL`."""

    korean: str
    english: str
    strength: str
    doses: tuple[str, ...]
    times: tuple[int, ...]
    usage: str
    route: str = "PO"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A diagnosis and its code; the codes below stand in both KCD-8 and ICD-10."""

    code: str
    korean: str
    english: str


@dataclass(frozen=True, slots=True)
class LabTest:
    """A laboratory test. `places` is the number of decimals its results are given with."""

    name: str
    korean: str
    unit: str
    low: float
    high: float
    places: int


AFTER_MEAL: Final = "식후 30분"
BEFORE_MEAL: Final = "식전 30분"
BEDTIME: Final = "취침 전"
MORNING: Final = "아침 식후"

DRUGS: Final = (
    Drug("아목시실린캡슐", "Amoxicillin", "500mg", ("1C",), (3,), AFTER_MEAL),
    Drug("세파클러캡슐", "Cefaclor", "250mg", ("1C", "2C"), (3,), AFTER_MEAL),
    Drug("레보플록사신정", "Levofloxacin", "500mg", ("1T",), (1,), MORNING),
    Drug("아세트아미노펜정", "Acetaminophen", "500mg", ("1T", "2T"), (3,), AFTER_MEAL),
    Drug("이부프로펜정", "Ibuprofen", "200mg", ("1T", "2T"), (3,), AFTER_MEAL),
    Drug("암로디핀정", "Amlodipine", "5mg", ("1T", "0.5T"), (1,), MORNING),
    Drug("로사르탄칼륨정", "Losartan", "50mg", ("1T", "0.5T"), (1,), MORNING),
    Drug("비소프롤롤정", "Bisoprolol", "2.5mg", ("1T", "0.5T"), (1,), MORNING),
    Drug("메트포르민서방정", "Metformin XR", "750mg", ("1T", "2T"), (1, 2), AFTER_MEAL),
    Drug("글리메피리드정", "Glimepiride", "2mg", ("1T", "0.5T"), (1,), "아침 식전"),
    Drug("시타글립틴정", "Sitagliptin", "100mg", ("1T",), (1,), MORNING),
    Drug("아토르바스타틴정", "Atorvastatin", "20mg", ("1T",), (1,), BEDTIME),
    Drug("클로피도그렐정", "Clopidogrel", "75mg", ("1T",), (1,), MORNING),
    Drug("와파린나트륨정", "Warfarin", "2mg", ("1T", "1.5T", "0.5T"), (1,), BEDTIME),
    Drug("푸로세미드정", "Furosemide", "40mg", ("0.5T", "1T"), (1,), MORNING),
    Drug("에스오메프라졸캡슐", "Esomeprazole", "20mg", ("1C",), (1,), "아침 식전"),
    Drug("레바미피드정", "Rebamipide", "100mg", ("1T",), (3,), AFTER_MEAL),
    Drug("모사프리드정", "Mosapride", "5mg", ("1T",), (3,), BEFORE_MEAL),
    Drug("세티리진정", "Cetirizine", "10mg", ("1T",), (1,), BEDTIME),
    Drug("몬테루카스트정", "Montelukast", "10mg", ("1T",), (1,), BEDTIME),
    Drug("암브록솔시럽", "Ambroxol syrup", "3mg/mL", ("10mL", "5mL"), (3,), AFTER_MEAL),
    Drug("프레드니솔론정", "Prednisolone", "5mg", ("1T", "2T"), (1, 2), AFTER_MEAL),
    Drug("레보티록신나트륨정", "Levothyroxine", "0.05mg", ("1T", "1.5T"), (1,), "아침 공복"),
    Drug("가바펜틴캡슐", "Gabapentin", "300mg", ("1C",), (2, 3), AFTER_MEAL),
)
INJECTIONS: Final = (
    Drug("세프트리악손주", "Ceftriaxone", "1g", ("2g",), (1,), "점적 정주", "IV"),
    Drug("에녹사파린주", "Enoxaparin", "40mg/0.4mL", ("0.4mL",), (1,), "피하 주사", "SC"),
    Drug("인슐린글라진주", "Insulin glargine", "100IU/mL", ("12IU", "16IU"), (1,), "피하 주사", "SC"),
    Drug("덱사메타손주", "Dexamethasone", "5mg/mL", ("0.5mL", "1mL"), (1,), "근육 주사", "IM"),
)

DIAGNOSES: Final = {
    item.code: item
    for item in (
        Diagnosis("I10", "본태성(원발성) 고혈압", "Essential (primary) hypertension"),
        Diagnosis("E11.9", "합병증을 동반하지 않은 2형 당뇨병", "Type 2 diabetes mellitus without complications"),
        Diagnosis("J20.9", "상세불명의 급성 기관지염", "Acute bronchitis, unspecified"),
        Diagnosis("K21.0", "식도염을 동반한 위-식도역류병", "Gastro-oesophageal reflux disease with oesophagitis"),
        Diagnosis("E78.5", "상세불명의 고지질혈증", "Hyperlipidaemia, unspecified"),
        Diagnosis("J18.9", "상세불명의 폐렴", "Pneumonia, unspecified"),
        Diagnosis("N39.0", "부위가 명시되지 않은 요로감염", "Urinary tract infection, site not specified"),
        Diagnosis("K29.7", "상세불명의 위염", "Gastritis, unspecified"),
        Diagnosis("I50.0", "울혈성 심부전", "Congestive heart failure"),
        Diagnosis(
            "I63.5", "대뇌동맥의 폐쇄에 의한 뇌경색증", "Cerebral infarction due to occlusion of cerebral arteries"
        ),
        Diagnosis("E03.9", "상세불명의 갑상선기능저하증", "Hypothyroidism, unspecified"),
        Diagnosis("G43.9", "상세불명의 편두통", "Migraine, unspecified"),
        Diagnosis("J45.9", "상세불명의 천식", "Asthma, unspecified"),
        Diagnosis("N18.3", "만성 신장병(3기)", "Chronic kidney disease, stage 3"),
        Diagnosis("I48.9", "상세불명의 심방세동", "Atrial fibrillation, unspecified"),
    )
}

BLOOD_COUNT: Final = (
    LabTest("WBC", "백혈구", "10^3/uL", 4.0, 10.0, 1),
    LabTest("RBC", "적혈구", "10^6/uL", 4.2, 5.6, 2),
    LabTest("Hemoglobin", "혈색소", "g/dL", 13.0, 17.0, 1),
    LabTest("Hematocrit", "적혈구용적률", "%", 39.0, 52.0, 1),
    LabTest("MCV", "평균적혈구용적", "fL", 80.0, 96.0, 1),
    LabTest("Platelet", "혈소판", "10^3/uL", 150, 400, 0),
    LabTest("Neutrophil", "호중구", "%", 40.0, 73.0, 1),
    LabTest("Lymphocyte", "림프구", "%", 20.0, 48.0, 1),
)
CHEMISTRY: Final = (
    LabTest("Glucose", "공복혈당", "mg/dL", 70, 99, 0),
    LabTest("HbA1c", "당화혈색소", "%", 4.0, 5.6, 1),
    LabTest("BUN", "혈액요소질소", "mg/dL", 8.0, 20.0, 1),
    LabTest("Creatinine", "크레아티닌", "mg/dL", 0.60, 1.20, 2),
    LabTest("Uric acid", "요산", "mg/dL", 3.0, 7.0, 1),
    LabTest("AST", "AST", "U/L", 5, 40, 0),
    LabTest("ALT", "ALT", "U/L", 5, 41, 0),
    LabTest("Total bilirubin", "총빌리루빈", "mg/dL", 0.2, 1.2, 1),
    LabTest("Albumin", "알부민", "g/dL", 3.5, 5.2, 1),
    LabTest("CRP", "C-반응단백", "mg/L", 0.0, 5.0, 1),
)
LIPIDS_AND_SALTS: Final = (
    LabTest("Total cholesterol", "총콜레스테롤", "mg/dL", 130, 200, 0),
    LabTest("Triglyceride", "중성지방", "mg/dL", 50, 150, 0),
    LabTest("HDL-C", "HDL 콜레스테롤", "mg/dL", 40, 60, 0),
    LabTest("LDL-C", "LDL 콜레스테롤", "mg/dL", 60, 130, 0),
    LabTest("Sodium", "나트륨", "mmol/L", 136, 145, 0),
    LabTest("Potassium", "칼륨", "mmol/L", 3.5, 5.1, 1),
    LabTest("Chloride", "염소", "mmol/L", 98, 107, 0),
    LabTest("Calcium", "칼슘", "mg/dL", 8.6, 10.2, 1),
)
THYROID_AND_CLOTTING: Final = (
    LabTest("TSH", "갑상선자극호르몬", "uIU/mL", 0.27, 4.20, 2),
    LabTest("Free T4", "유리 T4", "ng/dL", 0.93, 1.70, 2),
    LabTest("Ferritin", "페리틴", "ng/mL", 30, 400, 0),
    LabTest("Vitamin D", "비타민 D", "ng/mL", 30.0, 100.0, 1),
    LabTest("PT INR", "프로트롬빈시간", "INR", 0.90, 1.20, 2),
    LabTest("aPTT", "활성부분트롬보플라스틴시간", "sec", 25.0, 38.0, 1),
    LabTest("D-dimer", "D-이합체", "ug/mL", 0.00, 0.50, 2),
)
