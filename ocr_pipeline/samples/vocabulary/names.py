"""Invented names. No entry is meant to name a living person or a working hospital.

Korean given names and hospital names are old native words (which is how placeholder names are coined), English ones are
made up. Hospital names say that they are models.
"""

from __future__ import annotations

from typing import Final

FAMILY_NAMES_KO: Final = ("김", "이", "박", "최", "정", "강", "조", "윤", "장", "임", "한", "오", "서", "신", "권")
GIVEN_NAMES_KO: Final = (
    "가온새", "나래솔", "다솜별", "라온빛", "마루온", "보담슬", "새론돌", "아라찬", "온새미", "잔디솔",
    "초롱별", "토리온", "푸르매", "하람솔", "해든누", "두루빛", "미르찬", "바름새", "시나브", "예그린",
)  # fmt: skip
DOCTOR_NAMES_KO: Final = ("도담한", "이든솔", "윤슬찬", "류온결", "민다온", "서해랑", "안다미", "구름결", "노을찬")
HOSPITALS_KO: Final = (
    ("가온누리모의병원", "가상특별시 누리구 가온로 12"),
    ("한울모형종합병원", "가상특별시 한울구 모형대로 305"),
    ("새미로모의의원", "가상광역시 새미구 로운길 7"),
    ("푸른솔연습의원", "예시도 푸른시 솔숲로 48"),
    ("다솜모의대학교병원", "예시도 다솜시 대학로 101"),
)
STREETS_KO: Final = ("누리길", "가온로", "솔숲로", "한울대로", "예시로", "마루길", "물빛로")
TOWNS_KO: Final = ("가상특별시 누리구", "가상광역시 새미구", "예시도 푸른시", "예시도 다솜시", "가상특별시 한울구")
DEPARTMENTS_KO: Final = ("내과", "가정의학과", "이비인후과", "신경과", "정형외과", "소화기내과", "호흡기내과")
NURSES_KO: Final = ("마가람", "배시온", "차오름", "하늬솔", "표다온")

FAMILY_NAMES_EN: Final = (
    "Ashgrovel", "Brindlewick", "Copperfenn", "Dunmarrow", "Elderquist", "Fennimarsh", "Gorsewold", "Hathercombe",
    "Inglethorpe-Vane", "Larkenbury", "Mossingham", "Quillonby", "Thistlemere", "Wrenfielde",
)  # fmt: skip
GIVEN_NAMES_EN: Final = (
    ("Marabel", "F"), ("Quentilla", "F"), ("Isolene", "F"), ("Tamsyra", "F"), ("Odelinda", "F"),
    ("Barnavy", "M"), ("Corwinde", "M"), ("Lucarno", "M"), ("Percivan", "M"), ("Thadwick", "M"),
)  # fmt: skip
DOCTOR_NAMES_EN: Final = ("Dr. Hester Vaneglade", "Dr. Orrin Pellowby", "Dr. Sabine Tarrowmoor", "Dr. Kipling Ostwood")
HOSPITALS_EN: Final = (
    ("Example Riverbend Hospital", "100 Specimen Way, Sampleton"),
    ("Model County Medical Center", "42 Placeholder Avenue, Testbury"),
    ("Mockingham General Hospital", "7 Fixture Lane, Mockingham"),
)
