"""What is asked every few seconds is found without going through what has piled up.

The output of an object waits for its document's end in its own row, so that what is due is found without looking at
every document that still waits for a person. Lists of a client are filtered in their index, items of a bulk run are
counted in theirs, and ended webhooks are found by when they ended.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

AWAIT = """
    UPDATE source_objects SET awaits_end = true FROM documents
    WHERE documents.id = document_id AND output_due IS NOT NULL
        AND documents.state IN ('received', 'queued', 'processing', 'needs_review')
"""


def upgrade() -> None:
    """Add the column and the indexes."""
    op.add_column("source_objects", sa.Column("awaits_end", sa.Boolean, nullable=False, server_default=sa.false()))
    op.alter_column("source_objects", "awaits_end", server_default=None)
    op.execute(AWAIT)
    op.create_check_constraint(
        "source_objects_awaited_is_due", "source_objects", "NOT awaits_end OR output_due IS NOT NULL"
    )
    _replace("source_objects_output", "source_objects", ["output_due"], "output_due IS NOT NULL AND NOT awaits_end")
    _replace("documents_by_client", "documents", ["client_id", "id", "state", "kind", "priority", "received_at"])
    op.create_index("bulk_items_by_state", "bulk_items", ["run_id", "state", "code", "pages"])
    op.create_index("webhooks_ended", "webhooks", [sa.text("(coalesce(delivered_at, abandoned_at))")])


def downgrade() -> None:
    """Drop them; the output of documents that have not ended is due again, and waits by its query."""
    op.drop_index("webhooks_ended", "webhooks")
    op.drop_index("bulk_items_by_state", "bulk_items")
    _replace("documents_by_client", "documents", ["client_id", "id"])
    _replace("source_objects_output", "source_objects", ["output_due"], "output_due IS NOT NULL")
    op.drop_constraint("source_objects_awaited_is_due", "source_objects")
    op.drop_column("source_objects", "awaits_end")


def _replace(name: str, table: str, columns: list[str], where: str | None = None) -> None:
    op.drop_index(name, table)
    op.create_index(name, table, columns, postgresql_where=None if where is None else sa.text(where))
