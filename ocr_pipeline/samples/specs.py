"""What a sample document is asked to be: its kind, language, degradation, container, pages and seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique


@unique
class Kind(StrEnum):
    """The forms the generator can lay out."""

    PRESCRIPTION = "prescription"
    CERTIFICATE = "certificate"
    CHART = "chart"
    LAB_REPORT = "lab-report"
    DISCHARGE_SUMMARY = "discharge-summary"


@unique
class Language(StrEnum):
    """The language a form is written in."""

    KOREAN = "ko"
    ENGLISH = "en"


@unique
class Variant(StrEnum):
    """How the page reached the hospital's computer."""

    CLEAN = "clean"
    SCAN = "scan"
    FAX = "fax"
    PHOTO = "photo"


@unique
class Container(StrEnum):
    """The file format, named by its suffix."""

    PDF = "pdf"
    PNG = "png"
    JPEG = "jpg"
    TIFF = "tiff"


@unique
class Use(StrEnum):
    """How a document is to be scored: by character errors where the order is certain, else by words found."""

    CER = "cer"
    CER_COLUMNS = "cer_columns"
    WORD_RECALL = "word_recall"


MAX_PAGES = 12
WRITTEN_IN = {
    Kind.PRESCRIPTION: (Language.KOREAN, Language.ENGLISH),
    Kind.CERTIFICATE: (Language.KOREAN,),
    Kind.CHART: (Language.KOREAN,),
    Kind.LAB_REPORT: (Language.KOREAN, Language.ENGLISH),
    Kind.DISCHARGE_SUMMARY: (Language.ENGLISH,),
}
_ONE_PAGE = frozenset({Container.PNG, Container.JPEG})
_QUARTER_TURNS = frozenset({0, 90, 180, 270})


@dataclass(frozen=True, slots=True)
class SampleSpec:
    """One document to make; the same spec makes the same document.

    `pages` counts the blank ones. Page numbers start at 1. `turn` is how far the picture is turned clockwise, in
    degrees, on the pages of `turned` (on every page when that is empty). `typeface` names one of `typefaces.names()`.
    Raises ValueError for a document that cannot be made.
    """

    kind: Kind
    language: Language
    variant: Variant
    container: Container
    seed: int
    pages: int = 1
    turn: int = 0
    turned: tuple[int, ...] = ()
    blank: tuple[int, ...] = ()
    unreadable: tuple[int, ...] = ()
    typeface: str = "bundled"

    def __post_init__(self) -> None:
        if self.language not in WRITTEN_IN[self.kind]:
            raise ValueError(f"no {self.kind} is written in {self.language}")
        if not 1 <= self.pages <= MAX_PAGES:
            raise ValueError(f"pages must be 1 to {MAX_PAGES}")
        if self.pages > 1 and self.container in _ONE_PAGE:
            raise ValueError(f"{self.container} holds one page")
        if self.variant is Variant.PHOTO and self.container is not Container.JPEG:
            raise ValueError("a photo is a jpg")
        if self.turn not in _QUARTER_TURNS:
            raise ValueError("turn is 0, 90, 180 or 270 degrees")
        if self.variant is Variant.CLEAN and (self.turn or self.unreadable):
            raise ValueError("a clean document is upright and readable")
        if any(not 1 <= page <= self.pages for page in (*self.turned, *self.blank, *self.unreadable)):
            raise ValueError("a page number lies outside the document")

    @property
    def label(self) -> str:
        """The variant as the manifest and file names give it: `rotated` where the document is turned."""
        return "rotated" if self.turn else self.variant.value

    @property
    def use(self) -> Use:
        """Character errors say nothing about a page that nobody can read."""
        return Use.WORD_RECALL if self.unreadable else Use.CER

    def turn_of(self, page: int) -> int:
        """Degrees clockwise by which page `page` (from 1) is turned."""
        return self.turn if not self.turned or page in self.turned else 0


def file_stems(specs: Sequence[SampleSpec]) -> tuple[str, ...]:
    """Neutral names such as `prescription-ko-scan-01`, numbered within each kind, language and variant."""
    counts: dict[str, int] = {}
    stems = []
    for spec in specs:
        group = f"{spec.kind}-{spec.language}-{spec.label}"
        counts[group] = counts.get(group, 0) + 1
        stems.append(f"{group}-{counts[group]:02d}")
    return tuple(stems)
