"""Objects that S3 events told of, events that wait or could not be used, and how far listings are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
TABLES = ("source_objects", "held_events", "listings")


def upgrade() -> None:
    """Add them."""
    _create_source_objects()
    _create_held_events()
    _create_listings()


def downgrade() -> None:
    """Take them away; the documents that objects became stay."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _create_source_objects() -> None:
    op.create_table(
        "source_objects",
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("address", sa.LargeBinary, nullable=False),
        sa.Column("etag", sa.LargeBinary, nullable=False),
        sa.Column("modified_at", MOMENT, nullable=False),
        sa.Column("taken_at", MOMENT, nullable=False),
        sa.Column("version", sa.Text),
        sa.Column("sequencer", sa.Text),
        sa.Column("document_id", sa.Uuid),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("reason", sa.Text),
        sa.Column("output_due", MOMENT),
        sa.Column("output_attempts", sa.Integer, nullable=False),
        sa.Column("output_at", MOMENT),
        sa.Column("output_problem", sa.Text),
        sa.PrimaryKeyConstraint("client_id", "address", name="source_objects_pkey"),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name="source_objects_document_fkey"),
        sa.CheckConstraint(
            "octet_length(address) = 32 AND octet_length(etag) = 32", name="source_objects_fingerprints_whole"
        ),
        sa.CheckConstraint("document_id IS NOT NULL OR reason IS NOT NULL", name="source_objects_decided"),
        sa.CheckConstraint("output_due IS NULL OR document_id IS NOT NULL", name="source_objects_output_has_document"),
        sa.CheckConstraint("output_attempts >= 0", name="source_objects_attempts_not_negative"),
        sa.CheckConstraint(
            "output_problem IN ('unavailable', 'key_too_long', 'erased', 'unreadable', 'failed')",
            name="source_objects_problem_known",
        ),
    )
    op.create_index("source_objects_by_document", "source_objects", ["document_id"])
    op.create_index(
        "source_objects_output", "source_objects", ["output_due"], postgresql_where=sa.text("output_due IS NOT NULL")
    )


def _create_held_events() -> None:
    op.create_table(
        "held_events",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("not_before", MOMENT, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("key_ciphertext", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text),
        sa.PrimaryKeyConstraint("id", name="held_events_pkey"),
        sa.CheckConstraint("size >= 0 AND attempts >= 0", name="held_events_counts_not_negative"),
        sa.CheckConstraint("body IS NOT NULL OR reason IS NOT NULL", name="held_events_waiting_has_body"),
        sa.CheckConstraint(
            "reason IN ('no_json', 'unknown_form', 'malformed', 'too_large', 'too_many_records', 'unknown_client', "
            "'client_disabled', 'object_missing', 'failed')",
            name="held_events_reason_known",
        ),
    )
    op.create_index(
        "held_events_waiting", "held_events", ["not_before", "id"], postgresql_where=sa.text("reason IS NULL")
    )
    op.create_index(
        "held_events_parked", "held_events", ["received_at", "id"], postgresql_where=sa.text("reason IS NOT NULL")
    )


def _create_listings() -> None:
    op.create_table(
        "listings",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("bucket", sa.Text, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("key_ciphertext", sa.LargeBinary, nullable=False),
        sa.Column("not_before", MOMENT, nullable=False),
        sa.Column("cursor", sa.LargeBinary),
        sa.Column("finished_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="listings_pkey"),
        sa.UniqueConstraint("bucket", "prefix", name="listings_place"),
    )
