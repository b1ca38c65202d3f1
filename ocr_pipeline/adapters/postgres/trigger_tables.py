"""The tables of S3 triggers: objects that became documents, events that are held, and how far listings are.

Keys of objects are PHI: they are here as keyed fingerprints and as ciphertext. The names of buckets and the prefixes of
the settings are not.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from ocr_pipeline.adapters.postgres.columns import digest, moment, one_of, sealed, wrapped_key
from ocr_pipeline.adapters.postgres.tables import metadata
from ocr_pipeline.domain.sealing import KeyOwnerKind, Purpose
from ocr_pipeline.domain.triggers import OutputProblem, ParkReason

source_objects = Table(
    "source_objects",
    metadata,
    Column("client_id", Text, nullable=False),
    digest("address"),
    digest("etag"),
    moment("modified_at"),
    moment("taken_at"),
    Column("version", Text),
    Column("sequencer", Text),
    Column("document_id", Uuid),
    sealed("sealed", Purpose.SOURCE, KeyOwnerKind.DOCUMENT),
    Column("reason", Text),
    moment("output_due", nullable=True),
    Column("awaits_end", Boolean, nullable=False),
    Column("output_attempts", Integer, nullable=False),
    moment("output_at", nullable=True),
    Column("output_problem", Text),
    PrimaryKeyConstraint("client_id", "address", name="source_objects_pkey"),
    ForeignKeyConstraint(["document_id"], ["documents.id"], name="source_objects_document_fkey"),
    CheckConstraint("octet_length(address) = 32 AND octet_length(etag) = 32", name="source_objects_fingerprints_whole"),
    CheckConstraint("document_id IS NOT NULL OR reason IS NOT NULL", name="source_objects_decided"),
    CheckConstraint("output_due IS NULL OR document_id IS NOT NULL", name="source_objects_output_has_document"),
    CheckConstraint("NOT awaits_end OR output_due IS NOT NULL", name="source_objects_awaited_is_due"),
    CheckConstraint("output_attempts >= 0", name="source_objects_attempts_not_negative"),
    one_of("output_problem", OutputProblem, "source_objects_problem_known"),
    Index("source_objects_by_document", "document_id"),
    Index("source_objects_output", "output_due", postgresql_where=text("output_due IS NOT NULL AND NOT awaits_end")),
)

held_events = Table(
    "held_events",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("source", Text, nullable=False),
    moment("received_at"),
    moment("not_before"),
    Column("size", Integer, nullable=False),
    *wrapped_key(),
    sealed("body", Purpose.EVENT, KeyOwnerKind.HELD_EVENT),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text),
    PrimaryKeyConstraint("id", name="held_events_pkey"),
    CheckConstraint("size >= 0 AND attempts >= 0", name="held_events_counts_not_negative"),
    CheckConstraint("body IS NOT NULL OR reason IS NOT NULL", name="held_events_waiting_has_body"),
    one_of("reason", ParkReason, "held_events_reason_known"),
    Index("held_events_waiting", "not_before", "id", postgresql_where=text("reason IS NULL")),
    Index("held_events_parked", "received_at", "id", postgresql_where=text("reason IS NOT NULL")),
)

listings = Table(
    "listings",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("bucket", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    *wrapped_key(),
    moment("not_before"),
    sealed("cursor", Purpose.CURSOR, KeyOwnerKind.LISTING),
    moment("finished_at", nullable=True),
    PrimaryKeyConstraint("id", name="listings_pkey"),
    UniqueConstraint("bucket", "prefix", name="listings_place"),
)
