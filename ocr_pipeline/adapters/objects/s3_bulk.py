"""A prefix of a bucket as what a bulk run is made from: listed page by page, fetched object by object."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from ocr_pipeline.adapters.objects.s3_client import errors_mapped
from ocr_pipeline.adapters.objects.s3_source import S3Source
from ocr_pipeline.domain.documents import DocumentKind, RefusalReason
from ocr_pipeline.domain.errors import Conflict, ObjectExists, Refused, StoreUnavailable
from ocr_pipeline.ports.bulk import SourceFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3List:
    """Every object under a prefix, which is a folder whether or not it ends with a slash."""

    def __init__(self, client: S3Client, bucket: str, prefix: str, kind: DocumentKind = DocumentKind.OTHER) -> None:
        self._base = folder(prefix)
        self._source = S3Source(client, bucket, self._base)
        self._kind = kind

    def files(self, *, after_line: int = 0) -> Iterator[SourceFile]:
        """Every object, a thousand at a time. Raises StoreUnavailable."""
        del after_line
        for found in self._source.list():
            name = found.key.removeprefix(self._base)
            yield SourceFile(name, version=found.etag, kind=self._kind)


class S3FileSource:
    """The objects under a prefix. Safe between threads."""

    def __init__(self, client: S3Client, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._base = folder(prefix)

    def read(self, name: str, version: str | None, max_bytes: int) -> bytes:
        """The content of an object; with a `version` (its entity tag) only of the one that was listed.

        Raises ObjectMissing, Conflict where it was replaced, Refused (`too_large`), StoreUnavailable.
        """
        key = self._base + name
        try:
            with errors_mapped():
                if version is None:
                    answer = self._client.get_object(Bucket=self._bucket, Key=key)
                else:
                    answer = self._client.get_object(Bucket=self._bucket, Key=key, IfMatch=version)
                size = answer["ContentLength"]
                with closing(answer["Body"]) as body:
                    content = b"" if size > max_bytes else body.read()
        except ObjectExists:
            raise Conflict("the file was replaced after it was listed") from None
        if size > max_bytes:
            raise Refused(RefusalReason.TOO_LARGE, "the file is too large", limit=f"max_source_bytes={max_bytes}")
        if len(content) != size:
            raise StoreUnavailable("the object store sent another number of bytes than it said")
        return content


def folder(prefix: str) -> str:
    """A prefix as that of a folder."""
    return prefix if not prefix or prefix.endswith("/") else f"{prefix}/"
