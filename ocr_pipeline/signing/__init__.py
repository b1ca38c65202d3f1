"""Signed requests: HTTP Message Signatures (RFC 9421, hmac-sha256) and Content-Digest (RFC 9530, sha-256).

A leaf that imports nothing of the project: server and client share it, so they cannot drift apart.
"""

from ocr_pipeline.signing.digests import EMPTY_SHA256, content_digest, parse_content_digest
from ocr_pipeline.signing.errors import SignatureAbsent, SignatureError, SignatureMalformed
from ocr_pipeline.signing.fields import Fields
from ocr_pipeline.signing.keys import decode_secret, encode_secret, new_nonce
from ocr_pipeline.signing.requests import SIGNED_WHEN_PRESENT, SignatureClaims, parse, sign, verify

__all__ = [
    "EMPTY_SHA256",
    "SIGNED_WHEN_PRESENT",
    "Fields",
    "SignatureAbsent",
    "SignatureClaims",
    "SignatureError",
    "SignatureMalformed",
    "content_digest",
    "decode_secret",
    "encode_secret",
    "new_nonce",
    "parse",
    "parse_content_digest",
    "sign",
    "verify",
]
