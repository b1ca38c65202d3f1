"""Every request of the API as a method. Safe between threads, as httpx is."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Self, cast
from urllib.parse import quote

import httpx

from ocr_pipeline.client.auth import SignedAuth, secret_from_text
from ocr_pipeline.client.errors import ApiError
from ocr_pipeline.client.events import Progress, progress_of
from ocr_pipeline.client.retries import BROKEN, BUSY, Retries
from ocr_pipeline.client.uploads import Source, Upload, opened
from ocr_pipeline.client.views import AuditTrail, Document, Page

DocumentId = str | uuid.UUID

_DOCUMENTS = "/v1/documents"
_QUIET_SECONDS = 45.0
"""A stream of events that is silent for so long is dead: the server sends a comment every 15 seconds."""

_PAUSE_SECONDS = 2.0


class OcrClient:
    """A client of one server, signing with one key.

    `secret` is the key's 32 bytes or their printed form, `timeout` the seconds that a step of a request may take,
    `language` ("en", "ko") that of the problems. Requests are tried again within `retries`, each with the same
    idempotency key. Every method raises ApiError for an answer that is not a success, and httpx.TransportError when
    no answer can be had.

    >>> with OcrClient("https://ocr.example", key_id, secret) as client:
    ...     document = client.submit("scan.pdf", type="prescription")
    ...     client.wait(document["id"])
    ...     print(client.text(document["id"]))
    """

    def __init__(
        self,
        base_url: str,
        key_id: str,
        secret: bytes | str,
        *,
        timeout: float = 30,
        language: str | None = None,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._timeout = timeout
        self._retries = retries or Retries()
        self._http = httpx.Client(
            base_url=base_url,
            auth=SignedAuth(key_id, secret_from_text(secret) if isinstance(secret, str) else secret),
            timeout=timeout,
            headers={} if language is None else {"Accept-Language": language},
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def submit(
        self,
        source: Source,
        *,
        type: str = "other",  # noqa: A002 - the wire's name
        priority: str = "routine",
        deadline: datetime | None = None,
        callback_url: str | None = None,
        client_reference: str | None = None,
        idempotency_key: str | None = None,
        again: bool = False,
        wait: int | None = None,
        content_type: str | None = None,
    ) -> Document:
        """Hand in a document; it is read twice, to hash it and to send it, and never held whole.

        `deadline` needs a time zone. `client_reference` comes back with the result and is kept encrypted.
        `idempotency_key`: a program that may be restarted gives its own, so that a document is never handed in twice.
        `again` reads a file anew that was handed in before. `wait` is in seconds: the answer then comes once the
        document is settled, or after that time. Raises as the class says, OSError, and ValueError for a file that
        cannot be wound back.
        """
        query = _given(type=type, priority=priority, deadline=_moment(deadline), again="true" if again else None)
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        if client_reference is not None:
            headers["Client-Reference"] = quote(client_reference, safe="")
        if callback_url is not None:
            headers["Callback-Url"] = callback_url
        if wait is not None:
            headers["Prefer"] = f"wait={wait}"
        patience = httpx.Timeout(self._timeout, read=self._timeout + (wait or 0))
        with opened(source, content_type) as upload:
            return cast(
                "Document", self._send("POST", "", query=query, headers=headers, upload=upload, timeout=patience).json()
            )

    def get(self, document_id: DocumentId) -> Document:
        """Where a document stands."""
        return cast("Document", self._send("GET", _of(document_id)).json())

    def pages(self, document_id: DocumentId) -> Sequence[Page]:
        """Every page in order, without its text; none until the file was opened."""
        return cast("Sequence[Page]", self._send("GET", _of(document_id, "pages")).json()["pages"])

    def page(self, document_id: DocumentId, number: int) -> dict[str, Any]:
        """One page, counted from 1, with its text and words."""
        return cast("dict[str, Any]", self._send("GET", _of(document_id, f"pages/{number}")).json())

    def text(self, document_id: DocumentId) -> str:
        """The text of a settled document, a form feed between pages."""
        return self._send("GET", _of(document_id, "text")).text

    def markdown(self, document_id: DocumentId) -> str:
        """The text of a settled document as Markdown."""
        return self._send("GET", _of(document_id, "markdown")).text

    def json(self, document_id: DocumentId) -> dict[str, Any]:
        """Everything that was read of a settled document: pages, words, confidences, boxes, doubts."""
        return cast("dict[str, Any]", self._send("GET", _of(document_id, "json")).json())

    def list(
        self,
        *,
        state: str | Sequence[str] = (),
        type: str | Sequence[str] = (),  # noqa: A002 - the wire's name
        priority: str | Sequence[str] = (),
        received_from: datetime | None = None,
        received_before: datetime | None = None,
        page_size: int = 50,
    ) -> Iterator[Document]:
        """Documents, newest first, asked for `page_size` at a time as they are taken. Times need a zone."""
        query: dict[str, str | Sequence[str]] = _given(
            state=state,
            type=type,
            priority=priority,
            received_from=_moment(received_from),
            received_before=_moment(received_before),
            limit=str(page_size),
        )
        while True:
            found = self._send("GET", "", query=query).json()
            yield from found["documents"]
            if found["next_cursor"] is None:
                return
            query["cursor"] = found["next_cursor"]

    def cancel(self, document_id: DocumentId) -> Document:
        """Begin no further page of a document."""
        return cast("Document", self._send("POST", _of(document_id, "cancel")).json())

    def erase(self, document_id: DocumentId) -> None:
        """Make a document unreadable for good; its audit trail stays."""
        self._send("DELETE", _of(document_id))

    def audit(self, document_id: DocumentId) -> AuditTrail:
        """Everything that happened to a document."""
        return cast("AuditTrail", self._send("GET", _of(document_id, "audit")).json())

    def webhooks(self, document_id: DocumentId) -> Sequence[dict[str, Any]]:
        """The messages to its callback address, with every try to deliver them."""
        return cast("Sequence[dict[str, Any]]", self._send("GET", _of(document_id, "webhooks")).json()["webhooks"])

    def events(self, document_id: DocumentId) -> Iterator[Progress]:
        """A document's progress now and at each change, up to the one that settles it.

        A stream that breaks off raises httpx.TransportError; a new one begins with the progress at that moment.
        """
        with self._streaming(document_id, _QUIET_SECONDS, self._retries) as response:
            yield from progress_of(response.iter_lines())

    def wait(self, document_id: DocumentId, timeout: float = 600) -> Document:
        """The document once it is settled. Raises TimeoutError after so many seconds."""
        ends = time.monotonic() + timeout
        while not (document := self.get(document_id))["settled"]:
            if time.monotonic() >= ends:
                raise TimeoutError("the document is not settled yet")
            self._follow(document_id, ends)
        return document

    def _follow(self, document_id: DocumentId, ends: float) -> None:
        """Until it is settled or time is up; or for a moment, where no stream can be had or one breaks off."""
        quiet = max(0.001, min(_QUIET_SECONDS, ends - time.monotonic()))
        try:
            with self._streaming(document_id, quiet, Retries(attempts=1)) as response:
                if any(progress.settled for progress in progress_of(_until(ends, response.iter_lines()))):
                    return
        except BROKEN:
            pass
        except ApiError as error:
            if error.status not in BUSY:
                raise
        self._retries.sleep(max(0.0, min(_PAUSE_SECONDS, ends - time.monotonic())))

    @contextmanager
    def _streaming(self, document_id: DocumentId, quiet: float, retries: Retries) -> Iterator[httpx.Response]:
        """A stream of events that may be silent for `quiet` seconds."""
        response = self._send(
            "GET",
            _of(document_id, "events"),
            headers={"Accept": "text/event-stream"},
            timeout=httpx.Timeout(self._timeout, read=quiet),
            stream=True,
            retries=retries,
        )
        try:
            yield response
        finally:
            response.close()

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        upload: Upload | None = None,
        timeout: httpx.Timeout | None = None,
        stream: bool = False,
        retries: Retries | None = None,
    ) -> httpx.Response:
        """The answer, tried for again where that can help; every attempt is a request of its own, signed anew."""
        said = {**(headers or {}), **({} if upload is None else upload.headers)}

        def attempt() -> httpx.Response:
            request = self._http.build_request(
                method,
                _DOCUMENTS + path,
                params=query,
                headers=said,
                content=None if upload is None else upload.pieces(),
                timeout=timeout or self._timeout,
            )
            return self._http.send(request, stream=stream)

        response = (retries or self._retries).run(attempt)
        if not response.is_success:
            response.read()
            response.close()
            raise ApiError.of(response)
        return response


def _of(document_id: DocumentId, part: str = "") -> str:
    return f"/{quote(str(document_id), safe='')}" + (f"/{part}" if part else "")


def _given(**parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - what a query can say
    return {name: value for name, value in parameters.items() if value}


def _moment(moment: datetime | None) -> str | None:
    """RFC 3339. Raises ValueError for a time without a zone."""
    if moment is not None and moment.tzinfo is None:
        raise ValueError("a time needs a zone")
    return None if moment is None else moment.isoformat()


def _until(ends: float, lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line
        if time.monotonic() >= ends:
            return
