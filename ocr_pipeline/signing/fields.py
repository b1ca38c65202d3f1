"""Header fields as they came over the wire: bounded, and one line each where a signature is concerned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import http_sf

from ocr_pipeline.signing.errors import SignatureMalformed

Fields = Sequence[tuple[str, str]]
"""Name and value of every header line, in order; a name may come twice and its case does not matter."""

MAX_LINES = 100
MAX_VALUE = 4_096
"""Characters of one value that a signature covers or that describes a signature."""


class FieldIndex:
    """The header lines of one request, by name. Raises SignatureMalformed for more than MAX_LINES of them."""

    def __init__(self, fields: Fields) -> None:
        if len(fields) > MAX_LINES:
            raise SignatureMalformed(f"more than {MAX_LINES} header lines")
        self._values: dict[str, list[str]] = {}
        for name, value in fields:
            self._values.setdefault(name.lower(), []).append(value)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def value(self, name: str) -> str:
        """The value of a field that must be there exactly once, without surrounding blanks (RFC 9421, section 2.1).

        Lines of one name could be joined by commas, but somebody on the way may have added one: that is refused, not
        interpreted. Raises SignatureMalformed, also for what is too long or holds anything but printable ASCII.
        """
        lines = self._values.get(name, [])
        if len(lines) != 1:
            raise SignatureMalformed(f"the header {name} must be there exactly once")
        value = lines[0].strip(" \t")
        if len(value) > MAX_VALUE:
            raise SignatureMalformed(f"the header {name} is longer than {MAX_VALUE} characters")
        if not (value.isascii() and value.replace("\t", " ").isprintable()):
            raise SignatureMalformed(f"the header {name} holds characters other than printable ASCII")
        return value


def parse_dictionary(value: str, name: str) -> dict[str, Any]:
    """The members of a dictionary of structured fields (RFC 9651), each as `(value, parameters)`.

    Raises SignatureMalformed for anything else, and for a key that stands there twice.
    """
    try:
        parsed = http_sf.parse(value.encode("ascii"), tltype="dictionary", on_duplicate_key=_refuse)
    except ValueError as error:
        raise SignatureMalformed(f"the header {name} is no dictionary of structured fields") from error
    if not isinstance(parsed, dict):
        raise TypeError("a dictionary was asked for")
    return parsed


def _refuse(_key: str, context: str) -> None:
    """`http_sf` would let the last of two equal keys win."""
    raise ValueError(f"a {context} key stands there twice")
