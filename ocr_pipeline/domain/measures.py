"""How far a reading is from the truth: edit distance, error rates, word bags, and an edit script sorted by cause.

The rates normalise both texts first, so that curly quotes and line breaks never count as errors.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

_STRAIGHT = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        "\u2044": "/",  # NFKC writes a half as 1, this fraction slash, 2
    }
)
_RULING = frozenset("|\u00a6\u2502\u2503\u3163\u2500_")
_UNITS = frozenset(
    [
        "mg",
        "g",
        "kg",
        "mcg",
        "ug",
        "μg",
        "ng",
        "pg",
        "ml",
        "dl",
        "ul",
        "l",
        "cc",
        "iu",
        "u",
        "meq",
        "mmol",
        "mmhg",
        "cm",
        "mm",
        "tab",
        "cap",
        "정",
        "캡슐",
        "포",
        "병",
        "앰플",
    ]
)
_UNIT_AFTER = re.compile(r"[\d/]\s?$")
_LONG_RUN = 10


def normalise(text: str) -> str:
    """NFKC, straight quotes, hyphens and slashes, one space for each run of white space, none at the ends."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(_STRAIGHT).split())


def edit_distance(truth: str, read: str) -> int:
    """Fewest insertions, deletions and substitutions that turn one text into the other (Levenshtein).

    Bit-parallel on whole integers: Myers (1999), "A fast bit-vector algorithm for approximate string matching", in
    the form of Hyyro (2003), "A bit-vector algorithm for computing Levenshtein and Damerau edit distances".
    """
    if not truth or not read:
        return len(truth) + len(read)
    rising = falling = 0
    for rising, falling in _vertical_steps(truth, read):  # noqa: B007 - only the last column counts
        pass
    return len(read) + rising.bit_count() - falling.bit_count()


def character_error_rate(truth: str, read: str) -> float:
    """Divide the edit distance by the length of the truth, both normalised.

    An empty truth gives 0 or, if anything was read, 1.
    """
    return _rate(normalise(truth), normalise(read))


def character_error_rate_without_spaces(truth: str, read: str) -> float:
    """Leave all white space out of account: for scripts and tables where spaces are a matter of taste."""
    return _rate(normalise(truth).replace(" ", ""), normalise(read).replace(" ", ""))


def word_recall(truth: str, read: str) -> float:
    """Share of the words of the truth that were read, as bags; 1 for an empty truth."""
    return _share_found(normalise(truth).split(), normalise(read).split())


def word_precision(truth: str, read: str) -> float:
    """Share of the words read that are in the truth, as bags; 1 for an empty reading."""
    return _share_found(normalise(read).split(), normalise(truth).split())


@dataclass(frozen=True, slots=True)
class Edit:
    """One step from truth to reading: a character put in (`truth` is empty), left out (`read` is empty) or changed.

    `at` is the offset in the truth of the character touched, or before which the new one stands.
    """

    truth: str
    read: str
    at: int


class Cause(StrEnum):
    """What kind of mistake an edit is."""

    SPACING = "spacing"
    RULING_BAR = "ruling_bar"
    MISSING = "missing"
    INVENTED = "invented"
    UNIT = "unit"
    DIGIT = "digit"
    PUNCTUATION = "punctuation"
    CASE = "case"
    HANGUL = "hangul"
    GLYPH = "glyph"


def edit_script(truth: str, read: str) -> tuple[Edit, ...]:
    """Find a shortest list of edits, left to right; its length is the edit distance.

    Keeps the bit vectors of every column: about len(truth) * len(read) / 4 bytes.
    """
    columns = [((1 << len(truth)) - 1, 0), *_vertical_steps(truth, read)] if truth else []
    edits: list[Edit] = []
    row, column = len(truth), len(read)
    while row and column:
        top = 1 << (row - 1)
        if columns[column][0] & top:
            row -= 1
            edits.append(Edit(truth[row], "", row))
        elif columns[column - 1][1] & top:
            column -= 1
            edits.append(Edit("", read[column], row))
        else:
            row, column = row - 1, column - 1
            if truth[row] != read[column]:
                edits.append(Edit(truth[row], read[column], row))
    edits += [Edit("", read[at], 0) for at in range(column - 1, -1, -1)]
    edits += [Edit(truth[at], "", at) for at in range(row - 1, -1, -1)]
    return tuple(reversed(edits))


