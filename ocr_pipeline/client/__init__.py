"""A client of the HTTP API for Python programs, and a reader of its webhooks.

It needs httpx and standardwebhooks, and of the project only `ocr_pipeline.signing`.
"""

from ocr_pipeline.client.auth import SignedAuth, secret_from_text
from ocr_pipeline.client.client import OcrClient
from ocr_pipeline.client.errors import ApiError
from ocr_pipeline.client.events import Progress
from ocr_pipeline.client.retries import Retries
from ocr_pipeline.client.views import AuditTrail, Document, Page
from ocr_pipeline.client.webhooks import Notice, WebhookRefused, read_webhook

__all__ = [
    "ApiError",
    "AuditTrail",
    "Document",
    "Notice",
    "OcrClient",
    "Page",
    "Progress",
    "Retries",
    "SignedAuth",
    "WebhookRefused",
    "read_webhook",
    "secret_from_text",
]
