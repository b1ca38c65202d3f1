"""Reading what became of documents: states, pages, text. What is opened is audited, and only then."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response

from ocr_pipeline.domain.clients import Role
from ocr_pipeline.domain.documents import SETTLED_STATES, Document, DocumentKind, DocumentState
from ocr_pipeline.domain.errors import KeyMissing, NotFound
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.gateway.auth import Principal
from ocr_pipeline.gateway.models import DocumentList, DocumentView, PageList, PageView
from ocr_pipeline.gateway.openapi import TEXT_PLAIN, as_content, problems
from ocr_pipeline.gateway.problems import Problem, retry_after
from ocr_pipeline.gateway.service import Known, Reader, Service, Viewer, in_thread
from ocr_pipeline.ports.records import DocumentFilter, Progress
from ocr_pipeline.results.read import DocumentResult
from ocr_pipeline.results.render import page_to_json, to_json, to_markdown, to_text

router = APIRouter(prefix="/v1/documents", tags=["results"])

_COMMON = problems(401, 403, 404, 422, 429, 503)
_OPENED = problems(401, 403, 404, 409, 410, 422, 429, 503)
_NO_RESULT = {DocumentState.REJECTED, DocumentState.CANCELLED}
_SOON = 5.0
_REVALIDATED = "private, no-cache"
"""Kept by the client alone, and asked for anew each time."""

IfNoneMatch = Annotated[str | None, Header(description="An ETag given before: 304 when nothing has changed.")]
Render = Callable[[DocumentResult], str]


@router.get("", summary="List documents", responses=problems(401, 403, 422, 429, 503))
async def list_documents(
    service: Known,
    principal: Viewer,
    state: Annotated[list[DocumentState], Query(description="Only in these states.")] = [],  # noqa: B006 - FastAPI copies it
    type: Annotated[list[DocumentKind], Query(description="Only of these types.")] = [],  # noqa: A002, B006
    priority: Annotated[list[Literal["urgent", "routine", "bulk"]], Query(description="Only of these classes.")] = [],  # noqa: B006
    received_from: Annotated[datetime | None, Query(description="Not received before this time (RFC 3339).")] = None,
    received_before: Annotated[datetime | None, Query(description="Received before this time.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before.")] = None,
) -> DocumentList:
    """Documents of this client, newest first; operators and auditors see those of every client."""
    wanted = DocumentFilter(
        states=tuple(state),
        client_id=_whose(principal),
        kinds=tuple(type),
        priorities=tuple(map(Priority.parse, priority)),
        received_from=_zoned(received_from, "received_from"),
        received_before=_zoned(received_before, "received_before"),
    )
    before = None if cursor is None else _from_cursor(cursor)
    found, progress = await in_thread(_find, service, wanted, limit, before)
    more = len(found) > limit
    views = [DocumentView.of(document, progress[document.id]) for document in found[:limit]]
    return DocumentList(documents=views, next_cursor=_cursor(found[limit - 1].id) if more else None)


@router.get("/{document_id}", summary="A document's state", response_model=DocumentView, responses={304: {}, **_COMMON})
async def get_document(
    document_id: UUID, service: Known, principal: Viewer, response: Response, if_none_match: IfNoneMatch = None
) -> Any:  # noqa: ANN401 - a view, or 304
    """Where it stands. Holds nothing of its content, and is not audited."""
    document, progress = await in_thread(service.standing, principal, document_id)
    tag = _tag(document, progress, "state")
    if _matches(if_none_match, tag):
        return _not_modified(tag)
    response.headers.update({"ETag": tag, "Cache-Control": _REVALIDATED})
    return DocumentView.of(document, progress)


@router.get("/{document_id}/pages", summary="A document's pages, without their text", responses=_COMMON)
async def get_pages(document_id: UUID, service: Known, principal: Viewer) -> PageList:
    """State, confidence and reasons of every page, in order; empty until the file was opened."""
    document = await in_thread(service.visible, principal, document_id)

    def pages() -> list[PageView]:
        with service.pipeline.records() as uow:
            return [PageView.of(page) for page in uow.pages.of_document(document.id)]

    return PageList(pages=await in_thread(pages))


@router.get(
    "/{document_id}/pages/{number}",
    summary="One page with its words",
    response_class=Response,
    responses={200: as_content("application/json"), 304: {}, **_OPENED},
)
async def get_page(
    document_id: UUID, number: int, service: Known, principal: Reader, if_none_match: IfNoneMatch = None
) -> Response:
    """The page's text, and its words with confidence, boxes and doubts. May be read before the others are done."""

    def render(result: DocumentResult) -> str:
        return page_to_json(next(page for page in result.pages if page.number == number))

    kind = "application/json"
    return await _opened(service, principal, document_id, f"page-{number}", kind, render, if_none_match, page=number)


