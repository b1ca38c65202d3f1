"""Documents, pages, review items and the append-only audit trail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create every table, and the trigger that keeps the audit trail as it was written."""
    _create_documents()
    _create_pages()
    _create_review_items()
    _create_audit_events()


def downgrade() -> None:
    """Drop every table with its data."""
    op.execute("DROP TRIGGER audit_events_append_only ON audit_events")
    op.execute("DROP FUNCTION audit_events_refuse_change()")
    for table in ("audit_events", "review_items", "pages", "documents"):
        op.drop_table(table)


def _create_documents() -> None:
    op.create_table(
        "documents",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("name", sa.LargeBinary),
        sa.Column("key_id", sa.Text),
        sa.Column("key_ciphertext", sa.LargeBinary),
        sa.Column("reason", sa.Text),
        sa.Column("limit_broken", sa.Text),
        sa.Column("page_count", sa.Integer),
        sa.Column("intake_attempts", sa.Integer, nullable=False),
        sa.Column("dispatched_at", MOMENT),
        sa.Column("audit_sequence", sa.BigInteger, nullable=False),
        sa.Column("audit_head", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="documents_pkey"),
        sa.CheckConstraint("priority BETWEEN 0 AND 2", name="documents_priority_known"),
        sa.CheckConstraint(
            "state IN ('received', 'queued', 'processing', 'needs_review', 'completed', 'rejected', 'failed', "
            "'cancelled', 'erased')",
            name="documents_state_known",
        ),
        sa.CheckConstraint(
            "media_type IN ('image/png', 'image/jpeg', 'image/tiff', 'application/pdf')",
            name="documents_media_type_known",
        ),
        sa.CheckConstraint("size >= 0", name="documents_size_not_negative"),
        sa.CheckConstraint("(key_id IS NULL) = (key_ciphertext IS NULL)", name="documents_key_whole"),
        sa.CheckConstraint("state <> 'erased' OR key_id IS NULL", name="documents_erased_has_no_key"),
        sa.CheckConstraint("audit_sequence >= 0 AND octet_length(audit_head) = 32", name="documents_audit_head_whole"),
    )
    op.create_index("documents_by_state", "documents", ["state", "id"])
    op.create_index("documents_by_client", "documents", ["client_id", "id"])
    op.create_index(
        "documents_by_fingerprint",
        "documents",
        ["client_id", "fingerprint"],
        postgresql_where=sa.text("state NOT IN ('erased', 'cancelled')"),
    )
    op.create_index(
        "documents_received", "documents", ["priority", "id"], postgresql_where=sa.text("state = 'received'")
    )


def _create_pages() -> None:
    op.create_table(
        "pages",
        sa.Column("document_id", sa.Uuid, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("dpi", sa.Double),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("dispatch", sa.Integer, nullable=False),
        sa.Column("suspicions", sa.Integer, nullable=False),
        sa.Column("quarantined", sa.Boolean, nullable=False),
        sa.Column("dispatched_at", MOMENT),
        sa.Column("not_before", MOMENT),
        sa.Column("reasons", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("confidence", sa.Double),
        sa.Column("engine", sa.Text),
        sa.Column("seconds", sa.Double),
        sa.Column("text", sa.LargeBinary),
        sa.Column("text_layer", sa.LargeBinary),
        sa.PrimaryKeyConstraint("document_id", "number", name="pages_pkey"),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name="pages_document_fkey"),
        sa.CheckConstraint("number >= 1", name="pages_number_counts_from_one"),
        sa.CheckConstraint(
            "state IN ('queued', 'accepted', 'blank', 'in_review', 'corrected', 'confirmed', 'unreadable', 'failed')",
            name="pages_state_known",
        ),
        sa.CheckConstraint("width >= 0 AND height >= 0", name="pages_size_not_negative"),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name="pages_confidence_is_probability"),
    )
    op.create_index(
        "pages_queued", "pages", ["dispatched_at", "not_before"], postgresql_where=sa.text("state = 'queued'")
    )
    op.create_index("pages_by_state", "pages", ["state"])


def _create_review_items() -> None:
    op.create_table(
        "review_items",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("document_id", sa.Uuid, nullable=False),
        sa.Column("page_number", sa.Integer, nullable=False),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("reasons", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("confidence", sa.Double),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("lease_holder", sa.Text),
        sa.Column("lease_expires_at", MOMENT),
        sa.Column("resolution", sa.Text),
        sa.Column("resolved_at", MOMENT),
        sa.Column("resolved_by", sa.Text),
        sa.Column("cer", sa.Double),
        sa.Column("correction", sa.LargeBinary),
        sa.PrimaryKeyConstraint("id", name="review_items_pkey"),
        sa.ForeignKeyConstraint(
            ["document_id", "page_number"], ["pages.document_id", "pages.number"], name="review_items_page_fkey"
        ),
        sa.CheckConstraint("priority BETWEEN 0 AND 2", name="review_items_priority_known"),
        sa.CheckConstraint(
            "resolution IN ('confirmed', 'corrected', 'unreadable', 'withdrawn')", name="review_items_resolution_known"
        ),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name="review_items_confidence_is_probability"),
        sa.CheckConstraint("(lease_holder IS NULL) = (lease_expires_at IS NULL)", name="review_items_lease_whole"),
    )
    op.create_index("review_items_by_page", "review_items", ["document_id", "page_number"])
    op.create_index(
        "review_items_one_open",
        "review_items",
        ["document_id", "page_number"],
        unique=True,
        postgresql_where=sa.text("resolution IS NULL"),
    )
    op.create_index(
        "review_items_open",
        "review_items",
        ["priority", "opened_at", "id"],
        postgresql_where=sa.text("resolution IS NULL"),
    )


def _create_audit_events() -> None:
    op.create_table(
        "audit_events",
        sa.Column("document_id", sa.Uuid, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("page", sa.Integer),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("previous", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("document_id", "sequence", name="audit_events_pkey"),
        sa.CheckConstraint("sequence >= 1", name="audit_events_sequence_counts_from_one"),
        sa.CheckConstraint("octet_length(previous) = 32 AND octet_length(hash) = 32", name="audit_events_hashes_whole"),
    )
    op.execute(
        """
        CREATE FUNCTION audit_events_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'audit events are only ever added' USING ERRCODE = 'integrity_constraint_violation';
        END
        $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
        FOR EACH STATEMENT EXECUTE FUNCTION audit_events_refuse_change()
        """
    )
    # "Always" also holds in sessions that switch ordinary triggers off (session_replication_role = replica).
    op.execute("ALTER TABLE audit_events ENABLE ALWAYS TRIGGER audit_events_append_only")
