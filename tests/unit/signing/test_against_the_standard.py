"""The signature base and MAC are those of RFC 9421, and another implementation agrees both ways."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import http_message_signatures as reference
import pytest
from http_message_signatures.algorithms import HMAC_SHA256

from ocr_pipeline import signing
from ocr_pipeline.signing import base

# RFC 9421, appendix B.1.5 and B.2.5.
SHARED_SECRET = base64.b64decode(
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
)
COMPONENTS = (
    ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
    ("@authority", "example.com"),
    ("content-type", "application/json"),
)
BASE = b"""\
"date": Tue, 20 Apr 2021 02:07:55 GMT
"@authority": example.com
"content-type": application/json
"@signature-params": ("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret\""""
MAC = "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="

SECRET = bytes(range(32))
TARGETS = [
    ("GET", "/v1/documents", ""),
    ("GET", "/v1/documents", "state=completed&state=failed&limit=5"),
    ("GET", "/v1/documents/a%2Fb/~x%7e/%ED%95%9C", "q=%20+%2B&empty=&empty="),
    ("DELETE", "/", "?"),
    ("POST", "/v1/documents", "type=prescription"),
]


def test_the_signature_base_is_that_of_the_appendix() -> None:
    parameters = base.signature_parameters(
        [name for name, _ in COMPONENTS], {"created": 1618884473, "keyid": "test-shared-secret"}
    )
    assert base.signature_base(COMPONENTS, parameters) == BASE


def test_the_mac_is_that_of_the_appendix() -> None:
    assert base64.b64encode(base.mac(SHARED_SECRET, BASE)).decode() == MAC


def test_the_content_digest_is_that_of_rfc_9530() -> None:
    # RFC 9530, appendix B.1: the SHA-256 of {"hello": "world"} and a line feed.
    value = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
    digest = hashlib.sha256(b'{"hello": "world"}\n').digest()
    assert signing.content_digest(digest) == value
    assert signing.parse_content_digest(value) == digest


@dataclass
class Message:
    """What the reference implementation wants of a request."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


class Keys(reference.HTTPSignatureKeyResolver):
    def resolve_public_key(self, key_id: str) -> bytes:
        return SECRET

    resolve_private_key = resolve_public_key


def message(method: str, path: str, query: str) -> Message:
    return Message(method, f"https://ocr.example{path}" + (f"?{query}" if query else ""))


@pytest.mark.parametrize(("method", "path", "query"), TARGETS)
def test_the_reference_implementation_takes_our_signatures(method: str, path: str, query: str) -> None:
    there = message(method, path, query)
    there.headers["Content-Digest"] = signing.content_digest(bytes(32))
    created = int(datetime.now(UTC).timestamp())
    there.headers |= signing.sign(
        method, path, query, list(there.headers.items()), key_id="k", secret=SECRET, created=created, nonce="n" * 16
    )
    verifier = reference.HTTPMessageVerifier(signature_algorithm=HMAC_SHA256, key_resolver=Keys())
    (result,) = verifier.verify(there, max_age=timedelta(minutes=5))
    assert result.nonce == "n" * 16
    assert set(result.covered_components) > {'"@method"', '"@path"', '"@query"', '"content-digest"'}


@pytest.mark.parametrize(("method", "path", "query"), TARGETS)
def test_we_take_signatures_of_the_reference_implementation(method: str, path: str, query: str) -> None:
    there = message(method, path, query)
    signer = reference.HTTPMessageSigner(signature_algorithm=HMAC_SHA256, key_resolver=Keys())
    signer.sign(
        there,
        key_id="k",
        nonce="0123456789abcdef",
        label="theirs",
        covered_component_ids=("@query", "@method", "@path"),
        body=b"scan",
    )
    headers = list(there.headers.items())
    claims = signing.parse(headers)
    assert (claims.key_id, claims.nonce) == ("k", "0123456789abcdef")
    assert claims.covered == ("@query", "@method", "@path", "content-digest")
    assert signing.verify(claims, method, path, query, headers, SECRET)
    assert not signing.verify(claims, method, path, query, headers, bytes(32))
