"""The connection to an S3 server and what its errors mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ocr_pipeline.domain.errors import ObjectExists, ObjectMissing, PipelineError, StoreFull, StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NOT_FOUND = 404
_PRECONDITION_FAILED = 412
_INSUFFICIENT_STORAGE = 507
_FULL = frozenset({"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded"})
_REFUSED = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "403"})


@dataclass(frozen=True, slots=True)
class S3Endpoint:
    """How to reach an S3 server. None leaves a value to boto3's own chain: environment, profile, role of the machine.

    Times are in seconds; `attempts` counts the first try.
    """

    endpoint_url: str | None = None
    region: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    path_style: bool = False
    connect_timeout: float = 3.0
    read_timeout: float = 30.0
    attempts: int = 3
    connections: int = 16

    def client(self) -> S3Client:
        """A client with bounded waits and retries; it is safe between threads."""
        style: Literal["path", "auto"] = "path" if self.path_style else "auto"
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(
                s3={"addressing_style": style},
                connect_timeout=self.connect_timeout,
                read_timeout=self.read_timeout,
                retries={"mode": "standard", "total_max_attempts": self.attempts},
                max_pool_connections=self.connections,
                # Botocore's own is put together anew for each request, which is a fifth of what a request costs here.
                user_agent="ocr-pipeline",
                # Objects carry their own SHA-256, which holds for multipart objects and on every server.
                response_checksum_validation="when_required",
            ),
        )


@contextmanager
def errors_mapped() -> Iterator[None]:
    """Turn boto's errors into those of the object store port, without their cause.

    Boto quotes addresses, which for input hold file names; neither a message nor a traceback may.
    """
    try:
        yield
    except ClientError as error:
        raise _meaning(error) from None
    except BotoCoreError as error:
        raise StoreUnavailable(f"the object store does not answer ({type(error).__name__})") from None


def error_code(error: ClientError) -> str:
    """The S3 error code, or the HTTP status as text where the answer had no body."""
    return error.response.get("Error", {}).get("Code", "")


def is_missing(error: ClientError) -> bool:
    """Whether a HEAD found nothing."""
    return _status(error) == _NOT_FOUND


def _meaning(error: ClientError) -> PipelineError:
    code, status = error_code(error), _status(error)
    if code == "NoSuchKey":
        return ObjectMissing("the object is not there")
    if status == _PRECONDITION_FAILED:
        return ObjectExists("the object is there already")
    if status == _INSUFFICIENT_STORAGE or code in _FULL:
        return StoreFull("the object store has no room left")
    if code == "NoSuchBucket":
        return StoreUnavailable("the bucket is not there")
    if code in _REFUSED:
        return StoreUnavailable("the object store refuses the credentials or what they may do")
    return StoreUnavailable(f"the object store fails (status {status})")


def _status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
