"""Buckets of others in S3 or on a server that speaks it: looked at, read exactly, and written to where asked.

Keys are file names and may hold names of patients: they appear in no message and in no representation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from ocr_pipeline.adapters.objects.s3_client import errors_mapped
from ocr_pipeline.domain.errors import Conflict, ObjectExists, ObjectMissing
from ocr_pipeline.ports.buckets import ObjectFacts

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

Encryption = Literal["AES256", "aws:kms"]

_CHUNK = 256 * 1024
_GONE = frozenset({404, 405})
"""What servers answer for what is not there, or only marks a deletion."""

_NO_VERSION = 400
"""What servers answer for the id of a version that never was; without such an id it means that a session ran out."""


class S3Buckets:
    """The `Buckets` port over a boto3 client, which is safe between threads; `close` ends it.

    What is written is encrypted by the server under `encryption`, where given, and the KMS key `kms_key`.
    """

    def __init__(self, client: S3Client, *, encryption: Encryption | None = None, kms_key: str | None = None) -> None:
        self._client = client
        self._encryption: dict[str, Any] = {}
        if encryption is not None:
            self._encryption["ServerSideEncryption"] = encryption
        if kms_key is not None:
            self._encryption["SSEKMSKeyId"] = kms_key

    def facts(self, bucket: str, key: str, version: str | None = None) -> ObjectFacts:
        """By a HEAD request. Raises ObjectMissing, StoreUnavailable."""
        with errors_mapped():
            try:
                answer = self._client.head_object(Bucket=bucket, Key=key, **_of_version(version))
            except ClientError as error:
                if _is_gone(error, version):
                    raise ObjectMissing("the object is not there") from None
                raise
        return _facts(key, answer)

    @contextmanager
    def reading(self, bucket: str, facts: ObjectFacts) -> Iterator[Iterator[bytes]]:
        """By a GET that holds for this entity tag alone. Raises ObjectMissing, Conflict, StoreUnavailable."""
        try:
            with errors_mapped():
                answer = self._client.get_object(
                    Bucket=bucket, Key=facts.key, IfMatch=f'"{facts.etag}"', **_of_version(facts.version)
                )
        except ObjectExists:
            raise Conflict("the object was replaced while it was being taken") from None
        with closing(answer["Body"]) as body:
            yield _pieces(body.iter_chunks(_CHUNK))

    def page(self, bucket: str, prefix: str, after: str | None, most: int) -> Sequence[ObjectFacts]:
        """In the server's order, which is that of the keys' UTF-8. Raises StoreUnavailable."""
        behind: dict[str, Any] = {} if after is None else {"StartAfter": after}
        with errors_mapped():
            answer = self._client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=most, **behind)
        return [
            ObjectFacts(entry["Key"], entry["ETag"].strip('"'), entry["Size"], entry["LastModified"])
            for entry in answer.get("Contents", [])
        ]

    def put(self, bucket: str, key: str, content: bytes, media_type: str) -> None:
        """In one request, so that a reader never sees half of it. Raises StoreFull, StoreUnavailable."""
        with errors_mapped():
            self._client.put_object(Bucket=bucket, Key=key, Body=content, ContentType=media_type, **self._encryption)

    def tag(self, bucket: str, key: str, version: str | None, tags: Mapping[str, str]) -> None:
        """Raises ObjectMissing, StoreUnavailable."""
        with errors_mapped():
            try:
                kept = self._client.get_object_tagging(Bucket=bucket, Key=key, **_of_version(version))["TagSet"]
                wanted = {tag["Key"]: tag["Value"] for tag in kept} | dict(tags)
                self._client.put_object_tagging(
                    Bucket=bucket,
                    Key=key,
                    Tagging={"TagSet": [{"Key": name, "Value": value} for name, value in wanted.items()]},
                    **_of_version(version),
                )
            except ClientError as error:
                if _is_gone(error, version):
                    raise ObjectMissing("the object is not there") from None
                raise

    def close(self) -> None:
        """Give back connections."""
        self._client.close()


def _of_version(version: str | None) -> dict[str, Any]:
    return {} if version is None else {"VersionId": version}


def _facts(key: str, answer: HeadObjectOutputTypeDef) -> ObjectFacts:
    version = answer.get("VersionId")
    return ObjectFacts(
        key=key,
        etag=answer["ETag"].strip('"'),
        size=answer["ContentLength"],
        modified_at=answer["LastModified"],
        version=None if version == "null" else version,
    )


def _pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    while True:
        with errors_mapped():
            chunk = next(chunks, None)
        if chunk is None:
            return
        yield chunk


def _is_gone(error: ClientError, version: str | None) -> bool:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status in _GONE or (status == _NO_VERSION and version is not None)
