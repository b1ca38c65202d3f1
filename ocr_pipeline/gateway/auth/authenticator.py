"""Who asks: by signature or by token, never by both."""

from __future__ import annotations

from ocr_pipeline.gateway.auth.errors import SignatureMalformed, TokenInvalid
from ocr_pipeline.gateway.auth.incoming import HeaderLines, IncomingRequest
from ocr_pipeline.gateway.auth.principal import Principal
from ocr_pipeline.gateway.auth.signed import SignedRequests
from ocr_pipeline.gateway.auth.tokens import BearerTokens

_SCHEME = "bearer"


class Authenticator:
    """Finds out who sent a request. It blocks (database, identity provider): call it in a thread. Safe between them.

    Without `tokens` only signatures are taken.
    """

    def __init__(self, signed: SignedRequests, tokens: BearerTokens | None = None) -> None:
        self._signed = signed
        self._tokens = tokens

    def authenticate(self, method: str, raw_path: bytes, raw_query: bytes, headers: HeaderLines) -> Principal:
        """The principal of a request, from what an ASGI scope holds of it.

        Raises an Unauthenticated (401), Forbidden (403), or an Unavailable (503) where nobody can tell just now. The
        body is still to be held against `Principal.content_sha256`.
        """
        request = IncomingRequest.of(method, raw_path, raw_query, headers)
        credentials = request.header("authorization")
        if credentials is None:
            return self._signed(request)
        if request.has_signature:
            raise SignatureMalformed("a request is signed or has a token, not both")
        scheme, _, token = credentials.strip().partition(" ")
        if self._tokens is None or scheme.lower() != _SCHEME:
            raise TokenInvalid("credentials of this kind are not taken here", cause="scheme")
        return self._tokens(request, token.strip())
