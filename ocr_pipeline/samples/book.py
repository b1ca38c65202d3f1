"""A document being laid out: its pages, their ground truth and the numbers and names planted in them."""

from __future__ import annotations

from dataclasses import dataclass

import pymupdf

from ocr_pipeline.samples.critical import critical_tokens
from ocr_pipeline.samples.sheet import A4, Sheet
from ocr_pipeline.samples.typefaces import Typeface


@dataclass(frozen=True, slots=True)
class LaidOut:
    """A finished vector PDF and the truth of each page.

    `critical` lists the doses, codes and dates printed in it, `planted` the names and numbers of people.
    """

    pdf: bytes
    truth: tuple[str, ...]
    critical: tuple[str, ...]
    planted: tuple[str, ...]


class Book:
    """Collects sheets. Forms take a sheet a page and name the people they print.

    Pages whose numbers (from 1) are in `blank` stay empty; forms never see them.
    """

    def __init__(self, typeface: Typeface, blank: frozenset[int] = frozenset()) -> None:
        self._document = pymupdf.open()
        self._typeface = typeface
        self._blank = blank
        self._open: Sheet | None = None
        self._truth: list[str] = []
        self._critical: list[str] = []
        self._people: list[str] = []

    def sheet(self) -> Sheet:
        """Add a page to write on; the one before it is finished."""
        self._turn_over()
        page = self._document.new_page(width=A4[0], height=A4[1])
        self._open = Sheet(page, self._typeface)
        return self._open

    def about(self, *people: str) -> None:
        """Note names and numbers of people that the form may print."""
        self._people.extend(people)

    def close(self) -> LaidOut:
        """Finish the last page and give the document back; no more pages may follow."""
        self._turn_over()
        whole = "\n".join(self._truth)
        self._document.subset_fonts()
        # Neither a new id nor a date, so that the same pages give the same bytes.
        pdf = bytes(self._document.tobytes(garbage=4, deflate=True, no_new_id=True))
        self._document.close()
        planted = tuple(dict.fromkeys(text for text in self._people if text and text in whole))
        return LaidOut(pdf, tuple(self._truth), tuple(dict.fromkeys(self._critical)), planted)

    def _turn_over(self) -> None:
        # A page must be finished before the next is added: PyMuPDF lets go of earlier pages then.
        if self._open is not None:
            rows = self._open.finish()
            self._truth.append("\n".join(" ".join(texts) for texts in rows))
            self._critical.extend(token for texts in rows for text in texts for token in critical_tokens(text))
            self._open = None
        while len(self._truth) + 1 in self._blank:
            self._document.new_page(width=A4[0], height=A4[1])
            self._truth.append("")
