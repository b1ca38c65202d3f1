"""A document's result as plain text, Markdown and JSON."""

from __future__ import annotations

import json
from typing import Any

from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.results.read import DocumentResult, PageResult

_NOTE = {
    PageState.BLANK: "blank page",
    PageState.IN_REVIEW: "in review: not checked by a person yet",
    PageState.UNREADABLE: "a person found this page unreadable",
    PageState.FAILED: "this page could not be read",
    PageState.QUEUED: "not read yet",
}


def to_text(result: DocumentResult) -> str:
    """Plain text, a form feed between pages; pages whose text is not final say so in brackets."""
    return "\f".join(_page_as_text(page) for page in result.pages) + "\n"


def to_markdown(result: DocumentResult) -> str:
    """Markdown: a heading a page with state and confidence, then its lines as they stand."""
    return "\n".join(_page_as_markdown(page) for page in result.pages)


def to_json(result: DocumentResult) -> str:
    """JSON: the document, and each page with its words, confidences, boxes and doubts."""
    document = result.document
    data: dict[str, Any] = {
        "document_id": str(document.id),
        "name": result.name,
        "client_reference": result.reference,
        "type": document.kind.value,
        "state": document.state.value,
        "media_type": document.media_type.value,
        "received_at": document.received_at.isoformat(),
        "pages": [_page_as_json(page) for page in result.pages],
    }
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def _page_as_text(page: PageResult) -> str:
    note = _NOTE.get(page.state)
    return page.text if note is None else f"[page {page.number}: {note}]\n{page.text}".rstrip()


def _page_as_markdown(page: PageResult) -> str:
    state = page.state.value.replace("_", " ")
    confidence = "" if page.confidence is None else f", confidence {page.confidence:.2f}"
    lines = [f"## Page {page.number}", "", f"*{state}{confidence}*", ""]
    if page.reasons:
        lines += [f"*{', '.join(reason.replace('_', ' ') for reason in page.reasons)}*", ""]
    for paragraph in page.text.split("\n\n"):
        lines += ["  \n".join(_escape(line) for line in paragraph.split("\n")), ""]
    return "\n".join(lines)


def _escape(line: str) -> str:
    for mark in "\\`*_[]<>#|":
        line = line.replace(mark, f"\\{mark}")
    return line


def page_to_json(page: PageResult) -> str:
    """JSON of one page, as it stands in the document's."""
    return json.dumps(_page_as_json(page), ensure_ascii=False, indent=1) + "\n"


def _page_as_json(page: PageResult) -> dict[str, Any]:
    return {
        "number": page.number,
        "state": page.state.value,
        "confidence": page.confidence,
        "reasons": list(page.reasons),
        "engine": page.engine,
        "text": page.text,
        "text_layer": page.text_layer,
        "read": None if page.read is None else page.read.to_json(),
    }
