"""Pages known by their image, so that one read before is not read again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. Pages taken in before have no fingerprint, and so are not remembered."""
    _add_flag("documents", "fresh")
    _add_flag("pages", "known")
    op.add_column("pages", sa.Column("fingerprint", sa.LargeBinary))
    op.create_check_constraint("pages_fingerprint_whole", "pages", "octet_length(fingerprint) = 32")


def downgrade() -> None:
    """Drop them; what is in `known_pages` stays, and nothing reads it."""
    op.drop_constraint("pages_fingerprint_whole", "pages")
    op.drop_column("pages", "fingerprint")
    op.drop_column("pages", "known")
    op.drop_column("documents", "fresh")


def _add_flag(table: str, name: str) -> None:
    """A flag that is off on every row there is; rows to come say it themselves."""
    op.add_column(table, sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false()))
    op.alter_column(table, name, server_default=None)
