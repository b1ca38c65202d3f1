"""One put to S3, from memory or from a file: in one request or in parts, wholly or not at all."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, PutObjectRequestTypeDef

DIGEST_FIELD = "sha256"
"""Metadata field: the SHA-256 of the whole object, in hex. S3's own checksum of a multipart object is one of parts."""

_TOKEN_FIELD = "put"  # noqa: S105 - the name of a field, no secret
_MEDIA_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Upload:
    """An object on its way to the bucket. Every request carries a SHA-256 that the server verifies.

    `body` has `size` bytes, whose SHA-256 is `digest`. A file stands at its beginning and is read piece by piece.
    """

    client: S3Client
    bucket: str
    key: str
    body: bytes | BinaryIO = field(repr=False)
    size: int
    digest: bytes
    token: str = field(default_factory=lambda: secrets.token_hex(16))

    def in_one(self, *, if_absent: bool = False) -> None:
        """Put the object in one request. Raises boto's errors; with `if_absent` a 412 when the key is taken."""
        request: PutObjectRequestTypeDef = {
            "Bucket": self.bucket,
            "Key": self.key,
            "Body": self.body,
            "ChecksumSHA256": _in_base64(self.digest),
            "ContentType": _MEDIA_TYPE,
            "Metadata": self._metadata(),
        }
        if if_absent:
            request["IfNoneMatch"] = "*"
        with self._lost_answers_recovered():
            self.client.put_object(**request)

    def in_parts(self, part_size: int) -> None:
        """Put the object in parts of so many bytes, one in memory at a time; it appears when the last is there.

        Raises boto's errors.
        """
        upload_id = self.client.create_multipart_upload(
            Bucket=self.bucket,
            Key=self.key,
            ChecksumAlgorithm="SHA256",
            ContentType=_MEDIA_TYPE,
            Metadata=self._metadata(),
        )["UploadId"]
        try:
            parts = [
                self._put_part(upload_id, number, part) for number, part in enumerate(self._parts(part_size), start=1)
            ]
            self._complete(upload_id, parts)
        except BaseException:
            with suppress(ClientError, BotoCoreError):
                self.client.abort_multipart_upload(Bucket=self.bucket, Key=self.key, UploadId=upload_id)
            raise

    def _parts(self, part_size: int) -> Iterator[bytes]:
        if isinstance(self.body, bytes):
            yield from (self.body[start : start + part_size] for start in range(0, self.size, part_size))
        else:
            yield from iter(partial(self.body.read, part_size), b"")

    def _put_part(self, upload_id: str, number: int, part: bytes) -> CompletedPartTypeDef:
        checksum = _in_base64(hashlib.sha256(part).digest())
        answer = self.client.upload_part(
            Bucket=self.bucket,
            Key=self.key,
            UploadId=upload_id,
            PartNumber=number,
            Body=part,
            ChecksumSHA256=checksum,
        )
        return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}

    def _complete(self, upload_id: str, parts: list[CompletedPartTypeDef]) -> None:
        with self._lost_answers_recovered():
            self.client.complete_multipart_upload(
                Bucket=self.bucket, Key=self.key, UploadId=upload_id, MultipartUpload={"Parts": parts}
            )

    @contextmanager
    def _lost_answers_recovered(self) -> Iterator[None]:
        """When a retry is refused because an earlier try, whose answer got lost, had done the work: that is success.

        Without this the only writer of a conditional put could be told that another won.
        """
        try:
            yield
        except ClientError as error:
            if not error.response.get("ResponseMetadata", {}).get("RetryAttempts") or not self._is_there():
                raise

    def _is_there(self) -> bool:
        try:
            found = self.client.head_object(Bucket=self.bucket, Key=self.key)
        except ClientError:
            return False
        return found["Metadata"].get(_TOKEN_FIELD) == self.token

    def _metadata(self) -> dict[str, str]:
        return {DIGEST_FIELD: self.digest.hex(), _TOKEN_FIELD: self.token}


def _in_base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
