"""The tables of bulk runs. Names of files, folders and objects are in them only `sealed`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
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
from ocr_pipeline.adapters.postgres.columns import digest, moment, one_of, sealed, wrapped_key
from ocr_pipeline.domain.bulk import ItemState, RunState
from ocr_pipeline.domain.documents import DocumentKind
from ocr_pipeline.domain.sealing import KeyOwnerKind, Purpose

metadata = pipeline.metadata

bulk_runs = Table(
    "bulk_runs",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    moment("created_at"),
    moment("updated_at"),
    *wrapped_key(),
    sealed("about", Purpose.BULK_RUN, KeyOwnerKind.BULK_RUN, nullable=False),
    Column("window", Text),
    Column("unbounded", Boolean, nullable=False),
    moment("deadline", nullable=True),
    moment("started_at", nullable=True),
    moment("ended_at", nullable=True),
    PrimaryKeyConstraint("id", name="bulk_runs_pkey"),
    one_of("state", RunState, "bulk_runs_state_known"),
    Index("bulk_runs_by_state", "state", "id"),
)

bulk_run_events = Table(
    "bulk_run_events",
    metadata,
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("run_id", Uuid, nullable=False),
    moment("at"),
    Column("state", Text, nullable=False),
    Column("actor", Text, nullable=False),
    PrimaryKeyConstraint("id", name="bulk_run_events_pkey"),
    ForeignKeyConstraint(["run_id"], ["bulk_runs.id"], name="bulk_run_events_run_fkey"),
    one_of("state", RunState, "bulk_run_events_state_known"),
    Index("bulk_run_events_by_run", "run_id", "id"),
)

bulk_items = Table(
    "bulk_items",
    metadata,
    Column("run_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    sealed("source", Purpose.BULK_ITEM, KeyOwnerKind.BULK_RUN),
    digest("fingerprint", nullable=True),
    Column("line", Integer),
    Column("kind", Text, nullable=False),
    Column("code", Text),
    Column("duplicate_of", Integer),
    Column("attempts", Integer, nullable=False),
    moment("not_before", nullable=True),
    moment("handed_out_at", nullable=True),
    moment("settled_at", nullable=True),
    Column("pages", Integer),
    PrimaryKeyConstraint("run_id", "number", name="bulk_items_pkey"),
    ForeignKeyConstraint(["run_id"], ["bulk_runs.id"], name="bulk_items_run_fkey"),
    one_of("state", ItemState, "bulk_items_state_known"),
    one_of("kind", DocumentKind, "bulk_items_kind_known"),
    CheckConstraint("number >= 1", name="bulk_items_number_counts_from_one"),
    CheckConstraint("fingerprint IS NULL OR octet_length(fingerprint) = 32", name="bulk_items_fingerprint_whole"),
    CheckConstraint("attempts >= 0 AND (pages IS NULL OR pages >= 0)", name="bulk_items_counts_not_negative"),
    Index("bulk_items_waiting", "run_id", "number", postgresql_where=text("state = 'waiting'")),
    Index("bulk_items_under_way", "run_id", "number", postgresql_where=text("state = 'handed_out'")),
    Index(
        "bulk_items_by_name",
        "run_id",
        "fingerprint",
        postgresql_where=text("fingerprint IS NOT NULL AND state <> 'duplicate'"),
    ),
    Index("bulk_items_by_line", "run_id", "line", postgresql_where=text("line IS NOT NULL")),
    Index("bulk_items_by_state", "run_id", "state", "code", "pages"),
    Index("bulk_items_settled", "run_id", "settled_at", postgresql_where=text("settled_at IS NOT NULL")),
)

bulk_segments = Table(
    "bulk_segments",
    metadata,
    Column("run_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("index", Integer, nullable=False),
    Column("first_page", Integer, nullable=False),
    Column("document_id", Uuid, nullable=False),
    Column("known", Boolean, nullable=False),
    PrimaryKeyConstraint("run_id", "number", "index", name="bulk_segments_pkey"),
    ForeignKeyConstraint(
        ["run_id", "number"], ["bulk_items.run_id", "bulk_items.number"], name="bulk_segments_item_fkey"
    ),
    ForeignKeyConstraint(["document_id"], ["documents.id"], name="bulk_segments_document_fkey"),
    CheckConstraint("index >= 1 AND first_page >= 1", name="bulk_segments_count_from_one"),
    Index("bulk_segments_by_document", "document_id"),
)
