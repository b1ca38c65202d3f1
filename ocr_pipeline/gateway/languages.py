"""Which of our languages a client likes better, told from Accept-Language (RFC 9110, section 12.5.4)."""

from __future__ import annotations

from typing import Final, Literal

Language = Literal["en", "ko"]

_KNOWN: Final[tuple[Language, ...]] = ("en", "ko")
_LONGEST = 500


def preferred(header: str) -> Language:
    """The known language of the greatest weight; English where nothing is said or understood."""
    weights: dict[str, float] = {}
    for part in header[:_LONGEST].split(","):
        name, _, parameters = part.strip().partition(";")
        language = name.strip().lower().partition("-")[0]
        weights[language] = max(weights.get(language, 0.0), _weight(parameters))
    anything = weights.get("*", 0.0)
    return max(_KNOWN, key=lambda known: weights.get(known, anything))


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0
