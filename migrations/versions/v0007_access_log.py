"""The log of access: what was changed about clients and their keys, by whom, in a chain a client."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KINDS = (
    "'client_created', 'client_changed', 'client_disabled', 'client_enabled', "
    "'key_created', 'key_ending', 'key_revoked'"
)


def upgrade() -> None:
    """Add it. Of clients made before it, the log begins with their next change."""
    op.add_column("clients", sa.Column("log_sequence", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column(
        "clients",
        sa.Column(
            "log_head", sa.LargeBinary, nullable=False, server_default=sa.text("decode(repeat('00', 32), 'hex')")
        ),
    )
    for column in ("log_sequence", "log_head"):
        op.alter_column("clients", column, server_default=None)
    op.create_check_constraint("clients_log_head_whole", "clients", "log_sequence >= 0 AND octet_length(log_head) = 32")
    op.create_table(
        "access_events",
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("previous", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("client_id", "sequence", name="access_events_pkey"),
        sa.CheckConstraint(f"kind IN ({KINDS})", name="access_events_kind_known"),
        sa.CheckConstraint("sequence >= 1", name="access_events_sequence_counts_from_one"),
        sa.CheckConstraint(
            "octet_length(previous) = 32 AND octet_length(hash) = 32", name="access_events_hashes_whole"
        ),
    )
    # The function of the audit trail names the table that it guards.
    op.execute(
        """
        CREATE TRIGGER access_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON access_events
        FOR EACH STATEMENT EXECUTE FUNCTION audit_events_refuse_change()
        """
    )
    op.execute("ALTER TABLE access_events ENABLE ALWAYS TRIGGER access_events_append_only")


def downgrade() -> None:
    """Take it away with what it tells."""
    op.drop_table("access_events")
    op.drop_constraint("clients_log_head_whole", "clients")
    for column in ("log_head", "log_sequence"):
        op.drop_column("clients", column)
