"""Adapters from settings. Whatever must be closed is handed to the ExitStack that the caller owns.

Adapters over large libraries are imported where they are chosen: a command pays only for what it uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

from sqlalchemy import URL

from ocr_pipeline.adapters.documents.limits import OpenerLimits
from ocr_pipeline.adapters.documents.opener import ChildProcessOpener
from ocr_pipeline.adapters.keys.data_key_cache import DataKeyCache
from ocr_pipeline.adapters.keys.local_file import LocalFileKeyProvider
from ocr_pipeline.adapters.keys.vault import AesGcmVault
from ocr_pipeline.adapters.objects.local import LocalObjectStore
from ocr_pipeline.adapters.postgres.embedded import EmbeddedPostgres
from ocr_pipeline.adapters.postgres.engine import create_pool
from ocr_pipeline.adapters.postgres.migrate import migrate
from ocr_pipeline.adapters.postgres.records import PostgresRecords
from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.ports.objects import ObjectStore
from ocr_pipeline.ports.vault import KeyProvider
from ocr_pipeline.settings import Settings

if TYPE_CHECKING:
    from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
    from ocr_pipeline.adapters.queues.celery_queue import CeleryWorkQueue
    from ocr_pipeline.adapters.queues.topology import Topology


def object_store(settings: Settings, stack: ExitStack) -> ObjectStore:
    """The object store, ready for use. Raises StoreUnavailable."""
    storage = settings.storage
    if storage.kind == "local":
        local = LocalObjectStore(settings.object_dir)
        local.prepare()
        return local
    from ocr_pipeline.adapters.objects.s3 import S3ObjectStore

    store = S3ObjectStore(
        s3_endpoint(settings).client(), storage.bucket, storage.prefix, staging=settings.home / "staging"
    )
    stack.callback(store.close)
    store.prepare(create_bucket=storage.create_bucket)
    return store


def s3_endpoint(settings: Settings) -> S3Endpoint:
    """How to reach the S3 server of the settings."""
    from ocr_pipeline.adapters.objects.s3_client import S3Endpoint

    storage = settings.storage
    return S3Endpoint(
        endpoint_url=storage.endpoint_url,
        region=storage.region,
        access_key=None if storage.access_key is None else storage.access_key.get_secret_value(),
        secret_key=None if storage.secret_key is None else storage.secret_key.get_secret_value(),
        path_style=storage.endpoint_url is not None,
    )


def key_provider(settings: Settings, stack: ExitStack) -> KeyProvider:
    """What wraps data keys. A key file is made at first use by an embedded pipeline, and only there."""
    keys = settings.keys
    if keys.provider == "file":
        if settings.embedded and not settings.key_file.exists():
            try:
                return create_key_file(settings)
            except ConfigurationError:
                if not settings.key_file.exists():
                    raise
                # Another process was quicker: those are the keys.
        return LocalFileKeyProvider(settings.key_file)
    if keys.kms_key_id is None or keys.kms_fingerprint_key_id is None:
        raise ConfigurationError("keys.kms_key_id and keys.kms_fingerprint_key_id must be set")
    from ocr_pipeline.adapters.keys.aws_kms import AwsKmsKeyProvider, KmsEndpoint

    client = KmsEndpoint(endpoint_url=keys.kms_endpoint_url, region=keys.kms_region).client()
    provider = AwsKmsKeyProvider(client, keys.kms_key_id, keys.kms_fingerprint_key_id)
    stack.callback(provider.close)
    return provider


def create_key_file(settings: Settings) -> LocalFileKeyProvider:
    """A new key file. Raises ConfigurationError where there is one already, or another provider is set."""
    if settings.keys.provider != "file":
        raise ConfigurationError("keys.provider is not `file`: the keys are made where they are kept")
    return LocalFileKeyProvider.create(settings.key_file)


def vault(settings: Settings, provider: KeyProvider) -> AesGcmVault:
    """The vault over a key provider."""
    return AesGcmVault(provider, DataKeyCache(settings.keys.cache_entries, settings.keys.cache_seconds))


def database_url(settings: Settings, stack: ExitStack) -> str | URL:
    """The database's address; an embedded server is started (or joined) and brought to this version's schema."""
    if settings.database.url is not None:
        return settings.database.url.get_secret_value()
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = stack.enter_context(EmbeddedPostgres(settings.home / "postgres")).url
    migrate(url)
    return url


def migrate_database(settings: Settings) -> None:
    """Bring the database to this version's schema; nothing but the database need be there.

    Raises DatabaseUnavailable.
    """
    with ExitStack() as stack:
        migrate(database_url(settings, stack))


def records(settings: Settings, url: str | URL, stack: ExitStack) -> PostgresRecords:
    """The records over a database."""
    database = settings.database
    built = PostgresRecords(
        create_pool(
            url,
            pool_size=database.pool_size,
            statement_timeout=database.statement_timeout_seconds,
            lock_timeout=database.lock_timeout_seconds,
        )
    )
    stack.callback(built.close)
    return built


def broker_queue(settings: Settings, stack: ExitStack) -> CeleryWorkQueue:
    """The queue over RabbitMQ. Raises ConfigurationError without a broker URL."""
    url = _broker_url(settings)
    from ocr_pipeline.adapters.queues.celery_queue import CeleryWorkQueue

    queue = CeleryWorkQueue(url, topology(settings), companions=_trace_headers(settings))
    stack.callback(queue.close)
    return queue


def _trace_headers(settings: Settings) -> Callable[[], Mapping[str, str]] | None:
    """What carries a trace along in messages; None where nobody traces."""
    if settings.observability.otlp_endpoint is None:
        return None
    from ocr_pipeline.adapters.tracing import current_headers

    return current_headers


def topology(settings: Settings) -> Topology:
    """The lanes of the settings."""
    from ocr_pipeline.adapters.queues.topology import Topology

    broker = settings.broker
    return Topology(
        queue_type=broker.queue_type,
        delivery_limit=broker.delivery_limit,
        max_lane_depth=broker.max_lane_depth,
        made_by_users=broker.declare_queues,
    )


def declare_queues(settings: Settings) -> None:
    """Make the exchanges and queues of the settings in the broker. Raises ConfigurationError, QueueUnavailable."""
    from ocr_pipeline.adapters.queues.links import declare

    declare(_broker_url(settings), topology(settings))


def _broker_url(settings: Settings) -> str:
    if settings.broker.url is None:
        raise ConfigurationError("broker.url is not set: there is no broker to reach")
    return settings.broker.url.get_secret_value()


def opener(settings: Settings, stack: ExitStack) -> ChildProcessOpener:
    """The opener of hostile files."""
    intake = settings.intake
    width, height = settings.max_image_resolution
    built = ChildProcessOpener(
        OpenerLimits(
            max_pages=settings.max_pages_per_request,
            max_pixels=width * height,
            render_dpi=intake.render_dpi,
            max_source_pixels=intake.max_source_pixels,
            memory_bytes=intake.memory_bytes,
            document_seconds=intake.document_seconds,
            page_seconds=intake.page_seconds,
        )
    )
    stack.callback(built.close)
    return built
