"""Opening the sealed text of a page."""

from __future__ import annotations

from ocr_pipeline.domain.errors import IntegrityError
from ocr_pipeline.domain.ids import PageRef
from ocr_pipeline.domain.sealing import Place, Purpose, WrappedKey
from ocr_pipeline.domain.text import PageText
from ocr_pipeline.ports.vault import Vault


def open_page_text(vault: Vault, key: WrappedKey, page: PageRef, sealed: bytes) -> PageText:
    """The text that a machine read on a page. Raises DecryptionFailed, IntegrityError for a damaged structure."""
    plain = vault.open(key, Place.of(page, Purpose.PAGE_TEXT), sealed)
    try:
        return PageText.from_bytes(plain)
    except ValueError as error:
        raise IntegrityError("a stored page text is damaged") from error
