"""What a client asks for with a document, and the three ways to say it: a raw body, a multipart form, an S3 address."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from fastapi import Request
from multipart import MultipartError, MultipartSegment, PushMultipartParser
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from ocr_pipeline.domain.documents import DocumentKind, MediaType
from ocr_pipeline.domain.priorities import Priority, is_sensible
from ocr_pipeline.gateway.bodies import Body
from ocr_pipeline.gateway.problems import Problem

PARAMETERS = ("type", "priority", "deadline", "again")
"""Those in the address. What could tell of a patient travels in headers: addresses end up in logs."""

_MAX_FIELD = 4_096
_MAX_FIELDS = 12
_MAX_JSON = 16_384
_TWICE = "A parameter stands there twice."
_UNNAMED = "upload"
_UNKNOWN = "unknown"


class Submission(BaseModel):
    """The parameters of one document."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    type: DocumentKind = DocumentKind.OTHER
    priority: Literal["urgent", "routine", "bulk"] = "routine"
    deadline: AwareDatetime | None = None
    again: bool = False
    callback_url: Annotated[str, StringConstraints(max_length=2_000)] | None = None
    client_reference: (
        Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\p{Cc}]+$")] | None
    ) = None

    @field_validator("deadline")
    @classmethod
    def _deadline_is_ahead(cls, deadline: datetime | None) -> datetime | None:
        if deadline is not None and not is_sensible(deadline, datetime.now(UTC)):
            raise ValueError("the deadline has passed or is too far ahead")
        return deadline

    @property
    def lane(self) -> Priority:
        """The priority class that was asked for."""
        return Priority.parse(self.priority)


class SourceSubmission(Submission):
    """A document that lies in S3 already."""

    source: str = Field(pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.{1,1000}$")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A document on its way in: what was asked, the file's name (PHI), and its bytes, or where they lie."""

    asked: Submission
    name: str = _UNNAMED
    chunks: AsyncIterator[bytes] | None = None
    source: str | None = field(default=None)


async def read(request: Request, body: Body) -> Incoming:
    """Whatever way the request says it. Raises Problem, and what reading the body raises."""
    kind = Message()
    kind["Content-Type"] = request.headers.get("content-type", "")
    match kind.get_content_type() if request.headers.get("content-type") else "":
        case "multipart/form-data":
            return await _from_form(body, str(kind.get_param("boundary", "")), _parameters(request))
        case "application/json":
            return await _from_json(body, _parameters(request))
        case content_type if content_type in {*MediaType, "application/octet-stream"}:
            return Incoming(_checked(Submission, _parameters(request)), chunks=body.chunks())
        case _:
            raise Problem("unsupported_media_type")


def _parameters(request: Request) -> dict[str, str]:
    """What is said beside the body, whatever kind that is of. Raises Problem."""
    asked = {name: value for name, value in request.query_params.items() if name in PARAMETERS}
    if "callback-url" in request.headers:
        asked["callback_url"] = request.headers["callback-url"]
    if "client-reference" in request.headers:
        asked["client_reference"] = _decoded(request.headers["client-reference"])
    return asked


def _decoded(reference: str) -> str:
    try:
        return unquote(reference.encode("ascii").decode(), errors="strict")
    except UnicodeError:
        wrong = {"place": "header", "name": "client-reference", "problem": "encoding"}
        raise Problem("invalid_request", errors=[wrong]) from None


async def _from_json(body: Body, beside: Mapping[str, str]) -> Incoming:
    try:
        asked = json.loads(await body.whole(_MAX_JSON))
    except (ValueError, RecursionError):
        raise Problem("malformed_body", "The body is no JSON.") from None
    if not isinstance(asked, dict):
        raise Problem("malformed_body", "The body is no JSON object.")
    if asked.keys() & beside.keys():
        raise Problem("malformed_body", _TWICE)
    checked = _checked(SourceSubmission, {**beside, **asked})
    assert isinstance(checked, SourceSubmission)  # noqa: S101 - narrows what was just built
    return Incoming(checked, source=checked.source)


async def _from_form(body: Body, boundary: str, beside: Mapping[str, str]) -> Incoming:
    """Read fields up to the file, which must come last: what is asked is known before the first byte is kept."""
    form = _Form(body, boundary)
    asked = dict(beside)
    async for part in form.parts():
        if part.filename is not None:
            return Incoming(_checked(Submission, asked), part.filename or _UNNAMED, form.file())
        if part.name in asked:
            raise Problem("malformed_body", _TWICE)
        asked[part.name] = await form.value()
    raise Problem("malformed_body", "The form has no file.")


class _Form:
    """A multipart form, part by part."""

    def __init__(self, body: Body, boundary: str) -> None:
        try:
            self._parser = PushMultipartParser(boundary, strict=True, max_segment_count=_MAX_FIELDS)
        except MultipartError:
            raise Problem("malformed_body", "The form has no usable boundary.") from None
        self._events = self._parsed(body)

    async def parts(self) -> AsyncIterator[MultipartSegment]:
        """The next parts; each must be read by `value` or `file` before the one after it."""
        async for event in self._events:
            if not isinstance(event, MultipartSegment):
                raise Problem("malformed_body")
            yield event

    async def value(self) -> str:
        """The text of the part at hand."""
        data = bytearray()
        async for event in self._events:
            if event is None:
                break
            data += event
            if len(data) > _MAX_FIELD:
                raise Problem("malformed_body", "A field of the form is too long.")
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise Problem("malformed_body", "A field of the form is no UTF-8.") from None

    async def file(self) -> AsyncIterator[bytes]:
        """The bytes of the part at hand, which must be the last."""
        ended = False
        async for event in self._events:
            if ended:
                raise Problem("malformed_body", "The file must be the last part of the form.")
            if event is None:
                ended = True
            else:
                yield bytes(event)

    async def _parsed(self, body: Body) -> AsyncIterator[Any]:
        try:
            async for chunk in body.chunks():
                for event in self._parser.parse(chunk):
                    yield event
            self._parser.close()
        except MultipartError:
            raise Problem("malformed_body", "The form is broken or incomplete.") from None


def _checked(model: type[Submission], asked: Mapping[str, Any]) -> Submission:
    try:
        return model(**asked)
    except ValidationError as error:
        wrong = [{"name": _known_name(model, each["loc"]), "problem": each["type"]} for each in error.errors()]
        raise Problem("invalid_request", errors=wrong) from None


def _known_name(model: type[Submission], place: tuple[int | str, ...]) -> str:
    """The name of a parameter of ours; a name that somebody made up may be that of a patient."""
    name = str(place[0]) if place else _UNKNOWN
    return name if name in model.model_fields else _UNKNOWN
