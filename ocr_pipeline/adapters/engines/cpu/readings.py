"""What one recogniser made of one strip: glyphs with their place, and where it saw spaces."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Glyph:
    """One character, its reader's confidence, its place along the strip (pixels), and whether a space stands before."""

    text: str
    confidence: float
    left: float
    right: float
    spaced: bool = False

    @property
    def centre(self) -> float:
        """Pixels along the strip."""
        return (self.left + self.right) / 2


@dataclass(frozen=True, slots=True)
class Reading:
    """Glyphs from left to right."""

    glyphs: tuple[Glyph, ...]

    @property
    def text(self) -> str:
        """The characters, with one space wherever the reader saw any."""
        return "".join(f" {glyph.text}" if glyph.spaced else glyph.text for glyph in self.glyphs).strip()

    @property
    def confidence(self) -> float:
        """The mean over all characters; 0 when nothing was read."""
        return sum(glyph.confidence for glyph in self.glyphs) / len(self.glyphs) if self.glyphs else 0.0


EMPTY = Reading(())


def is_hangul(character: str) -> bool:
    """Whether the character is a Hangul syllable or letter."""
    return "\uac00" <= character <= "\ud7a3" or "\u3131" <= character <= "\u318e" or "\u1100" <= character <= "\u11ff"


def has_hangul(text: str) -> bool:
    """Whether any character is Hangul."""
    return any(is_hangul(character) for character in text)


def is_ideograph(character: str) -> bool:
    """Whether the character is East Asian but not Hangul: what PP-OCR makes of a Hangul syllable."""
    return "\u2e80" <= character <= "\u9fff" and not is_hangul(character) and not "\u3000" <= character <= "\u303f"
