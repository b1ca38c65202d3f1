"""Bulk runs, their items, and the documents these became."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
RUN_STATES = "state IN ('listing', 'created', 'running', 'paused', 'finished', 'cancelled')"
ITEM_STATES = "state IN ('waiting', 'handed_out', 'done', 'refused', 'missing', 'failed', 'duplicate')"


def upgrade() -> None:
    """Add them."""
    _create_runs()
    _create_run_events()
    _create_items()
    _create_segments()


def downgrade() -> None:
    """Take them away with their data; the documents that items became stay."""
    for table in ("bulk_segments", "bulk_items", "bulk_run_events", "bulk_runs"):
        op.drop_table(table)


def _create_runs() -> None:
    op.create_table(
        "bulk_runs",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("key_ciphertext", sa.LargeBinary, nullable=False),
        sa.Column("about", sa.LargeBinary, nullable=False),
        sa.Column("window", sa.Text),
        sa.Column("unbounded", sa.Boolean, nullable=False),
        sa.Column("deadline", MOMENT),
        sa.Column("started_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="bulk_runs_pkey"),
        sa.CheckConstraint(RUN_STATES, name="bulk_runs_state_known"),
    )
    op.create_index("bulk_runs_by_state", "bulk_runs", ["state", "id"])


def _create_run_events() -> None:
    op.create_table(
        "bulk_run_events",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("run_id", sa.Uuid, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="bulk_run_events_pkey"),
        sa.ForeignKeyConstraint(["run_id"], ["bulk_runs.id"], name="bulk_run_events_run_fkey"),
        sa.CheckConstraint(RUN_STATES, name="bulk_run_events_state_known"),
    )
    op.create_index("bulk_run_events_by_run", "bulk_run_events", ["run_id", "id"])


def _create_items() -> None:
    op.create_table(
        "bulk_items",
        sa.Column("run_id", sa.Uuid, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("source", sa.LargeBinary),
        sa.Column("fingerprint", sa.LargeBinary),
        sa.Column("line", sa.Integer),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("code", sa.Text),
        sa.Column("duplicate_of", sa.Integer),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("not_before", MOMENT),
        sa.Column("handed_out_at", MOMENT),
        sa.Column("settled_at", MOMENT),
        sa.Column("pages", sa.Integer),
        sa.PrimaryKeyConstraint("run_id", "number", name="bulk_items_pkey"),
        sa.ForeignKeyConstraint(["run_id"], ["bulk_runs.id"], name="bulk_items_run_fkey"),
        sa.CheckConstraint(ITEM_STATES, name="bulk_items_state_known"),
        sa.CheckConstraint("kind IN ('prescription', 'certificate', 'chart', 'other')", name="bulk_items_kind_known"),
        sa.CheckConstraint("number >= 1", name="bulk_items_number_counts_from_one"),
        sa.CheckConstraint(
            "fingerprint IS NULL OR octet_length(fingerprint) = 32", name="bulk_items_fingerprint_whole"
        ),
        sa.CheckConstraint("attempts >= 0 AND (pages IS NULL OR pages >= 0)", name="bulk_items_counts_not_negative"),
    )
    for name, columns, where in (
        ("bulk_items_waiting", ["run_id", "number"], "state = 'waiting'"),
        ("bulk_items_under_way", ["run_id", "number"], "state = 'handed_out'"),
        ("bulk_items_by_name", ["run_id", "fingerprint"], "fingerprint IS NOT NULL AND state <> 'duplicate'"),
        ("bulk_items_by_line", ["run_id", "line"], "line IS NOT NULL"),
        ("bulk_items_settled", ["run_id", "settled_at"], "settled_at IS NOT NULL"),
    ):
        op.create_index(name, "bulk_items", columns, postgresql_where=sa.text(where))


def _create_segments() -> None:
    op.create_table(
        "bulk_segments",
        sa.Column("run_id", sa.Uuid, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("index", sa.Integer, nullable=False),
        sa.Column("first_page", sa.Integer, nullable=False),
        sa.Column("document_id", sa.Uuid, nullable=False),
        sa.Column("known", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "number", "index", name="bulk_segments_pkey"),
        sa.ForeignKeyConstraint(
            ["run_id", "number"], ["bulk_items.run_id", "bulk_items.number"], name="bulk_segments_item_fkey"
        ),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name="bulk_segments_document_fkey"),
        sa.CheckConstraint("index >= 1 AND first_page >= 1", name="bulk_segments_count_from_one"),
    )
    op.create_index("bulk_segments_by_document", "bulk_segments", ["document_id"])
