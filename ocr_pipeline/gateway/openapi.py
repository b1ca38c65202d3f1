"""What the OpenAPI document says beyond what the routes' types tell."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ocr_pipeline.domain.documents import DocumentKind, MediaType
from ocr_pipeline.gateway.models import ProblemView
from ocr_pipeline.gateway.problem_catalog import CATALOG
from ocr_pipeline.gateway.problems import MEDIA_TYPE

TEXT_PLAIN: Final = "text/plain; charset=utf-8"

_DESCRIPTION: Final = """\
Hand in scans of medical documents, and read what stands on them with a confidence that can be trusted.

Every request is signed (HTTP Message Signatures, RFC 9421, `hmac-sha256`) with a key of the client, or carries a bearer
token. A client sees its own documents only. Errors are problem details (RFC 9457) with a stable `code`, in English or
Korean by `Accept-Language`.
"""
_FILE: Final[dict[str, Any]] = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
_FIELDS: Final[dict[str, Any]] = {
    "type": {"type": "string", "enum": [kind.value for kind in DocumentKind], "default": "other"},
    "priority": {"type": "string", "enum": ["urgent", "routine", "bulk"], "default": "routine"},
    "deadline": {"type": "string", "format": "date-time"},
    "again": {"type": "boolean", "default": False},
    "callback_url": {"type": "string", "format": "uri", "maxLength": 2000},
    "client_reference": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"^[^\x00-\x1f\x7f-\x9f]+$"},
}
_TEXT: Final[dict[str, Any]] = {"type": "string"}


def _parameter(place: str, name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"in": place, "name": name, "required": False, "schema": schema, "description": description}


# Described here and read where each kind of body has them: what a route's arguments declare is parsed at each request.
SUBMIT_PARAMETERS: Final[list[dict[str, Any]]] = [
    _parameter("query", "type", _FIELDS["type"], "What it is."),
    _parameter("query", "priority", _FIELDS["priority"], "`urgent` where a person waits."),
    _parameter("query", "deadline", _FIELDS["deadline"], "When it is needed (RFC 3339); near ones raise its class."),
    _parameter("query", "again", _FIELDS["again"], "Read it anew although it was handed in before."),
    _parameter(
        "header", "Idempotency-Key", _TEXT, "The same key and document again give the same answer, for 24 hours."
    ),
    _parameter("header", "Prefer", _TEXT, "`wait=N` waits up to N seconds for the result."),
    _parameter("header", "Client-Reference", _TEXT, "Your own reference, percent-encoded UTF-8. Kept encrypted."),
    _parameter("header", "Callback-Url", _FIELDS["callback_url"], "Where a signed webhook goes once it is settled."),
]
SUBMIT_BODY: Final[dict[str, Any]] = {
    "required": True,
    "description": "The file itself, a form whose last part is the file, or the address of an object in S3.",
    "content": {
        **{kind.value: _FILE for kind in MediaType},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {**_FIELDS, "file": {"type": "string", "contentMediaType": "application/octet-stream"}},
                "required": ["file"],
            }
        },
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {
                    **_FIELDS,
                    "source": {"type": "string", "pattern": "^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.{1,1000}$"},
                },
                "required": ["source"],
                "additionalProperties": False,
            },
            "example": {"source": "s3://scans/ward-3/0001.pdf", "type": "chart", "priority": "bulk"},
        },
    },
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems a route may answer with, by status, for its `responses`."""
    return {status: _problem(status) for status in statuses}


def as_content(media_type: str) -> dict[str, Any]:
    """A response of that media type."""
    return {"description": "As asked.", "content": {media_type: {"schema": {"type": "string"}}}}


def describe(app: FastAPI, version: str) -> None:
    """Give the app its OpenAPI 3.1 document, with the ways to authenticate."""

    def build() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title="OCR pipeline",
                version=version,
                openapi_version="3.1.0",
                description=_DESCRIPTION,
                routes=app.routes,
                tags=[{"name": "documents"}, {"name": "results"}, {"name": "events"}, {"name": "health"}],
            )
            _secure(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = build  # type: ignore[method-assign] # the way FastAPI documents


def _problem(status: int) -> dict[str, Any]:
    codes = ", ".join(f"`{code}`" for code, kind in CATALOG.items() if kind.status == status)
    return {
        "description": f"A problem: {codes}." if codes else "A problem.",
        "content": {MEDIA_TYPE: {"schema": ProblemView.model_json_schema(ref_template="#/components/schemas/{model}")}},
    }


def _secure(document: dict[str, Any]) -> None:
    schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
    schemes["signature"] = {
        "type": "apiKey",
        "in": "header",
        "name": "Signature",
        "description": "RFC 9421 with `Signature-Input`, and `Content-Digest` (RFC 9530) where there is a body.",
    }
    schemes["bearer"] = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    for path, operations in document["paths"].items():
        if path.startswith("/v1/"):
            for operation in operations.values():
                operation["security"] = [{"signature": []}, {"bearer": []}]
