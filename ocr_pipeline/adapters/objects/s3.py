"""An object store in a bucket of S3 or of a server that speaks it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from botocore.exceptions import ClientError

from ocr_pipeline.adapters.objects.object_key import checked_deletion_prefix, checked_key, checked_prefix
from ocr_pipeline.adapters.objects.probe import probe
from ocr_pipeline.adapters.objects.s3_client import error_code, errors_mapped, is_missing
from ocr_pipeline.adapters.objects.s3_upload import DIGEST_FIELD, Upload
from ocr_pipeline.adapters.objects.s3_writer import S3Writer, nameless_file, staging_errors_mapped
from ocr_pipeline.domain.errors import IntegrityError, StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.literals import BucketLocationConstraintType

_MEBIBYTE = 1 << 20
_AT_ONCE = 1000  # how many keys S3 lists or deletes in one request
_HOME_REGION = "us-east-1"  # the one region that CreateBucket must not be told


class S3ObjectStore:
    """Objects under `prefix` in a bucket. Safe between threads and processes.

    Objects above `part_size` bytes (at least 5 MiB, as S3 asks) go up in parts, but conditional puts always in one
    request: there are servers (SeaweedFS 4.48) where several conditional uploads in parts can win one key. Every object
    carries its SHA-256, which the server verifies on the way in and `get` on the way out.

    What arrives in pieces is staged in a nameless file under `staging` (None: where the system keeps temporary files)
    until it is committed. Only what may lie in the bucket may lie there: everything kept here is sealed before.

    In a versioned bucket a deletion hides objects; what erases a document for good is the loss of its wrapped key.
    """

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        prefix: str = "",
        *,
        part_size: int = 16 * _MEBIBYTE,
        staging: Path | None = None,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._part_size = part_size
        self._staging = staging

    def prepare(self, *, create_bucket: bool = False) -> None:
        """See that the bucket is there, making it where asked, and the staging folder. Raises StoreUnavailable."""
        if self._staging is not None:
            with staging_errors_mapped():
                self._staging.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._bucket_is_there():
            return
        if not create_bucket:
            raise StoreUnavailable("the bucket is not there")
        with errors_mapped():
            self._create_bucket()

    def put(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
        """Keep `data` under `key`. Raises ObjectExists, StoreFull or StoreUnavailable."""
        self._send(self._name(key), data, len(data), hashlib.sha256(data).digest(), if_absent=if_absent)

    @contextmanager
    def writing(self, key: str) -> Iterator[S3Writer]:
        """Keep an object that arrives in pieces; it is staged on disk and goes up when it is committed."""
        name = self._name(key)
        with nameless_file(self._staging) as staged:
            yield S3Writer(staged, partial(self._send, name))

    def get(self, key: str) -> bytes:
        """The bytes as they were put. Raises ObjectMissing, IntegrityError or StoreUnavailable."""
        with errors_mapped():
            answer = self._client.get_object(Bucket=self._bucket, Key=self._name(key))
            with closing(answer["Body"]) as body:
                data = body.read()
        digest = answer["Metadata"].get(DIGEST_FIELD)
        if digest is not None and hashlib.sha256(data).hexdigest() != digest:
            raise IntegrityError("an object in the store is not as it was put")
        return data

    def exists(self, key: str) -> bool:
        """Whether the key is there. Raises StoreUnavailable."""
        with errors_mapped():
            try:
                self._client.head_object(Bucket=self._bucket, Key=self._name(key))
            except ClientError as error:
                if not is_missing(error):
                    raise
            else:
                return True
        self.prepare()  # the answer is the same for a missing object and a missing bucket
        return False

    def delete(self, key: str) -> None:
        """Remove the object; a key that is not there is no error. Raises StoreUnavailable."""
        with errors_mapped():
            self._client.delete_object(Bucket=self._bucket, Key=self._name(key))

    def delete_prefix(self, prefix: str) -> int:
        """Remove every object under the prefix, which may not be empty; returns how many there were."""
        names = self._names(checked_deletion_prefix(prefix))
        deleted = 0
        while batch := list(islice(names, _AT_ONCE)):
            self._delete_batch(batch)
            deleted += len(batch)
        return deleted

    def keys(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """The keys under a prefix behind `after`, in the order the server lists them (S3: of their bytes).

        Raises StoreUnavailable.
        """
        names = self._names(checked_prefix(prefix), checked_prefix(after))
        return (name.removeprefix(self._prefix) for name in names)

    def check(self) -> None:
        """Prove with a small write and read that the store works. Raises StoreUnavailable or StoreFull."""
        probe(self)

    def remove_stale(self, older_than: float) -> int:
        """Abort uploads begun more than so many seconds ago and never completed; returns how many."""
        oldest_kept = datetime.now(UTC) - timedelta(seconds=older_than)
        aborted = 0
        with errors_mapped():
            pages = self._client.get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix):
                for upload in page.get("Uploads", []):
                    if upload["Initiated"] <= oldest_kept:
                        self._client.abort_multipart_upload(
                            Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                        )
                        aborted += 1
        return aborted

    def close(self) -> None:
        """Give back connections."""
        self._client.close()

    def _send(self, name: str, body: bytes | BinaryIO, size: int, digest: bytes, *, if_absent: bool) -> None:
        upload = Upload(self._client, self._bucket, name, body, size, digest)
        with errors_mapped():
            if if_absent or size <= self._part_size:
                upload.in_one(if_absent=if_absent)
            else:
                upload.in_parts(self._part_size)

    def _name(self, key: str) -> str:
        return self._prefix + checked_key(key)

    def _names(self, prefix: str, after: str = "") -> Iterator[str]:
        pages = iter(
            self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket,
                Prefix=self._prefix + prefix,
                StartAfter=self._prefix + after,
                PaginationConfig={"PageSize": _AT_ONCE},
            )
        )
        while True:
            with errors_mapped():
                page = next(pages, None)
            if page is None:
                return
            yield from (entry["Key"] for entry in page.get("Contents", []))

    def _delete_batch(self, names: list[str]) -> None:
        with errors_mapped():
            answer = self._client.delete_objects(
                Bucket=self._bucket, Delete={"Objects": [{"Key": name} for name in names], "Quiet": True}
            )
        if failed := len(answer.get("Errors", [])):
            raise StoreUnavailable(f"the object store did not delete {failed} of {len(names)} objects")

    def _bucket_is_there(self) -> bool:
        with errors_mapped():
            try:
                self._client.head_bucket(Bucket=self._bucket)
            except ClientError as error:
                if not is_missing(error):
                    raise
                return False
        return True

    def _create_bucket(self) -> None:
        region: BucketLocationConstraintType = self._client.meta.region_name  # type: ignore[assignment]
        try:
            if region == _HOME_REGION:
                self._client.create_bucket(Bucket=self._bucket)
            else:
                self._client.create_bucket(
                    Bucket=self._bucket, CreateBucketConfiguration={"LocationConstraint": region}
                )
        except ClientError as error:
            if error_code(error) != "BucketAlreadyOwnedByYou":
                raise
