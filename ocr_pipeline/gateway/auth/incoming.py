"""The part of a request that authentication looks at, raw as it came over the wire."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, Self

from ocr_pipeline.gateway.auth.errors import SignatureMalformed
from ocr_pipeline.signing import Fields


class HeaderLines(Protocol):
    """Headers that give out every line, also two of one name. Starlette's do, and so does a plain dict."""

    def items(self) -> Iterable[tuple[str, str]]: ...


@dataclass(frozen=True, slots=True)
class IncomingRequest:
    """Method, target and header lines. `path` and `query` are percent-encoded, the query without its question mark."""

    method: str
    path: str
    query: str
    headers: Fields

    @classmethod
    def of(cls, method: str, raw_path: bytes, raw_query: bytes, headers: HeaderLines) -> Self:
        """From what an ASGI scope holds."""
        return cls(method, raw_path.decode("latin-1"), raw_query.decode("latin-1"), tuple(headers.items()))

    @property
    def has_signature(self) -> bool:
        """Whether there is anything of a signature."""
        return any(name.lower() in {"signature", "signature-input"} for name, _ in self.headers)

    @property
    def announces_body(self) -> bool:
        """Whether the header lines announce a body (RFC 9112, section 6.3). HTTP/2 may send one unannounced."""
        length = self.header("content-length")
        return self.header("transfer-encoding") is not None or (length is not None and length.strip() != "0")

    def header(self, name: str) -> str | None:
        """The value of a header, None without it. Raises SignatureMalformed for two of them."""
        values = [value for each, value in self.headers if each.lower() == name]
        if len(values) > 1:
            raise SignatureMalformed(f"the header {name} stands there twice")
        return values[0] if values else None
