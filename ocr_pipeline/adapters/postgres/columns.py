"""Kinds of columns. One that holds bytes says which: a wrapped key, what is sealed under such a key, or a digest.

So the tables themselves list everything that a rotation of keys has to reach, and a test holds them to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum

from sqlalchemy import CheckConstraint, Column, DateTime, LargeBinary, Text

from ocr_pipeline.domain.sealing import KeyOwnerKind, Purpose

CONTENT = "content"
"""Where a column of bytes says what they are: its `info` under this name holds a `Sealed` or a `Plain`."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Ciphertext for one purpose, under the data key of an owner of this kind."""

    purpose: Purpose
    under: KeyOwnerKind


class Plain(Enum):
    """Bytes that no data key opens."""

    WRAPPED_KEY = "wrapped key"
    DIGEST = "digest"


def one_of(column: str, values: Iterable[StrEnum], name: str) -> CheckConstraint:
    """The constraint that a column holds one of these."""
    known = ", ".join(f"'{value.value}'" for value in values)
    return CheckConstraint(f"{column} IN ({known})", name=name)


def moment(name: str, *, nullable: bool = False) -> Column[object]:
    """A column that holds a moment."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def sealed(name: str, purpose: Purpose, under: KeyOwnerKind, *, nullable: bool = True) -> Column[object]:
    """A column that holds ciphertext."""
    return Column(name, LargeBinary, nullable=nullable, info={CONTENT: Sealed(purpose, under)})


def digest(name: str, *, nullable: bool = False) -> Column[object]:
    """A column that holds a hash or a keyed fingerprint."""
    return Column(name, LargeBinary, nullable=nullable, info={CONTENT: Plain.DIGEST})


def wrapped_key(*, nullable: bool = False) -> tuple[Column[object], Column[object]]:
    """The columns that hold a data key: the id of the key that wraps it, and what came of wrapping."""
    return (
        Column("key_id", Text, nullable=nullable),
        Column("key_ciphertext", LargeBinary, nullable=nullable, info={CONTENT: Plain.WRAPPED_KEY}),
    )
