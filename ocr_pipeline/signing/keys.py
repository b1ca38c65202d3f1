"""Secrets and nonces as text."""

from __future__ import annotations

import base64
import binascii
import secrets

_SECRET_BYTES = 32
_NONCE_BYTES = 18


def encode_secret(secret: bytes) -> str:
    """A secret as people copy it: base64url without padding (RFC 4648, section 5), 43 characters for 32 bytes."""
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def decode_secret(text: str) -> bytes:
    """The 32 bytes that `encode_secret` wrote. Raises ValueError, whose message does not repeat the text."""
    try:
        secret = base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars="-_", validate=True)
    except (ValueError, binascii.Error):
        raise ValueError("the secret is not base64url") from None
    if len(secret) != _SECRET_BYTES:
        raise ValueError(f"the secret has not {_SECRET_BYTES} bytes")
    return secret


def new_nonce() -> str:
    """A fresh nonce of 144 random bits, 24 characters of base64url: two equal ones will not happen."""
    return secrets.token_urlsafe(_NONCE_BYTES)
