"""Guards: checks of a whole page for the ways in which a recogniser fails while it seems to succeed.

Each returns the reason a person should look, or None. A guard that speaks says nothing of what the page holds.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from itertools import groupby, pairwise
from typing import Final

from ocr_pipeline.domain.pages import PageReason
from ocr_pipeline.domain.text import PageText, Word
from ocr_pipeline.recognition import answer_guards
from ocr_pipeline.recognition.guard_rules import NOTHING_KNOWN, Circumstances, GuardRules

__all__ = ["EXAMINED", "GUARDS", "Circumstances", "Guard", "GuardRules", "examine", "is_blank"]

EXAMINED: Final = "examined"
"""The note on a page that was examined by whoever read it and knew most of the circumstances."""

Guard = Callable[[PageText, GuardRules, Circumstances], PageReason | None]

_FEWEST_LETTERS = 5
_TAIL = 3_000
_ODD_TWINS = 8


def is_blank(page: PageText, rules: GuardRules) -> bool:
    """Whether nothing was read and there was nothing to read. Ink that was not measured proves nothing."""
    return page.is_empty and page.ink is not None and page.ink <= rules.blank_ink


def examine(page: PageText, rules: GuardRules, known: Circumstances = NOTHING_KNOWN) -> tuple[str, ...]:
    """Reasons of all guards that speak, in a fixed order; none for a page examined before, by whoever knew more."""
    if EXAMINED in page.notes and known == NOTHING_KNOWN:
        return ()
    found = (guard(page, rules, known) for guard in GUARDS)
    return tuple(reason.value for reason in found if reason is not None)


def empty_on_inked(page: PageText, rules: GuardRules, _: Circumstances) -> PageReason | None:
    """Nothing was read where something is printed, or where nobody looked whether something is."""
    return PageReason.EMPTY_ON_INKED if page.is_empty and not is_blank(page, rules) else None


def text_on_blank(page: PageText, rules: GuardRules, _: Circumstances) -> PageReason | None:
    """More was read than the ink on the page could write."""
    if page.ink is None or page.is_empty:
        return None
    characters = sum(len(word.text) for word in page.words)
    least = max(rules.blank_ink * page.width * page.height, rules.ink_per_character * characters)
    return PageReason.TEXT_ON_BLANK if page.ink * page.width * page.height < least else None


def repetition_loop(page: PageText, rules: GuardRules, known: Circumstances) -> PageReason | None:
    """The text ends by going round in circles, or the same wordy line stands many times in a row.

    Where the page is known to hold as much text, and as much of it alike, it is a form.
    """
    if _is_form(page, rules, known):
        return None
    for text, lines in groupby(line.text for line in page.lines):
        if sum(map(str.isalpha, text)) >= _FEWEST_LETTERS and len(list(lines)) >= rules.repeated_lines:
            return PageReason.REPETITION
    compact = "".join(word.text for word in page.words)[-_TAIL:]
    return PageReason.REPETITION if _ends_in_circles(compact, rules) else None


def script_mismatch(page: PageText, rules: GuardRules, _: Circumstances) -> PageReason | None:
    """Many letters belong to a script that nobody expects here."""
    text = unicodedata.normalize("NFKC", "".join(word.text for word in page.words))
    scripts = [unicodedata.name(letter, "UNKNOWN").split()[0] for letter in text if letter.isalpha()]
    foreign = sum(script not in rules.scripts for script in scripts)
    too_many = foreign >= _FEWEST_LETTERS and foreign > rules.foreign * len(scripts)
    return PageReason.SCRIPT_MISMATCH if too_many else None


def impossible_length(page: PageText, rules: GuardRules, known: Circumstances) -> PageReason | None:
    """More text than fits on a page or than there is on this one, or much of it in boxes too small for it."""
    total = sum(len(word.text) for word in page.words)
    squeezed = sum(len(word.text) for word in page.words if _is_squeezed(word, rules))
    swollen = known.glyphs is not None and answer_guards.written(page) > rules.swollen * known.glyphs + rules.spare
    impossible = swollen or total > rules.characters or squeezed > rules.too_slim * total
    return PageReason.IMPOSSIBLE_LENGTH if impossible else None


GUARDS: tuple[Guard, ...] = (
    empty_on_inked,
    text_on_blank,
    repetition_loop,
    script_mismatch,
    impossible_length,
    answer_guards.truncated,
    answer_guards.refusal,
    answer_guards.prompt_echo,
    answer_guards.obeyed_page,
    answer_guards.instructions_on_page,
)


def _is_form(page: PageText, rules: GuardRules, known: Circumstances) -> bool:
    if known.glyphs is None or answer_guards.written(page) > rules.excused * known.glyphs:
        return False
    lines = [line.text for line in page.lines]
    again = sum(sum(map(str.isalnum, line)) for above, line in pairwise(lines) if line == above)
    return known.twins is None or again <= rules.letters_a_twin * (known.twins + _ODD_TWINS)


def _is_squeezed(word: Word, rules: GuardRules) -> bool:
    box = word.box
    # Text that runs up or down the page has its characters along the longer side.
    return box is not None and max(box.width, box.height) < rules.slimmest * len(word.text) * min(box.width, box.height)


def _ends_in_circles(text: str, rules: GuardRules) -> bool:
    """Whether some end of the text is a piece with letters, over and over (borders by Knuth, Morris and Pratt)."""
    backwards = text[::-1]
    border = [0] * len(backwards)
    for at in range(1, len(backwards)):
        match = border[at - 1]
        while match and backwards[at] != backwards[match]:
            match = border[match - 1]
        border[at] = match + 1 if backwards[at] == backwards[match] else match
        length, period = at + 1, at + 1 - border[at]
        if length >= max(rules.looped, rules.repeats * period) and any(map(str.isalpha, backwards[:period])):
            return True
    return False
