r"""LaTeX that models write for signs and small numbers, folded to Unicode where nothing can be lost.

Only a piece that is understood wholly is folded (`$10^3$`, `\(5\,\mu g\)`, `\geq`); any other stays as it was written.
"""

from __future__ import annotations

import re
from typing import Final

SUPERSCRIPTS: Final = str.maketrans("0123456789+-=()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾")
SUBSCRIPTS: Final = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")

_SHIFTED: Final = frozenset(map(chr, (*SUPERSCRIPTS.values(), *SUBSCRIPTS.values())))

# The letters are meant.
# ruff: noqa: RUF001
_SIGNS: Final = {
    "mu": "μ", "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "Delta": "Δ", "epsilon": "ε", "theta": "θ",
    "kappa": "κ", "lambda": "λ", "pi": "π", "rho": "ρ", "sigma": "σ", "Sigma": "Σ", "tau": "τ", "phi": "φ", "chi": "χ",
    "omega": "ω", "Omega": "Ω", "geq": "≥", "ge": "≥", "geqslant": "≥", "leq": "≤", "le": "≤", "leqslant": "≤",
    "gt": ">", "lt": "<", "neq": "≠", "ne": "≠", "approx": "≈", "sim": "~", "equiv": "≡", "times": "×", "div": "÷",
    "cdot": "·", "pm": "±", "mp": "∓", "infty": "∞", "degree": "°", "circ": "○", "bullet": "•", "ldots": "...",
    "dots": "...", "cdots": "...", "rightarrow": "→", "to": "→", "Rightarrow": "⇒", "leftarrow": "←", "uparrow": "↑",
    "downarrow": "↓", "leftrightarrow": "↔", "square": "□", "Box": "□", "boxtimes": "☒", "checkmark": "✓", "prime": "′",
}  # fmt: skip
_SPACES: Final = frozenset({"quad", "qquad"})
_NOTHING: Final = frozenset({"left", "right", "big", "Big", "displaystyle"})
_WRAPPERS = "text|textbf|textit|textrm|textsf|mathrm|mathbf|mathit|mathsf|boldsymbol|operatorname|underline|mbox"
_ORDINALS: Final = frozenset({"st", "nd", "rd", "th"})

_MATH = re.compile(
    r"\\\((?P<round>(?:[^\\\n]|\\[^()\n])*)\\\)"
    r"|\\\[(?P<square>(?:[^\\\n]|\\[^\[\]\n])*)\\\]"
    r"|\$\$(?P<double>[^$\n]+)\$\$"
    r"|\$(?![\s$])(?P<single>[^$\n]{1,200})(?<![\s\\])\$(?!\d)"
)
_MARKED = re.compile(r"[\\^_{}]")
_RELATION = re.compile(r"[<>=≤≥±]")
_HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")

_WRAPPED = re.compile(rf"\\(?:{_WRAPPERS})\s*\{{([^{{}}]*)\}}")
_FRACTION = re.compile(r"(\d?)( ?)\\[dt]?frac ?\{([\w.,]+)\} ?\{([\w.,]+)\}")
_DEGREES = re.compile(r" ?\^ ?(?:\{ ?\\(?:circ|degree) ?\}|\\(?:circ|degree)(?![A-Za-z]))")
_SCRIPT = re.compile(r"( ?\^ ?|_ ?)(?:\{([^{}]*)\}|([0-9A-Za-z+\-]))")
_COMMAND = re.compile(r"\\([A-Za-z]+)( ?)")
_SPACING = re.compile(r"\\[,;:! ]")
_ESCAPED = re.compile(r"\\([%&#$])")
_POWER = re.compile(r"\^\{([0-9+\-]+)\}")
_DEEPEST = 6


def fold(line: str) -> str:
    """One line with its LaTeX folded."""
    if "\\" not in line and "$" not in line and "^{" not in line:
        return line
    line = _DEGREES.sub("°", _MATH.sub(_unwrapped, line))
    line = _POWER.sub(lambda power: power[1].translate(SUPERSCRIPTS), line)
    return _COMMAND.sub(_sign, line)


def _unwrapped(match: re.Match[str]) -> str:
    kind = str(match.lastgroup)
    inside = match[kind].strip()
    if _MARKED.search(inside) is None:
        # Without any mark of LaTeX this may be an escaped bracket, or two sums of money.
        if kind == "square":
            return f"[{inside}]"
        if _HANGUL.search(inside):
            return f"({inside})" if kind == "round" else match[0]
        is_math = kind == "round" or " " not in inside or _RELATION.search(inside)
        return _apart(inside, match) if is_math else match[0]
    folded = _simplified(inside)
    return match[0] if folded is None else _apart(folded, match)


def _apart(folded: str, match: re.Match[str]) -> str:
    """What came of a formula, with a space where its figures would join those beside it."""
    before, after = match.string[max(0, match.start() - 1) : match.start()], match.string[match.end() : match.end() + 1]
    opening = " " if before.isdigit() and folded[:1].isdigit() and folded[0] not in _SHIFTED else ""
    closing = " " if after.isdigit() and folded[-1:].isdigit() else ""
    return f"{opening}{folded}{closing}"


def _simplified(text: str) -> str | None:
    """A formula as plain characters, or None where some of it would be lost."""
    for _ in range(_DEEPEST):
        text, found = _WRAPPED.subn(r"\1", text)
        if not found:
            break
    text = _DEGREES.sub("°", text)
    text = _FRACTION.sub(_fraction, _SCRIPT.sub(_script, text))
    text = _ESCAPED.sub(r"\1", _SPACING.sub(" ", text))
    text = _COMMAND.sub(_sign, _COMMAND.sub(_layout, text)).replace("{", "").replace("}", "")
    return None if _MARKED.search(text) else text


def _fraction(match: re.Match[str]) -> str:
    # One and a half must not become eleven halves.
    whole = f"{match[1]} " if match[1] else match[2]
    return f"{whole}{match[3]}/{match[4]}"


def _script(match: re.Match[str]) -> str:
    raised = "^" in match[1]
    inside = (match[2] if match[2] is not None else match[3]).strip()
    table = SUPERSCRIPTS if raised else SUBSCRIPTS
    if inside and all(ord(character) in table for character in inside):
        return inside.translate(table)
    if inside.isalpha() and (not raised or inside in _ORDINALS):
        return inside
    return match[0]


def _layout(match: re.Match[str]) -> str:
    if match[1] in _SPACES:
        return " "
    return "" if match[1] in _NOTHING else match[0]


def _sign(match: re.Match[str]) -> str:
    sign = _SIGNS.get(match[1])
    if sign is None:
        return match[0]
    # The space that ends a letter's command is none: `\mu g` is one unit.
    return sign if sign.isalpha() else sign + match[2]
