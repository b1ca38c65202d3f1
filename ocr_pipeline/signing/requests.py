"""Signing a request and checking its signature: this project's profile of RFC 9421.

A signature covers `@method`, `@path` and `@query`, and each of SIGNED_WHEN_PRESENT that the request has; it may cover
further header fields. Its parameters are `created`, `nonce`, `keyid` and `alg`, all of them and no other. A request
carries one signature, under any label.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import http_sf

from ocr_pipeline.signing import base
from ocr_pipeline.signing.digests import parse_content_digest
from ocr_pipeline.signing.errors import SignatureAbsent, SignatureMalformed
from ocr_pipeline.signing.fields import FieldIndex, Fields, parse_dictionary

ALGORITHM = "hmac-sha256"
REQUEST_PARTS = ("@method", "@path", "@query")
SIGNED_WHEN_PRESENT = ("content-digest", "idempotency-key", "client-reference", "callback-url")
"""Header fields that change what a request means: unsigned, whoever stands between could point a webhook elsewhere."""

MAX_COMPONENTS = 24
_LABEL = "sig1"
_MAC_BYTES = 32
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NONCE = re.compile(r"[\x21-\x7e]{16,64}")
_FIELD_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}")
_PARAMETERS = frozenset({"created", "nonce", "keyid", "alg"})


@dataclass(frozen=True, slots=True)
class SignatureClaims:
    """What a request says of its own signature; nothing of it is true before `verify` says so.

    `created` is in seconds since 1970. `covered` are the components in the order in which they were signed,
    `parameters` the list of them as signed. `content_sha256` (32 bytes) is the digest in the signed Content-Digest,
    None where no body was signed.
    """

    key_id: str
    created: int
    nonce: str
    covered: tuple[str, ...]
    parameters: str
    signature: bytes = field(repr=False)
    content_sha256: bytes | None = None


def sign(
    method: str,
    path: str,
    query: str,
    headers: Fields,
    *,
    key_id: str,
    secret: bytes,
    created: int,
    nonce: str,
) -> dict[str, str]:
    """The headers `Signature-Input` and `Signature` for a request.

    Path and query are raw, as they will be sent, the query without its question mark. Of the headers those in
    SIGNED_WHEN_PRESENT are covered; a body must have its Content-Digest among them. Raises SignatureMalformed where
    `parse` would.
    """
    index = FieldIndex(headers)
    names = (*REQUEST_PARTS, *(name for name in SIGNED_WHEN_PRESENT if name in index))
    parameters = base.signature_parameters(
        names, {"created": created, "nonce": nonce, "keyid": key_id, "alg": ALGORITHM}
    )
    signature = base.mac(secret, _base(names, parameters, method, path, query, index))
    return {
        "Signature-Input": f"{_LABEL}={parameters}",
        "Signature": http_sf.ser({_LABEL: signature}),
    }


def parse(headers: Fields) -> SignatureClaims:
    """What the headers claim. Raises SignatureAbsent, or SignatureMalformed for anything outside the profile."""
    index = FieldIndex(headers)
    if "signature" not in index and "signature-input" not in index:
        raise SignatureAbsent("the request is not signed")
    label, listed, parameters = _signature_input(index.value("signature-input"))
    covered = _covered(listed, index)
    key_id, created, nonce = _parameters(parameters)
    return SignatureClaims(
        key_id=key_id,
        created=created,
        nonce=nonce,
        covered=covered,
        parameters=base.signature_parameters(covered, parameters),
        signature=_signature(index.value("signature"), label),
        content_sha256=(parse_content_digest(index.value("content-digest")) if "content-digest" in covered else None),
    )


def verify(claims: SignatureClaims, method: str, path: str, query: str, headers: Fields, secret: bytes) -> bool:
    """Whether the holder of the secret signed this request, compared in constant time.

    Arguments as for `sign`. It says nothing of time, nonce or body. Raises SignatureMalformed for a request that no
    signature can cover.
    """
    signed = _base(claims.covered, claims.parameters, method, path, query, FieldIndex(headers))
    return hmac.compare_digest(base.mac(secret, signed), claims.signature)


def _base(names: Sequence[str], parameters: str, method: str, path: str, query: str, index: FieldIndex) -> bytes:
    derived = {"@method": method, "@path": base.path_component(path), "@query": base.query_component(query)}
    components = [(name, derived[name] if name in derived else index.value(name)) for name in names]
    return base.signature_base(components, parameters)


def _signature_input(value: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Label, covered components and parameters of the one signature described."""
    match list(parse_dictionary(value, "signature-input").items()):
        case [(str() as label, (list() as listed, dict() as parameters))]:
            return label, listed, parameters
    raise SignatureMalformed("signature-input must describe exactly one signature")


def _signature(value: str, label: str) -> bytes:
    match list(parse_dictionary(value, "signature").items()):
        case [(name, (bytes() as signature, dict() as extras))] if name == label and not extras:
            if len(signature) == _MAC_BYTES:
                return signature
    raise SignatureMalformed(f"signature must hold one MAC of {_MAC_BYTES} bytes, labelled as in signature-input")


def _covered(listed: list[Any], index: FieldIndex) -> tuple[str, ...]:
    """The names of the covered components, in order."""
    if len(listed) > MAX_COMPONENTS:
        raise SignatureMalformed(f"more than {MAX_COMPONENTS} covered components")
    names = tuple(_component(item) for item in listed)
    if len(set(names)) != len(names):
        raise SignatureMalformed("a component is covered twice")
    required = (*REQUEST_PARTS, *(name for name in SIGNED_WHEN_PRESENT if name in index))
    for name in required:
        if name not in names:
            raise SignatureMalformed(f"the signature does not cover {name}")
    return names


def _component(item: object) -> str:
    match item:
        case (str() as name, dict() as extras) if not extras:
            if name in REQUEST_PARTS or _FIELD_NAME.fullmatch(name):
                return name
    raise SignatureMalformed("a covered component is neither @method, @path, @query nor a plain header field")


def _parameters(parameters: dict[str, Any]) -> tuple[str, int, str]:
    """Key id, time and nonce."""
    if parameters.keys() != _PARAMETERS:
        raise SignatureMalformed("the parameters of a signature are created, nonce, keyid and alg")
    match parameters:
        case {"created": int() as created, "nonce": str() as nonce, "keyid": str() as key_id, "alg": str() as name}:
            return _checked(key_id, created, nonce, name)
    raise SignatureMalformed("a parameter of the signature is of the wrong type")


def _checked(key_id: str, created: int, nonce: str, name: str) -> tuple[str, int, str]:
    if name != ALGORITHM:
        raise SignatureMalformed(f"the parameter alg must be {ALGORITHM}")
    if isinstance(created, bool) or created < 0:
        raise SignatureMalformed("the parameter created is no time")
    if not _KEY_ID.fullmatch(key_id):
        raise SignatureMalformed("the parameter keyid does not have the form of a key's id")
    if not _NONCE.fullmatch(nonce):
        raise SignatureMalformed("the parameter nonce must have 16 to 64 printable characters without blanks")
    return key_id, created, nonce
