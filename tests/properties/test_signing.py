"""Signed requests: what was signed holds, anything else does not, and nothing that is sent makes the parser stumble."""

from __future__ import annotations

import base64
import string
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline import signing

printable = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=60)
paths = st.text(string.ascii_letters + string.digits + "-._~%!$&'()*+,;=:@/", max_size=60).map(lambda text: f"/{text}")
queries = st.text(string.ascii_letters + string.digits + "-._~%!$'()*+,;=:@/?&", max_size=60)
methods = st.sampled_from(["GET", "POST", "DELETE", "PATCH"])
values = printable.filter(bool)
secrets = st.binary(min_size=32, max_size=32)
digests = st.binary(min_size=32, max_size=32)
nonces = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=16, max_size=64)
keys = st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=64)
times = st.integers(0, 999_999_999_999_999)
bodies = st.none() | digests.map(lambda digest: ("Content-Digest", signing.content_digest(digest)))
others = st.dictionaries(st.sampled_from(["Idempotency-Key", "Client-Reference", "Callback-Url", "Host"]), values)

Headers = list[tuple[str, str]]


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, str, Headers]:
    body = draw(bodies)
    headers = list(draw(others).items()) + ([body] if body else [])
    return draw(methods), draw(paths), draw(queries), draw(st.permutations(headers))


@given(requests(), keys, secrets, times, nonces)
def test_what_was_signed_holds(
    request: tuple[str, str, str, Headers], key_id: str, secret: bytes, created: int, nonce: str
) -> None:
    method, path, query, headers = request
    sent = headers + list(
        signing.sign(method, path, query, headers, key_id=key_id, secret=secret, created=created, nonce=nonce).items()
    )
    claims = signing.parse(sent)
    assert (claims.key_id, claims.created, claims.nonce) == (key_id, created, nonce)
    assert signing.verify(claims, method, path, query, sent, secret)


@given(requests(), requests(), secrets)
def test_a_signature_holds_for_no_other_request(
    one: tuple[str, str, str, Headers], other: tuple[str, str, str, Headers], secret: bytes
) -> None:
    headers = signing.sign(*one, key_id="k", secret=secret, created=1, nonce="0123456789abcdef")
    sent = [*other[3], *headers.items()]
    covered = [[(name, value) for name, value in sorted(each[3]) if name != "Host"] for each in (one, other)]
    same = one[:3] == other[:3] and covered[0] == covered[1]
    try:
        holds = signing.verify(signing.parse(sent), *other[:3], sent, secret)
    except signing.SignatureMalformed:
        holds = False
    assert holds is same


@given(requests(), secrets, st.integers(0, 255), st.sampled_from(["signature", "secret", "digest"]))
def test_no_bit_may_differ(request: tuple[str, str, str, Headers], secret: bytes, bit: int, where: str) -> None:
    method, path, query, headers = request
    headers = [(name, value) for name, value in headers if name != "Content-Digest"]
    headers.append(("Content-Digest", signing.content_digest(bytes(32))))
    added = signing.sign(method, path, query, headers, key_id="k", secret=secret, created=1, nonce="0123456789abcdef")
    match where:
        case "signature":
            mac = base64.b64decode(added["Signature"].removeprefix("sig1=:").removesuffix(":"))
            added["Signature"] = f"sig1=:{base64.b64encode(flipped(mac, bit)).decode()}:"
        case "secret":
            secret = flipped(secret, bit)
        case _:
            headers[-1] = ("Content-Digest", signing.content_digest(flipped(bytes(32), bit)))
    sent = [*headers, *added.items()]
    assert not signing.verify(signing.parse(sent), method, path, query, sent, secret)


@given(requests(), secrets, st.data())
def test_no_character_of_the_headers_may_differ(
    request: tuple[str, str, str, Headers], secret: bytes, data: st.DataObject
) -> None:
    method, path, query, headers = request
    added = signing.sign(method, path, query, headers, key_id="k", secret=secret, created=1, nonce="0123456789abcdef")
    honest = [*headers, *added.items()]
    name = data.draw(st.sampled_from(sorted(added)))
    place = data.draw(st.integers(0, len(added[name]) - 1))
    character = data.draw(st.characters(min_codepoint=0x20, max_codepoint=0x7E))
    added[name] = added[name][:place] + character + added[name][place + 1 :]
    sent = [*headers, *added.items()]
    try:
        claims = signing.parse(sent)
        holds = signing.verify(claims, method, path, query, sent, secret)
    except signing.SignatureMalformed:
        return
    # A label is nobody's secret, and base64 has bits that no byte needs: the same claims may be written twice.
    assert holds is (claims == signing.parse(honest))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Signature", "Signature-Input", "Content-Digest", "signature", "Host"]) | st.text(),
            st.text() | st.text('()";=:,?@%"abcsig1-_ 0123456789.&*\\\t', max_size=200),
        ),
        max_size=8,
    )
)
def test_nothing_makes_the_parser_stumble(headers: Headers) -> None:
    with suppress(signing.SignatureError):
        signing.verify(signing.parse(headers), "GET", "/", "", headers, bytes(32))


@given(st.text() | st.text('sha-256=:;,1()"@?%AZaz/+', max_size=120))
def test_no_digest_makes_the_parser_stumble(value: str) -> None:
    with suppress(signing.SignatureMalformed):
        assert len(signing.parse_content_digest(value)) == 32


@given(digests)
def test_digests_survive(digest: bytes) -> None:
    assert signing.parse_content_digest(signing.content_digest(digest)) == digest


@given(secrets)
def test_secrets_survive(secret: bytes) -> None:
    assert signing.decode_secret(signing.encode_secret(secret)) == secret


@pytest.mark.parametrize("length", [0, 31, 33])
def test_secrets_have_one_length(length: int) -> None:
    with pytest.raises(ValueError, match="secret"):
        signing.decode_secret(signing.encode_secret(bytes(length)))


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(changed)
