"""Moving a document to the state its pages give it, with the audit event that says so and the webhook that tells it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ocr_pipeline.domain.audit import AuditEntry, AuditKind
from ocr_pipeline.domain.documents import Document, DocumentState, state_from_pages
from ocr_pipeline.flow.announce import announce
from ocr_pipeline.ports.records import UnitOfWork


def move(uow: UnitOfWork, document: Document, target: DocumentState, *, at: datetime, actor: str) -> Document:
    """Put a locked document into a state, record and announce it. Raises Conflict when the table has no such step."""
    document.check_transition(target)
    moved = replace(document, state=target, updated_at=at)
    uow.documents.save(moved)
    uow.audit.append(
        AuditEntry(
            document.id,
            AuditKind.DOCUMENT_STATE,
            at,
            actor,
            details=(("from", document.state.value), ("to", target.value)),
        )
    )
    announce(uow, moved, at=at)
    return moved


def settle(uow: UnitOfWork, document: Document, *, at: datetime, actor: str) -> Document:
    """Give a locked document the state that its pages have brought it to; nothing happens where it has it already."""
    target = state_from_pages(uow.pages.states(document.id))
    if target is document.state:
        return document
    return move(uow, document, target, at=at, actor=actor)
