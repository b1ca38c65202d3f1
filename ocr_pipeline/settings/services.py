"""The services that the pipeline stands on: broker, database, object store, keys."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from ocr_pipeline.settings.group import Group


class BrokerSettings(Group):
    """RabbitMQ. Without a URL the pipeline runs embedded, in one process.

    Without `declare_queues` only `ocr-pipeline broker declare` makes queues, so that no process needs the right to.
    """

    url: SecretStr | None = None
    queue_type: Literal["quorum", "classic"] = "quorum"
    delivery_limit: int = Field(20, ge=1)
    max_lane_depth: int = Field(100_000, ge=1)
    declare_queues: bool = True


class DatabaseSettings(Group):
    """PostgreSQL. Without a URL one is started under the data directory."""

    url: SecretStr | None = None
    pool_size: int = Field(10, ge=1)
    statement_timeout_seconds: float = Field(30.0, gt=0)
    lock_timeout_seconds: float = Field(10.0, gt=0)


class StorageSettings(Group):
    """Where encrypted objects lie: a local directory, or an S3 bucket."""

    kind: Literal["local", "s3"] = "local"
    path: Path | None = None
    bucket: str = "ocr-pipeline"
    prefix: str = ""
    create_bucket: bool = False
    endpoint_url: str | None = None
    region: str = "us-east-1"
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None


class KeySettings(Group):
    """What wraps the documents' data keys: a local key file, or AWS KMS."""

    provider: Literal["file", "aws_kms"] = "file"
    path: Path | None = None
    kms_key_id: str | None = None
    kms_fingerprint_key_id: str | None = None
    kms_endpoint_url: str | None = None
    kms_region: str = "us-east-1"
    cache_entries: int = Field(64, ge=0)
    cache_seconds: float = Field(60.0, ge=0)

    @model_validator(mode="after")
    def _kms_is_named(self) -> Self:
        if self.provider == "aws_kms" and not (self.kms_key_id and self.kms_fingerprint_key_id):
            raise ValueError("keys.provider aws_kms needs keys.kms_key_id and keys.kms_fingerprint_key_id")
        return self
