"""The tables of the pipeline. Alembic owns the schema (`migrations/`); a test holds both to each other.

Nothing here comes from a document's content but what is `sealed`.
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
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)

from ocr_pipeline.adapters.postgres.columns import digest, moment, one_of, sealed, wrapped_key
from ocr_pipeline.domain.documents import DocumentKind, DocumentState, MediaType
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.review import Resolution
from ocr_pipeline.domain.sealing import KeyOwnerKind, Purpose

metadata = MetaData()

documents = Table(
    "documents",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("state", Text, nullable=False),
    moment("received_at"),
    moment("updated_at"),
    Column("size", BigInteger, nullable=False),
    digest("fingerprint"),
    Column("media_type", Text, nullable=False),
    sealed("name", Purpose.NAME, KeyOwnerKind.DOCUMENT),
    *wrapped_key(nullable=True),
    Column("reason", Text),
    Column("limit_broken", Text),
    Column("page_count", Integer),
    Column("intake_attempts", Integer, nullable=False),
    moment("dispatched_at", nullable=True),
    Column("kind", Text, nullable=False),
    moment("deadline", nullable=True),
    sealed("reference", Purpose.REFERENCE, KeyOwnerKind.DOCUMENT),
    sealed("callback", Purpose.CALLBACK, KeyOwnerKind.DOCUMENT),
    Column("fresh", Boolean, nullable=False),
    Column("audit_sequence", BigInteger, nullable=False),
    digest("audit_head"),
    PrimaryKeyConstraint("id", name="documents_pkey"),
    CheckConstraint("priority BETWEEN 0 AND 2", name="documents_priority_known"),
    one_of("state", DocumentState, "documents_state_known"),
    one_of("media_type", MediaType, "documents_media_type_known"),
    one_of("kind", DocumentKind, "documents_kind_known"),
    CheckConstraint("size >= 0", name="documents_size_not_negative"),
    CheckConstraint("(key_id IS NULL) = (key_ciphertext IS NULL)", name="documents_key_whole"),
    CheckConstraint("state <> 'erased' OR key_id IS NULL", name="documents_erased_has_no_key"),
    CheckConstraint(
        "state <> 'erased' OR (reference IS NULL AND callback IS NULL)", name="documents_erased_has_no_reference"
    ),
    CheckConstraint("audit_sequence >= 0 AND octet_length(audit_head) = 32", name="documents_audit_head_whole"),
    Index("documents_by_state", "state", "id"),
    # Lists are in order of id; what they leave out is told by the columns behind it, without a look at the rows.
    Index("documents_by_client", "client_id", "id", "state", "kind", "priority", "received_at"),
    Index(
        "documents_by_fingerprint",
        "client_id",
        "fingerprint",
        postgresql_where=text("state NOT IN ('erased', 'cancelled')"),
    ),
    Index(
        "documents_waiting",
        "client_id",
        "state",
        "id",
        postgresql_where=text("state IN ('received', 'queued', 'processing')"),
    ),
    Index("documents_received", "priority", "id", postgresql_where=text("state = 'received'")),
)

pages = Table(
    "pages",
    metadata,
    Column("document_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    moment("updated_at"),
    Column("media_type", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("dpi", Double),
    Column("attempt", Integer, nullable=False),
    Column("dispatch", Integer, nullable=False),
    Column("suspicions", Integer, nullable=False),
    Column("quarantined", Boolean, nullable=False),
    moment("dispatched_at", nullable=True),
    moment("not_before", nullable=True),
    Column("reasons", ARRAY(Text), nullable=False),
    Column("confidence", Double),
    Column("engine", Text),
    Column("seconds", Double),
    sealed("text", Purpose.PAGE_TEXT, KeyOwnerKind.DOCUMENT),
    sealed("text_layer", Purpose.TEXT_LAYER, KeyOwnerKind.DOCUMENT),
    digest("fingerprint", nullable=True),
    Column("known", Boolean, nullable=False),
    PrimaryKeyConstraint("document_id", "number", name="pages_pkey"),
    ForeignKeyConstraint(["document_id"], ["documents.id"], name="pages_document_fkey"),
    CheckConstraint("number >= 1", name="pages_number_counts_from_one"),
    one_of("state", PageState, "pages_state_known"),
    CheckConstraint("width >= 0 AND height >= 0", name="pages_size_not_negative"),
    CheckConstraint("confidence BETWEEN 0 AND 1", name="pages_confidence_is_probability"),
    CheckConstraint("octet_length(fingerprint) = 32", name="pages_fingerprint_whole"),
    Index("pages_queued", "dispatched_at", "not_before", postgresql_where=text("state = 'queued'")),
    Index("pages_by_state", "state"),
    Index("pages_settled", "updated_at", postgresql_where=text("state <> 'queued'")),
)

review_items = Table(
    "review_items",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("document_id", Uuid, nullable=False),
    Column("page_number", Integer, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("reasons", ARRAY(Text), nullable=False),
    Column("confidence", Double),
    moment("opened_at"),
    Column("lease_holder", Text),
    moment("lease_expires_at", nullable=True),
    Column("resolution", Text),
    moment("resolved_at", nullable=True),
    Column("resolved_by", Text),
    Column("cer", Double),
    sealed("correction", Purpose.CORRECTION, KeyOwnerKind.DOCUMENT),
    PrimaryKeyConstraint("id", name="review_items_pkey"),
    ForeignKeyConstraint(
        ["document_id", "page_number"], ["pages.document_id", "pages.number"], name="review_items_page_fkey"
    ),
    CheckConstraint("priority BETWEEN 0 AND 2", name="review_items_priority_known"),
    one_of("resolution", Resolution, "review_items_resolution_known"),
    CheckConstraint("confidence BETWEEN 0 AND 1", name="review_items_confidence_is_probability"),
    CheckConstraint("(lease_holder IS NULL) = (lease_expires_at IS NULL)", name="review_items_lease_whole"),
    Index("review_items_by_page", "document_id", "page_number"),
    Index(
        "review_items_one_open",
        "document_id",
        "page_number",
        unique=True,
        postgresql_where=text("resolution IS NULL"),
    ),
    Index("review_items_open", "priority", "opened_at", "id", postgresql_where=text("resolution IS NULL")),
)

# No foreign key: the trail outlives whatever it tells of. A trigger (in the migrations) refuses every change.
audit_events = Table(
    "audit_events",
    metadata,
    Column("document_id", Uuid, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    moment("at"),
    Column("actor", Text, nullable=False),
    Column("page", Integer),
    Column("details", Text, nullable=False),
    digest("previous"),
    digest("hash"),
    PrimaryKeyConstraint(
        "document_id",
        "sequence",
        name="audit_events_pkey",
    ),
    CheckConstraint("sequence >= 1", name="audit_events_sequence_counts_from_one"),
    CheckConstraint("octet_length(previous) = 32 AND octet_length(hash) = 32", name="audit_events_hashes_whole"),
    # Events are only ever added, so blocks of the table are in order of time, and a few bytes a block find them.
    Index("audit_events_by_time", "at", postgresql_using="brin"),
)
