"""The signature base of RFC 9421, and the MAC over it.

The library `http-message-signatures` is not used for this, though the tests hold this code against it. Its verifier
takes a whole message with an absolute URL and a resolver of keys, and reads the clock itself; here the path and query
are what came over the wire, and finding the key, checking the time and checking the MAC are steps of their own, whose
order matters.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from ocr_pipeline.signing.errors import SignatureMalformed

_PARAMETERS_LINE = '"@signature-params"'


def signature_parameters(components: Sequence[str], parameters: Mapping[str, str | int]) -> str:
    """The inner list of covered components with its parameters, in the strict form (RFC 9421, section 2.3).

    Raises SignatureMalformed for a string that is not printable ASCII.
    """
    listed = " ".join(map(_quoted, components))
    described = "".join(
        f";{name}={value if isinstance(value, int) else _quoted(value)}" for name, value in parameters.items()
    )
    return f"({listed}){described}"


def signature_base(components: Sequence[tuple[str, str]], parameters: str) -> bytes:
    """The bytes that are signed (RFC 9421, section 2.5): one line a component, then the parameters.

    Raises SignatureMalformed for a value that could forge a line or is not printable ASCII.
    """
    for name, value in components:
        if not (value.isascii() and value.replace("\t", " ").isprintable()):
            raise SignatureMalformed(f"{name} holds characters other than printable ASCII")
    lines = [f"{_quoted(name)}: {value}" for name, value in components]
    return "\n".join([*lines, f"{_PARAMETERS_LINE}: {parameters}"]).encode("ascii")


def mac(secret: bytes, base: bytes) -> bytes:
    """HMAC using SHA-256 (RFC 9421, section 3.3.3): 32 bytes."""
    return hmac.digest(secret, base, hashlib.sha256)


def path_component(path: str) -> str:
    """`@path` (RFC 9421, section 2.2.6): the path as sent, percent-encoding and all; an empty one is a slash.

    Raises SignatureMalformed for the target forms without a path (`*`, `host:port`).
    """
    if path and not path.startswith("/"):
        raise SignatureMalformed("the request target is no path")
    return path or "/"


def query_component(query: str) -> str:
    """`@query` (RFC 9421, section 2.2.7): the query as sent behind its question mark, which alone stands for none."""
    return f"?{query}"


def _quoted(text: str) -> str:
    """A string of structured fields (RFC 9651, section 4.1.6), of which a signature has no other but whole numbers."""
    if not (text.isascii() and text.isprintable()):
        raise SignatureMalformed("a part of the signature holds characters other than printable ASCII")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
