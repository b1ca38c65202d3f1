"""What the guards over a whole page go by: where they draw their lines, and what is known besides the text."""

from __future__ import annotations

from dataclasses import dataclass

from ocr_pipeline.ports.generation import FinishReason


@dataclass(frozen=True, slots=True)
class GuardRules:
    """Where the guards draw their lines.

    `blank_ink` is a share of dark pixels, `ink_per_character` a number of them. `scripts` are first words of Unicode
    character names; letters of others may make up `foreign` of all letters. A loop is a text that ends in a piece
    repeated `repeats` times over `looped` characters, or `repeated_lines` lines alike. `characters` is the most a page
    holds, and `slimmest` the least width of a character in heights of its box.

    Against a count of what is on the page: up to `excused` times as many letters and digits, rows alike are no loop,
    if of each that has its like right below no more than `letters_a_twin` are written again; over `swollen` times as
    many and `spare` more were never on it; under the share `meagre` of at least `telling` many, something else was
    answered than what stands there. `echoed` words of the prompt in a row are an echo of it.
    """

    blank_ink: float = 0.0003
    ink_per_character: float = 3.0
    scripts: frozenset[str] = frozenset({"HANGUL", "LATIN", "GREEK"})
    foreign: float = 0.1
    repeats: int = 6
    looped: int = 150
    repeated_lines: int = 5
    characters: int = 20_000
    slimmest: float = 0.12
    too_slim: float = 0.2
    excused: float = 1.25
    letters_a_twin: float = 3.0
    swollen: float = 3.0
    spare: int = 200
    meagre: float = 0.2
    telling: int = 80
    echoed: int = 8


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of a page and of how it was read, besides the text.

    `glyphs` is an estimate of its letters and digits, and `twins` of those among them that have their like right below
    (None where nobody counted); `prompt` is what a model was asked; `finish` is why it stopped, None where it was cut.
    """

    glyphs: int | None = None
    twins: int | None = None
    prompt: str = ""
    finish: FinishReason | None = FinishReason.STOP


NOTHING_KNOWN = Circumstances()
