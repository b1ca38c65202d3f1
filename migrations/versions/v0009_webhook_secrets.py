"""Webhook secrets that a client has one after the other, and the log of access tells of them.

A client without a row signs with the secret that every client begins with: there is nothing to fill in.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KINDS = (
    "'client_created', 'client_changed', 'client_disabled', 'client_enabled', "
    "'key_created', 'key_ending', 'key_revoked'"
)


def upgrade() -> None:
    """Add the table, and the kinds of events."""
    op.create_table(
        "webhook_secrets",
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("client_id", "id", name="webhook_secrets_pkey"),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name="webhook_secrets_client_fkey"),
    )
    _know(f"{KINDS}, 'secret_created', 'secret_ending'")


def downgrade() -> None:
    """Take it away: webhooks are signed with the first secrets again. The log keeps what it told of the others."""
    _know(KINDS, checked=False)
    op.drop_table("webhook_secrets")


def _know(kinds: str, *, checked: bool = True) -> None:
    op.drop_constraint("access_events_kind_known", "access_events")
    op.create_check_constraint(
        "access_events_kind_known", "access_events", f"kind IN ({kinds})", postgresql_not_valid=not checked
    )