@router.get(
    "/{document_id}/text",
    summary="The text",
    response_class=Response,
    responses={200: as_content(TEXT_PLAIN), 304: {}, **_OPENED},
)
async def get_text(document_id: UUID, service: Known, principal: Reader, if_none_match: IfNoneMatch = None) -> Response:
    """Plain text, a form feed between pages. A page that is not final says so in brackets."""
    return await _opened(service, principal, document_id, "text", TEXT_PLAIN, to_text, if_none_match)


@router.get(
    "/{document_id}/markdown",
    summary="The text as Markdown",
    response_class=Response,
    responses={200: as_content("text/markdown"), 304: {}, **_OPENED},
)
async def get_markdown(
    document_id: UUID, service: Known, principal: Reader, if_none_match: IfNoneMatch = None
) -> Response:
    """Markdown, a heading a page with its state and confidence."""
    kind = "text/markdown; charset=utf-8"
    return await _opened(service, principal, document_id, "markdown", kind, to_markdown, if_none_match)


@router.get(
    "/{document_id}/json",
    summary="Everything that was read",
    response_class=Response,
    responses={200: as_content("application/json"), 304: {}, **_OPENED},
)
async def get_json(document_id: UUID, service: Known, principal: Reader, if_none_match: IfNoneMatch = None) -> Response:
    """Every page with its words, confidences, boxes and doubts, and the client's own reference."""
    kind = "application/json"
    return await _opened(service, principal, document_id, "json", kind, to_json, if_none_match)


async def _opened(
    service: Service,
    principal: Principal,
    document_id: UUID,
    form: str,
    media_type: str,
    render: Render,
    if_none_match: str | None,
    *,
    page: int | None = None,
) -> Response:
    """A rendering of what was read, of all of it or of one page, or 304, which opens nothing."""
    document, progress = await in_thread(service.standing, principal, document_id)
    _check_readable(progress, document, whole=page is None)
    if page is not None and not 1 <= page <= (document.page_count or 0):
        raise NotFound("no such page")
    tag = _tag(document, progress, form)
    if _matches(if_none_match, tag):
        return _not_modified(tag)

    def opened() -> str:
        return render(service.pipeline.read(document.id, actor=principal.actor))

    content = await in_thread(opened)
    return Response(content, media_type=media_type, headers={"ETag": tag, "Cache-Control": _REVALIDATED})


def _check_readable(progress: Progress, document: Document, *, whole: bool) -> None:
    if progress.state is DocumentState.ERASED:
        raise KeyMissing("the document was erased")
    if progress.state in _NO_RESULT:
        raise Problem("no_result", reason=document.reason or progress.state.value, limit=document.limit)
    if whole and progress.state not in SETTLED_STATES:
        raise Problem("not_ready", headers=retry_after(_SOON))


def _find(
    service: Service, wanted: DocumentFilter, limit: int, before: DocumentId | None
) -> tuple[list[Document], dict[DocumentId, Progress]]:
    """One document more than asked for, where there is one."""
    with service.pipeline.records() as uow:
        found = uow.documents.newest(wanted, limit=limit + 1, before=before)
        return found, uow.progress([document.id for document in found])


def _whose(principal: Principal) -> ClientId | None:
    return None if principal.roles & {Role.OPERATOR, Role.AUDITOR} else principal.client_id


def _zoned(moment: datetime | None, name: str) -> datetime | None:
    if moment is not None and moment.tzinfo is None:
        raise Problem("invalid_request", errors=[{"place": "query", "name": name, "problem": "timezone_aware"}])
    return moment


def _cursor(document_id: DocumentId) -> str:
    return base64.urlsafe_b64encode(document_id.bytes).rstrip(b"=").decode()


def _from_cursor(cursor: str) -> DocumentId:
    try:
        return DocumentId(UUID(bytes=base64.b64decode(cursor + "==", altchars=b"-_", validate=True)))
    except (binascii.Error, ValueError):
        raise Problem("invalid_request", errors=[{"place": "query", "name": "cursor", "problem": "unknown"}]) from None


def _tag(document: Document, progress: Progress, form: str) -> str:
    pages = sorted((state.value, count) for state, count in progress.pages.items())
    seen = f"{document.id} {progress.state} {progress.updated_at.isoformat()} {pages} {form}"
    return f'"{sha256(seen.encode()).hexdigest()[:32]}"'


def _matches(if_none_match: str | None, tag: str) -> bool:
    """Whether one of the tags is this one, compared weakly (RFC 9110, section 13.1.2)."""
    if if_none_match is None:
        return False
    tags = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return "*" in tags or tag in tags


def _not_modified(tag: str) -> Response:
    return Response(status_code=304, headers={"ETag": tag, "Cache-Control": _REVALIDATED})
