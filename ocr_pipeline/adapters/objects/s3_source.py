"""Input from S3: the files under `s3://bucket/prefix`, listed and fetched.

What lies there belongs to others: keys are file names, and file names may hold names of patients. They appear in no
message and in no representation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ocr_pipeline.adapters.objects.s3_client import errors_mapped
from ocr_pipeline.domain.documents import RefusalReason
from ocr_pipeline.domain.errors import ConfigurationError, Conflict, ObjectExists, Refused, StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SCHEME = "s3://"


@dataclass(frozen=True, slots=True)
class SourceObject:
    """One file: its key, its size in bytes, and the entity tag that tells whether it was replaced since."""

    key: str = field(repr=False)
    size: int
    etag: str

    @property
    def name(self) -> str:
        """The file name: the last part of the key."""
        return self.key.rpartition("/")[2]


def parse_address(address: str) -> tuple[str, str]:
    """Bucket and prefix of `s3://bucket/prefix` (the prefix may be empty). Raises ConfigurationError."""
    bucket, _, prefix = address.removeprefix(_SCHEME).partition("/")
    if not address.startswith(_SCHEME) or not bucket:
        raise ConfigurationError("an S3 address has the form s3://bucket/prefix")
    return bucket, prefix


class S3Source:
    """The files of one prefix. A prefix without a slash at its end is a single file of that name or a folder."""

    def __init__(self, client: S3Client, bucket: str, prefix: str = "") -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    def list(self) -> Iterator[SourceObject]:
        """The files in the server's order, without the empty markers of folders. Raises StoreUnavailable."""
        if self._prefix and not self._prefix.endswith("/"):
            # The name that equals the prefix sorts before all longer ones.
            first = next(self._listed(self._prefix, page_size=1), None)
            if first is not None and first.key == self._prefix:
                yield first
            yield from self._listed(f"{self._prefix}/")
        else:
            yield from self._listed(self._prefix)

    def fetch(self, found: SourceObject, max_bytes: int) -> bytes:
        """The content of a listed file.

        Raises Refused (`too_large`) above so many bytes, before any is read; Conflict when the file was replaced since
        it was listed; ObjectMissing when it is gone; StoreUnavailable.
        """
        if found.size > max_bytes:
            raise Refused(RefusalReason.TOO_LARGE, "the file is too large", limit=str(max_bytes))
        try:
            with errors_mapped():
                answer = self._client.get_object(Bucket=self._bucket, Key=found.key, IfMatch=found.etag)
                with closing(answer["Body"]) as body:
                    content = body.read(found.size + 1)
        except ObjectExists:
            raise Conflict("the file was replaced after it was listed") from None
        if len(content) != found.size:
            raise StoreUnavailable("the object store sent another number of bytes than it listed")
        return content

    def close(self) -> None:
        """Give back connections."""
        self._client.close()

    def _listed(self, prefix: str, page_size: int = 1000) -> Iterator[SourceObject]:
        pages = iter(
            self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix, PaginationConfig={"PageSize": page_size}
            )
        )
        while True:
            with errors_mapped():
                page = next(pages, None)
            if page is None:
                return
            for entry in page.get("Contents", []):
                if not (entry["Key"].endswith("/") and entry["Size"] == 0):
                    yield SourceObject(entry["Key"], entry["Size"], entry["ETag"])
