"""A client of the HTTP API for Python programs. It needs httpx, and of the project only `ocr_pipeline.signing`."""

from ocr_pipeline.client.auth import SignedAuth, secret_from_text
from ocr_pipeline.client.client import OcrClient
from ocr_pipeline.client.errors import ApiError
from ocr_pipeline.client.events import Progress
from ocr_pipeline.client.retries import Retries
from ocr_pipeline.client.views import AuditTrail, Document, Page

__all__ = [
    "ApiError",
    "AuditTrail",
    "Document",
    "OcrClient",
    "Page",
    "Progress",
    "Retries",
    "SignedAuth",
    "secret_from_text",
]
