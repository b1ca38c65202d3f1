"""What the groups of settings share: they are frozen, and know every name in them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Group(BaseModel):
    """Settings that belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def split(value: object) -> object:
    """A list from text: its items stand between commas or blanks."""
    return value.replace(",", " ").split() if isinstance(value, str) else value
