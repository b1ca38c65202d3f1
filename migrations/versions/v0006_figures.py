"""What operators watch is found by time: pages as they are settled, audit events as they happen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes."""
    op.create_index("pages_settled", "pages", ["updated_at"], postgresql_where=sa.text("state <> 'queued'"))
    op.create_index("audit_events_by_time", "audit_events", ["at"], postgresql_using="brin")


def downgrade() -> None:
    """Drop them."""
    op.drop_index("audit_events_by_time", "audit_events")
    op.drop_index("pages_settled", "pages")
