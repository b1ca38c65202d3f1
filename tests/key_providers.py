"""A data key, documents to wrap it for, a clock, and KMS as moto speaks it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from ocr_pipeline.adapters.keys.aws_kms import KmsEndpoint
from ocr_pipeline.domain.ids import DocumentId

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

DATA_KEY = bytes(range(32))
REGION = "eu-central-1"


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def kms_client() -> KMSClient:
    """For moto, or for a stubber."""
    return KmsEndpoint(region=REGION, access_key="key", secret_key="secret", attempts=1, connect_timeout=1).client()


def new_document() -> DocumentId:
    """One that no key was made for."""
    return DocumentId(uuid4())