def errors_by_cause(truth: str, read: str) -> Counter[Cause]:
    """Edits between the normalised texts, counted by cause; the counts add up to the edit distance."""
    plain = normalise(truth)
    causes: Counter[Cause] = Counter()
    for run in _runs(edit_script(plain, normalise(read))):
        causes.update(_cause(edit, run, plain) for edit in run)
    return causes


def _vertical_steps(truth: str, read: str) -> Iterator[tuple[int, int]]:
    """For each prefix of `read`: the rows of the distance matrix where the next cell down is one more, and one less."""
    everything = (1 << len(truth)) - 1
    places: dict[str, int] = {}
    for at, character in enumerate(truth):
        places[character] = places.get(character, 0) | 1 << at
    rising, falling = everything, 0
    for character in read:
        match = places.get(character, 0)
        diagonal = ((((match & rising) + rising) ^ rising) | match | falling) & everything
        right_rising = (falling | (everything ^ (diagonal | rising))) << 1 | 1
        right_falling = (diagonal & rising) << 1
        rising = (right_falling | ~(diagonal | right_rising)) & everything
        falling = right_rising & diagonal
        yield rising, falling


def _rate(truth: str, read: str) -> float:
    if not truth:
        return 1.0 if read else 0.0
    return edit_distance(truth, read) / len(truth)


def _share_found(wanted: list[str], there: list[str]) -> float:
    if not wanted:
        return 1.0
    return (Counter(wanted) & Counter(there)).total() / len(wanted)


def _runs(edits: tuple[Edit, ...]) -> Iterator[list[Edit]]:
    """Edits with no untouched character of the truth between them."""
    run: list[Edit] = []
    for edit in edits:
        if run and edit.at > run[-1].at + len(run[-1].truth):
            yield run
            run = []
        run.append(edit)
    if run:
        yield run


def _cause(edit: Edit, run: list[Edit], truth: str) -> Cause:
    touched = edit.truth + edit.read
    if touched.isspace():
        return Cause.SPACING
    if edit.read in _RULING and not edit.truth.strip():
        return Cause.RULING_BAR
    if len(run) >= _LONG_RUN and not any(step.read for step in run):
        return Cause.MISSING
    if len(run) >= _LONG_RUN and not any(step.truth for step in run):
        return Cause.INVENTED
    put_in_letter = not edit.truth and not edit.read.isdigit()
    if (put_in_letter or edit.truth.isalpha()) and _in_unit(truth, edit.at):
        return Cause.UNIT
    return _cause_of_characters(edit)


def _cause_of_characters(edit: Edit) -> Cause:
    touched = edit.truth + edit.read
    if any(character.isdigit() for character in touched):
        return Cause.DIGIT
    if not any(character.isalnum() for character in touched):
        return Cause.PUNCTUATION
    if edit.truth.casefold() == edit.read.casefold():
        return Cause.CASE
    if any("\uac00" <= character <= "\ud7a3" for character in touched):
        return Cause.HANGUL
    return Cause.GLYPH


def _in_unit(truth: str, at: int) -> bool:
    """Whether the letters of the truth at (or just before) this offset are a unit behind a number or a slash."""
    start = end = at
    while start and truth[start - 1].isalpha():
        start -= 1
    while end < len(truth) and truth[end].isalpha():
        end += 1
    return truth[start:end].casefold() in _UNITS and _UNIT_AFTER.search(truth[max(0, start - 2) : start]) is not None
