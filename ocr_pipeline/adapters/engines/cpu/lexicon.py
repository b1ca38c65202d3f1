"""Units and dosage forms: the few words of medical print that recognisers spell wrongly in predictable ways.

A repair needs a whole word that can be nothing else once look-alike characters are set aside; it is always marked.
"""

from __future__ import annotations

import re

REPAIRED = "repaired"

_COMPOUND_UNITS = (
    *("mg/dL", "g/dL", "ug/dL", "ng/dL", "mg/L", "g/L", "ug/L", "mg/mL", "ug/mL", "ng/mL", "pg/mL", "mcg/mL"),
    *("U/L", "IU/L", "mIU/L", "uIU/L", "U/mL", "IU/mL", "mIU/mL", "uIU/mL", "mU/L", "kU/L"),
    *("mmol/L", "umol/L", "nmol/L", "pmol/L", "mEq/L", "mOsm/kg", "mmol/mol", "mg/kg", "mcg/kg", "mg/day", "g/day"),
    *("10^3/uL", "10^6/uL", "10^9/L", "10^12/L", "/uL", "/HPF", "mL/min", "mm/hr", "kg/m2"),
)
_LOOK_ALIKES = str.maketrans(
    {
        **dict.fromkeys("iI1|!L", "l"),
        **dict.fromkeys("oO", "0"),
        **dict.fromkeys("qQ9", "g"),
        **dict.fromkeys("°\"*'`~\u2019\u201d", "^"),
        **dict.fromkeys("\u00b5\u03bc", "u"),
    }
)
_DOSE = re.compile(r"(?P<before>(?:.*[가-힣(])?\d[\d.,]*)(?:m9|mq|rng|nng|rnq)(?P<after>/.*|\)?)")
_CAPSULE = re.compile(r"캡[숄슬술숱슝](?![가-힣])")


def repair(text: str) -> str:
    """The word with a unit or dosage form spelt as it must be, or the same word."""
    unit = _BY_SHAPE.get(_shape(text))
    if unit is not None:
        return "".join(_nearer(read, right) for read, right in zip(text, unit, strict=True))
    dose = _DOSE.fullmatch(text)
    if dose is not None:
        return f"{dose['before']}mg{dose['after']}"
    return _CAPSULE.sub("캡슐", text)


def _shape(text: str) -> str:
    return text.translate(_LOOK_ALIKES).lower()


def _nearer(read: str, right: str) -> str:
    """Laboratories differ in capitals (dL, dl): a letter that is right but for its case stays as printed."""
    return read if read.lower() == right.lower() or {read, right} <= {"u", "\u00b5", "\u03bc"} else right


_BY_SHAPE = {_shape(unit): unit for unit in _COMPOUND_UNITS}
