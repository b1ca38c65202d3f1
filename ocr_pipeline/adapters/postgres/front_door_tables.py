"""The tables of the front door: clients and their keys, and what is remembered of their requests.

None of them holds anything of a document's content. `metadata` holds these tables and those of the pipeline.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)

from ocr_pipeline.adapters.postgres import tables as pipeline
from ocr_pipeline.adapters.postgres.columns import digest, moment, one_of
from ocr_pipeline.domain.access import AccessKind
from ocr_pipeline.domain.clients import Role
from ocr_pipeline.domain.webhooks import WebhookEvent

metadata = pipeline.metadata
"""Every table there is: what the migrations make."""

_ROLES = ", ".join(f"'{role.value}'" for role in Role)

clients = Table(
    "clients",
    metadata,
    Column("id", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    moment("created_at"),
    Column("requests_per_minute", Integer, nullable=False),
    Column("burst", Integer, nullable=False),
    Column("queued_pages", Integer, nullable=False),
    Column("sources", ARRAY(Text), nullable=False),
    moment("disabled_at", nullable=True),
    Column("log_sequence", BigInteger, nullable=False),
    digest("log_head"),
    PrimaryKeyConstraint("id", name="clients_pkey"),
    CheckConstraint(f"roles <@ ARRAY[{_ROLES}]", name="clients_roles_known"),
    CheckConstraint("requests_per_minute >= 1 AND burst >= 1 AND queued_pages >= 0", name="clients_allowance_sensible"),
    CheckConstraint("log_sequence >= 0 AND octet_length(log_head) = 32", name="clients_log_head_whole"),
)

# No foreign key, and a trigger that refuses every change: as with the audit trail.
access_events = Table(
    "access_events",
    metadata,
    Column("client_id", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    moment("at"),
    Column("actor", Text, nullable=False),
    Column("details", Text, nullable=False),
    digest("previous"),
    digest("hash"),
    PrimaryKeyConstraint("client_id", "sequence", name="access_events_pkey"),
    one_of("kind", AccessKind, "access_events_kind_known"),
    CheckConstraint("sequence >= 1", name="access_events_sequence_counts_from_one"),
    CheckConstraint("octet_length(previous) = 32 AND octet_length(hash) = 32", name="access_events_hashes_whole"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    moment("created_at"),
    moment("expires_at", nullable=True),
    moment("revoked_at", nullable=True),
    PrimaryKeyConstraint("id", name="api_keys_pkey"),
    ForeignKeyConstraint(["client_id"], ["clients.id"], name="api_keys_client_fkey"),
    Index("api_keys_by_client", "client_id", "created_at", "id"),
)

webhook_secrets = Table(
    "webhook_secrets",
    metadata,
    Column("client_id", Text, nullable=False),
    Column("id", Text, nullable=False),
    moment("expires_at", nullable=True),
    PrimaryKeyConstraint("client_id", "id", name="webhook_secrets_pkey"),
    ForeignKeyConstraint(["client_id"], ["clients.id"], name="webhook_secrets_client_fkey"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("client_id", Text, nullable=False),
    Column("key", Text, nullable=False),
    digest("digest"),
    Column("document_id", Uuid, nullable=False),
    moment("at"),
    PrimaryKeyConstraint("client_id", "key", name="idempotency_keys_pkey"),
    ForeignKeyConstraint(["document_id"], ["documents.id"], name="idempotency_keys_document_fkey"),
    CheckConstraint("octet_length(digest) = 32", name="idempotency_keys_digest_whole"),
    Index("idempotency_keys_by_time", "at"),
)

known_pages = Table(
    "known_pages",
    metadata,
    Column("client_id", Text, nullable=False),
    digest("fingerprint"),
    Column("configuration", Text, nullable=False),
    Column("document_id", Uuid, nullable=False),
    Column("page_number", Integer, nullable=False),
    moment("at"),
    PrimaryKeyConstraint("client_id", "fingerprint", "configuration", name="known_pages_pkey"),
    ForeignKeyConstraint(
        ["document_id", "page_number"], ["pages.document_id", "pages.number"], name="known_pages_page_fkey"
    ),
    CheckConstraint("octet_length(fingerprint) = 32", name="known_pages_fingerprint_whole"),
    Index("known_pages_by_document", "document_id", "page_number"),
    Index("known_pages_by_time", "at"),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("document_id", Uuid, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("event", Text, nullable=False),
    moment("created_at"),
    moment("not_before"),
    Column("attempts", Integer, nullable=False),
    moment("delivered_at", nullable=True),
    moment("abandoned_at", nullable=True),
    PrimaryKeyConstraint("id", name="webhooks_pkey"),
    ForeignKeyConstraint(["document_id"], ["documents.id"], name="webhooks_document_fkey"),
    one_of("event", WebhookEvent, "webhooks_event_known"),
    CheckConstraint("attempts >= 0", name="webhooks_attempts_not_negative"),
    Index("webhooks_by_document", "document_id", "created_at", "id"),
    Index(
        "webhooks_open",
        "not_before",
        "id",
        postgresql_where=text("delivered_at IS NULL AND abandoned_at IS NULL"),
    ),
    Index("webhooks_ended", text("(coalesce(delivered_at, abandoned_at))")),
)

# A number of its own: two senders may try one webhook under the same count, when the first was thought to be gone.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("webhook_id", Uuid, nullable=False),
    Column("attempt", Integer, nullable=False),
    moment("at"),
    Column("seconds", Double, nullable=False),
    Column("status", Integer),
    Column("error", Text),
    PrimaryKeyConstraint("id", name="webhook_deliveries_pkey"),
    ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], name="webhook_deliveries_webhook_fkey"),
    Index("webhook_deliveries_by_webhook", "webhook_id", "at", "id"),
)

request_nonces = Table(
    "request_nonces",
    metadata,
    Column("key_id", Text, nullable=False),
    Column("nonce", Text, nullable=False),
    moment("expires_at"),
    PrimaryKeyConstraint("key_id", "nonce", name="request_nonces_pkey"),
    Index("request_nonces_by_expiry", "expires_at"),
)

# Unlogged: a request waits for no disk, and a crash leaves every bucket full. `asked_at` and `granted` tell of the
# last request, so that the statement which judges it can also say how it ended.
rate_buckets = Table(
    "rate_buckets",
    metadata,
    Column("client_id", Text, nullable=False),
    moment("full_at"),
    moment("asked_at"),
    Column("granted", Boolean, nullable=False),
    PrimaryKeyConstraint("client_id", name="rate_buckets_pkey"),
    prefixes=["UNLOGGED"],
)
