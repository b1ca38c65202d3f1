"""Why a request is not let in.

What is public is the class's `code` and the message. Whoever has not proved that they hold a key's secret learns
nothing about keys: an unknown key, a wrong secret, and a revoked or expired key with a wrong secret are all
`signature_wrong`, word for word, and take the same steps. Only a right signature is told that its key has ended
(`key_expired`, `key_revoked`) or that its client is disabled (`forbidden`): that helps its owner and nobody else.
"""

from __future__ import annotations

from typing import ClassVar

from ocr_pipeline.domain.errors import PipelineError


class Unauthenticated(PipelineError):
    """Nobody knows who asks: HTTP 401. `cause` is a short code for the log, never for the caller."""

    code: ClassVar[str] = "unauthenticated"

    def __init__(self, message: str, *, cause: str | None = None) -> None:
        super().__init__(message)
        self.cause = cause or self.code


class SignatureMissing(Unauthenticated):
    """The request has neither a signature nor a token."""

    code = "signature_missing"


class SignatureMalformed(Unauthenticated):
    """The signature or what it covers does not have the form it must have, or it leaves out what it must cover."""

    code = "signature_malformed"


class SignatureWrong(Unauthenticated):
    """The signature is not that of a known key. `cause` is `mac` or `key_unknown`."""

    code = "signature_wrong"

    def __init__(self, cause: str) -> None:
        super().__init__("the signature is not that of a known key", cause=cause)


class SignatureExpired(Unauthenticated):
    """The signature was made too long ago, or by a clock that is too far ahead."""

    code = "signature_expired"


class KeyExpired(Unauthenticated):
    """The signature is right, and its key has expired."""

    code = "key_expired"


class KeyRevoked(Unauthenticated):
    """The signature is right, and its key was revoked."""

    code = "key_revoked"


class NonceReplayed(Unauthenticated):
    """The signature is right and was used before."""

    code = "nonce_replayed"


class DigestMismatch(Unauthenticated):
    """The body is not the one that was signed."""

    code = "digest_mismatch"


class TokenInvalid(Unauthenticated):
    """The bearer token is not one that is taken here."""

    code = "token_invalid"


class Forbidden(PipelineError):
    """It is known who asks, and they may not: HTTP 403."""

    code = "forbidden"
