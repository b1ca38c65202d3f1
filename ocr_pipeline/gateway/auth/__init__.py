"""Who sends a request, and what they may do. Knows nothing of FastAPI."""

from ocr_pipeline.gateway.auth.authenticator import Authenticator
from ocr_pipeline.gateway.auth.body import BodyDigest
from ocr_pipeline.gateway.auth.directory import Directory
from ocr_pipeline.gateway.auth.errors import (
    DigestMismatch,
    Forbidden,
    KeyExpired,
    KeyRevoked,
    NonceReplayed,
    SignatureExpired,
    SignatureMalformed,
    SignatureMissing,
    SignatureWrong,
    TokenInvalid,
    Unauthenticated,
)
from ocr_pipeline.gateway.auth.jwks import JwksKeys
from ocr_pipeline.gateway.auth.principal import Principal
from ocr_pipeline.gateway.auth.signed import SignatureRules, SignedRequests
from ocr_pipeline.gateway.auth.tokens import BearerTokens, TokenRules
from ocr_pipeline.gateway.auth.visits import Session, Visits

__all__ = [
    "Authenticator",
    "BearerTokens",
    "BodyDigest",
    "DigestMismatch",
    "Directory",
    "Forbidden",
    "JwksKeys",
    "KeyExpired",
    "KeyRevoked",
    "NonceReplayed",
    "Principal",
    "Session",
    "SignatureExpired",
    "SignatureMalformed",
    "SignatureMissing",
    "SignatureRules",
    "SignatureWrong",
    "SignedRequests",
    "TokenInvalid",
    "TokenRules",
    "Unauthenticated",
    "Visits",
]
