"""Plain SQL about whole rows, from the definition of their table; values stand in named places (`%(name)s`).

Every column is named. A server keeps these statements prepared, and one that asked for `*` would fail from the moment
at which a migration adds a column until its connection ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Column, Table


def listed(table: Table) -> str:
    """All columns of a table, as a statement lists them."""
    return ", ".join(_quoted(column) for column in table.columns)


def insertion(table: Table) -> str:
    """Insert one row with all columns, unless it would be in conflict with another row."""
    names = [column.name for column in table.columns]
    places = ", ".join(f"%({name})s" for name in names)
    return f"INSERT INTO {table.name} ({listed(table)}) VALUES ({places}) ON CONFLICT DO NOTHING"  # noqa: S608


def selection(table: Table) -> str:
    """All columns of the row with a primary key."""
    return f"SELECT {listed(table)} FROM {table.name} WHERE {_equal(table.primary_key, ' AND ')}"  # noqa: S608


def replacement(table: Table, *, but: Collection[str] = ()) -> str:
    """Write all columns of the row with a primary key, except those whose names are given."""
    changed = [column for column in table.columns if not column.primary_key and column.name not in but]
    return f"UPDATE {table.name} SET {_equal(changed, ', ')} WHERE {_equal(table.primary_key, ' AND ')}"  # noqa: S608


def _equal(columns: Iterable[Column[object]], between: str) -> str:
    return between.join(f"{_quoted(column)} = %({column.name})s" for column in columns)


def _quoted(column: Column[object]) -> str:
    """In quotes: among the names are words of SQL."""
    return f'"{column.name}"'
