"""Clients and their keys, what is remembered of their requests, webhooks, and what documents tell of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
TABLES = (
    "clients",
    "api_keys",
    "idempotency_keys",
    "known_pages",
    "webhooks",
    "webhook_deliveries",
    "request_nonces",
    "rate_buckets",
)


def upgrade() -> None:
    """Add the columns and tables of the front door. Documents taken in before are of kind `other`."""
    _extend_documents()
    _create_clients()
    _create_api_keys()
    _create_idempotency_keys()
    _create_known_pages()
    _create_webhooks()
    _create_webhook_deliveries()
    _create_request_nonces()
    _create_rate_buckets()


def downgrade() -> None:
    """Drop what the front door added, with its data; documents, pages and the audit trail stay."""
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_index("documents_waiting", "documents")
    op.drop_constraint("documents_erased_has_no_reference", "documents")
    op.drop_constraint("documents_kind_known", "documents")
    for column in ("callback", "reference", "deadline", "kind"):
        op.drop_column("documents", column)


def _extend_documents() -> None:
    op.add_column("documents", sa.Column("kind", sa.Text, nullable=False, server_default="other"))
    op.alter_column("documents", "kind", server_default=None)
    op.add_column("documents", sa.Column("deadline", MOMENT))
    op.add_column("documents", sa.Column("reference", sa.LargeBinary))
    op.add_column("documents", sa.Column("callback", sa.LargeBinary))
    op.create_check_constraint(
        "documents_kind_known", "documents", "kind IN ('prescription', 'certificate', 'chart', 'other')"
    )
    op.create_check_constraint(
        "documents_erased_has_no_reference",
        "documents",
        "state <> 'erased' OR (reference IS NULL AND callback IS NULL)",
    )
    op.create_index(
        "documents_waiting",
        "documents",
        ["client_id", "state", "id"],
        postgresql_where=sa.text("state IN ('received', 'queued', 'processing')"),
    )


def _create_clients() -> None:
    op.create_table(
        "clients",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("roles", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("requests_per_minute", sa.Integer, nullable=False),
        sa.Column("burst", sa.Integer, nullable=False),
        sa.Column("queued_pages", sa.Integer, nullable=False),
        sa.Column("sources", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("disabled_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="clients_pkey"),
        sa.CheckConstraint(
            "roles <@ ARRAY['submitter', 'reviewer', 'operator', 'auditor']", name="clients_roles_known"
        ),
        sa.CheckConstraint(
            "requests_per_minute >= 1 AND burst >= 1 AND queued_pages >= 0", name="clients_allowance_sensible"
        ),
    )


def _create_api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("revoked_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="api_keys_pkey"),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name="api_keys_client_fkey"),
    )
    op.create_index("api_keys_by_client", "api_keys", ["client_id", "created_at", "id"])


def _create_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("document_id", sa.Uuid, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("client_id", "key", name="idempotency_keys_pkey"),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name="idempotency_keys_document_fkey"),
        sa.CheckConstraint("octet_length(digest) = 32", name="idempotency_keys_digest_whole"),
    )
    op.create_index("idempotency_keys_by_time", "idempotency_keys", ["at"])


def _create_known_pages() -> None:
    op.create_table(
        "known_pages",
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("configuration", sa.Text, nullable=False),
        sa.Column("document_id", sa.Uuid, nullable=False),
        sa.Column("page_number", sa.Integer, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("client_id", "fingerprint", "configuration", name="known_pages_pkey"),
        sa.ForeignKeyConstraint(
            ["document_id", "page_number"], ["pages.document_id", "pages.number"], name="known_pages_page_fkey"
        ),
        sa.CheckConstraint("octet_length(fingerprint) = 32", name="known_pages_fingerprint_whole"),
    )
    op.create_index("known_pages_by_document", "known_pages", ["document_id", "page_number"])
    op.create_index("known_pages_by_time", "known_pages", ["at"])


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("document_id", sa.Uuid, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("not_before", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("delivered_at", MOMENT),
        sa.Column("abandoned_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="webhooks_pkey"),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name="webhooks_document_fkey"),
        sa.CheckConstraint(
            "event IN ('document.completed', 'document.needs_review', 'document.rejected', 'document.failed', "
            "'document.cancelled')",
            name="webhooks_event_known",
        ),
        sa.CheckConstraint("attempts >= 0", name="webhooks_attempts_not_negative"),
    )
    op.create_index("webhooks_by_document", "webhooks", ["document_id", "created_at", "id"])
    op.create_index(
        "webhooks_open",
        "webhooks",
        ["not_before", "id"],
        postgresql_where=sa.text("delivered_at IS NULL AND abandoned_at IS NULL"),
    )


def _create_webhook_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("webhook_id", sa.Uuid, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("id", name="webhook_deliveries_pkey"),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], name="webhook_deliveries_webhook_fkey"),
    )
    op.create_index("webhook_deliveries_by_webhook", "webhook_deliveries", ["webhook_id", "at", "id"])


def _create_request_nonces() -> None:
    op.create_table(
        "request_nonces",
        sa.Column("key_id", sa.Text, nullable=False),
        sa.Column("nonce", sa.Text, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("key_id", "nonce", name="request_nonces_pkey"),
    )
    op.create_index("request_nonces_by_expiry", "request_nonces", ["expires_at"])


def _create_rate_buckets() -> None:
    op.create_table(
        "rate_buckets",
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("full_at", MOMENT, nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("granted", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("client_id", name="rate_buckets_pkey"),
        prefixes=["UNLOGGED"],
    )
