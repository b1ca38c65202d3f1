"""Courses of illness in Korean, as a ward would write them. Braces are filled when a record is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ProgressKo:
    """One progress note in the problem-oriented order: subjective, objective, assessment, plan."""

    subjective: str
    objective: str
    assessment: str
    plan: str


@dataclass(frozen=True, slots=True)
class CaseKo:
    """An admission: diagnoses by code, history, notes, nursing notes and the opinion a certificate gives.

    `medicines` are English names of `medicine.DRUGS` and `medicine.INJECTIONS`.
    """

    codes: tuple[str, ...]
    department: str
    complaint: str
    onset: str
    onset_days: int
    illness: str
    history: str
    examination: str
    plan: tuple[str, ...]
    progress: tuple[ProgressKo, ...]
    nursing: tuple[str, ...]
    opinion: str
    medicines: tuple[str, ...]


PNEUMONIA: Final = CaseKo(
    codes=("J18.9", "I10"),
    department="호흡기내과",
    complaint="기침, 가래, 발열",
    onset="내원 5일 전",
    onset_days=5,
    illness=(
        "내원 5일 전부터 누런 가래를 동반한 기침이 시작되었고 2일 전부터 38.5℃ 이상의 발열과 오한이 있어 외래 "
        "방문함. 가까운 의원에서 약을 3일간 복용하였으나 호전 없음. 흉통과 객혈은 없음."
    ),
    history="고혈압으로 암로디핀 5mg 1일 1회 복용 중. 당뇨, 결핵 병력 없음. 약물 알레르기 없음.",
    examination="우측 하부 폐야에서 수포음 청진됨. 심음 규칙적이고 잡음 없음. 복부 압통 없음. 하지 부종 없음.",
    plan=(
        "흉부 X-선 촬영, 일반혈액검사, CRP, 객담 배양검사 시행",
        "Ceftriaxone 2g IV qd 시작, Acetaminophen 500mg 1T tid PO",
        "산소포화도 92% 미만 시 비강 산소 2L/min 투여",
    ),
    progress=(
        ProgressKo(
            "밤새 기침이 심해 잠을 설침. 오한은 줄었다고 함.",
            "BT 38.2℃, SpO2 94%. 우하엽 수포음 지속. CRP 84.6 mg/L, WBC 14.2.",
            "지역사회획득 폐렴, 항생제 투여 2일째.",
            "Ceftriaxone 2g IV qd 유지. 객담 배양 결과 확인 예정.",
        ),
        ProgressKo(
            "가래 양이 줄고 열감이 없다고 함. 식사는 절반 정도 함.",
            "BT 37.1℃, SpO2 96%. 수포음 감소. CRP 31.2 mg/L.",
            "폐렴 호전 중. 혈압 조절 양호.",
            "Ceftriaxone 2g IV qd 유지, Ambroxol syrup 10mL tid 추가.",
        ),
        ProgressKo(
            "기침은 가끔 있고 걷는 데 숨찬 증상 없음.",
            "BT 36.6℃, SpO2 98%. 흉부 X-선 음영 감소.",
            "폐렴 호전, 경구 항생제로 전환 가능함.",
            "Levofloxacin 500mg 1T qd PO 5일. 내일 퇴원 예정.",
        ),
    ),
    nursing=(
        "병실 입실함. 낙상 예방과 호출기 사용법을 교육함.",
        "체온 38.4℃로 측정되어 미온수 마사지 시행하고 담당의에게 알림.",
        "Acetaminophen 500mg 1T 경구 투여함. 30분 후 체온 37.6℃ 확인함.",
        "기침 시 흰 가래 소량 배출함. 수분 섭취를 격려함.",
        "정맥주사 부위 발적이나 부종 없음. 수액 80mL/hr로 주입 중임.",
        "수면 중이며 호흡 규칙적임. 침상 난간 올려 둠.",
    ),
    opinion=(
        "상기 환자는 기침과 발열을 주소로 내원하여 시행한 흉부 방사선 촬영에서 우하엽 폐렴이 확인되어 입원하였으며, "
        "항생제 정맥 투여 후 증상과 염증 수치가 호전되어 퇴원하였습니다. 퇴원 후 5일간 경구 항생제 복용이 필요하며, "
        "2주간 안정가료와 외래 추적 관찰을 요합니다."
    ),
    medicines=("Ceftriaxone", "Acetaminophen", "Ambroxol syrup", "Amlodipine", "Esomeprazole", "Montelukast"),
)

DIABETES: Final = CaseKo(
    codes=("E11.9", "E78.5", "I10"),
    department="내과",
    complaint="다음, 다뇨, 체중 감소",
    onset="내원 2개월 전",
    onset_days=60,
    illness=(
        "내원 2개월 전부터 갈증이 심하고 소변 횟수가 하루 12회 이상으로 늘었으며 체중이 6kg 감소하여 내원함. "
        "건강검진에서 공복혈당 248 mg/dL로 측정됨. 시야 흐림과 발 저림은 없음."
    ),
    history="고혈압으로 로사르탄 50mg 1일 1회 복용 중. 부친이 2형 당뇨병 진단받음. 흡연 20갑년, 3년 전 금연함.",
    examination="의식 명료함. 구강 점막 건조함. 발등동맥 촉지되며 발에 상처 없음. 단일섬유 감각검사 정상임.",
    plan=(
        "당화혈색소, 공복 및 식후 2시간 혈당, 지질검사, 소변 알부민 검사 시행",
        "Metformin XR 750mg 1T bid PO, Insulin glargine 12IU SC qd 시작",
        "영양 상담과 자가혈당측정 교육, 안저검사 의뢰",
    ),
    progress=(
        ProgressKo(
            "갈증이 줄고 밤에 소변은 1회 봄. 저혈당 증상 없음.",
            "공복혈당 186 mg/dL, 식후 2시간 244 mg/dL. HbA1c 10.4%.",
            "2형 당뇨병, 인슐린 용량 조절 필요함.",
            "Insulin glargine 16IU SC qd로 증량. Metformin XR 750mg bid 유지.",
        ),
        ProgressKo(
            "식은땀이나 떨림 없음. 당뇨식 모두 섭취함.",
            "공복혈당 132 mg/dL, 식후 2시간 178 mg/dL. BP 136/82 mmHg.",
            "혈당 호전 중. LDL 콜레스테롤 162 mg/dL로 높음.",
            "Atorvastatin 20mg 1T qd hs 추가. 자가주사 교육 계속함.",
        ),
        ProgressKo(
            "자가주사를 스스로 시행함. 불편감 없음.",
            "공복혈당 118 mg/dL. 발 진찰 정상.",
            "2형 당뇨병, 퇴원 가능함.",
            "외래 2주 후 방문. 공복혈당 기록 지참하도록 설명함.",
        ),
    ),
    nursing=(
        "입원 생활 안내하고 당뇨식 1800kcal 신청함.",
        "취침 전 혈당 212 mg/dL 측정됨. 간식 섭취 제한을 설명함.",
        "Insulin glargine 12IU 복부에 피하주사함. 주사 부위 교대를 교육함.",
        "저혈당 증상과 대처 방법을 설명하고 사탕을 지참하게 함.",
        "발 관리 방법을 교육하고 양말 착용을 권함.",
        "자가혈당측정을 환자가 직접 시행하도록 격려함.",
    ),
    opinion=(
        "상기 환자는 다음, 다뇨와 체중 감소를 주소로 내원하여 시행한 검사에서 당화혈색소 10.4%로 2형 "
        "당뇨병이 진단되었습니다. 인슐린과 경구 혈당강하제 치료를 시작하였으며, 향후 지속적인 약물 치료와 식이 요법, "
        "3개월 간격의 당화혈색소 검사 및 합병증 검사가 필요할 것으로 사료됩니다."
    ),
    medicines=("Insulin glargine", "Metformin XR", "Atorvastatin", "Losartan", "Sitagliptin", "Gabapentin"),
)

URINARY_INFECTION: Final = CaseKo(
    codes=("N39.0", "N18.3"),
    department="신장내과",
    complaint="우측 옆구리 통증, 발열, 배뇨통",
    onset="내원 3일 전",
    onset_days=3,
    illness=(
        "내원 3일 전부터 배뇨통과 빈뇨가 있었고 1일 전부터 오한을 동반한 38.9℃의 발열과 우측 옆구리 통증이 "
        "생겨 응급실로 내원함. 육안적 혈뇨는 없었고 구토 1회 있었음."
    ),
    history="만성 신장병 3기로 외래 추적 중. 수술력 없음. 페니실린 투여 후 발진 있었음.",
    examination="우측 늑골척추각 압통 있음. 복부 부드럽고 장음 정상임. 점막 약간 건조함.",
    plan=(
        "소변검사와 소변 배양, 혈액 배양 2쌍, 신장 초음파 시행",
        "Levofloxacin 500mg IV qd, 생리식염수 1L IV 60mL/hr",
        "크레아티닌 매일 측정, 소변량 8시간마다 기록",
    ),
    progress=(
        ProgressKo(
            "옆구리 통증 NRS 6점에서 4점으로 줄었다고 함.",
            "BT 38.0℃, BP 112/70 mmHg. Creatinine 1.82 mg/dL, WBC 13.6.",
            "급성 신우신염, 만성 신장병 3기.",
            "Levofloxacin 500mg IV qd 유지. NSAID 사용 피함.",
        ),
        ProgressKo(
            "배뇨통 없어짐. 식사 잘함.",
            "BT 36.9℃. Creatinine 1.54 mg/dL. 소변 배양 E. coli 검출.",
            "신우신염 호전 중, 퀴놀론 감수성 확인됨.",
            "Levofloxacin 250mg 1T qd PO로 변경, 7일 유지.",
        ),
    ),
    nursing=(
        "응급실에서 침상으로 이동하여 입실함. 페니실린 알레르기 팔찌 착용시킴.",
        "옆구리 통증 NRS 6점 호소하여 Acetaminophen 500mg 2T 투여함.",
        "8시간 소변량 420mL, 색은 짙은 노란색임.",
        "혈액 배양 2쌍 채혈하여 검사실로 보냄.",
        "오한 호소하여 담요 제공하고 체온 38.0℃ 확인함.",
    ),
    opinion=(
        "상기 환자는 발열과 우측 옆구리 통증으로 내원하여 급성 신우신염으로 입원 치료를 받았습니다. 항생제 치료로 "
        "발열이 소실되었고 신기능은 크레아티닌 1.54 mg/dL로 회복 중이며, 7일간의 경구 항생제 복용과 1주 후 신기능 "
        "재검사가 필요합니다."
    ),
    medicines=("Enoxaparin", "Levofloxacin", "Acetaminophen", "Bisoprolol", "Furosemide", "Mosapride"),
)

QUIET_DAYS: Final = (
    ProgressKo(
        "밤사이 잘 잤고 특별한 불편 없음.",
        "V/S 안정적임. 의식 명료하고 식사량 양호.",
        "경과 양호, 새로운 문제 없음.",
        "현재 치료 유지하며 경과 관찰함.",
    ),
    ProgressKo(
        "가벼운 두통이 있었으나 약 복용 후 나아짐.",
        "BP 142/88 mmHg, 신경학적 이상 소견 없음.",
        "긴장성 두통 의심.",
        "Acetaminophen 500mg 1T prn PO. 혈압 재측정함.",
    ),
    ProgressKo(
        "변을 2일간 보지 못해 더부룩하다고 함.",
        "복부 부드럽고 압통 없음. 장음 감소.",
        "기능성 변비.",
        "Magnesium hydroxide 500mg 2T bid PO 3일, 수분 섭취 격려.",
    ),
    ProgressKo(
        "보행 시 어지럼 없음. 퇴원을 원함.",
        "BP 124/76 mmHg, PR 72. Hb 12.8 g/dL, K 4.1 mmol/L.",
        "퇴원 준비 중.",
        "퇴원 교육 시행하고 외래 예약함.",
    ),
)
QUIET_NURSING: Final = (
    "취침 중이며 특이 호소 없음.",
    "침상 주변 정리하고 침상 난간을 올림.",
    "식사 2/3 섭취함. 오심이나 구토 없음.",
    "병동 복도를 20분간 걸음. 어지럼 호소 없음.",
    "활력징후 측정함. 담당의 회진 시 상태 보고함.",
    "정맥 주사 부위 교체함. 통증이나 부종 없음.",
    "보호자에게 면회 시간과 주차를 안내함.",
    "통증 NRS 2점으로 약물 없이 지켜보기로 함.",
    "낙상 위험 평가 45점, 예방 활동 유지함.",
    "혈액 검체를 채취하여 검사실로 보냄.",
    "소변 450mL 배설함. 색은 맑은 노란색임.",
    "체위 변경하고 등 마사지를 시행함.",
)

CASES_KO: Final = (PNEUMONIA, DIABETES, URINARY_INFECTION)
