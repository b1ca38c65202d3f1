"""What a signature must cover, what forms are refused, and how paths and queries count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ocr_pipeline import signing
from ocr_pipeline.signing.fields import MAX_LINES, MAX_VALUE

SECRET = bytes(range(32))
DIGEST = ("Content-Digest", signing.content_digest(bytes(32)))
Headers = list[tuple[str, str]]
INPUT = '("@method" "@path" "@query");created=1;nonce="0123456789abcdef";keyid="k";alg="hmac-sha256"'


def signed(method: str = "GET", path: str = "/v1/documents", query: str = "", *headers: tuple[str, str]) -> Headers:
    added = signing.sign(
        method, path, query, headers, key_id="k", secret=SECRET, created=1_700_000_000, nonce="0123456789abcdef"
    )
    return [*headers, *added.items()]


def holds(headers: Headers, method: str = "GET", path: str = "/v1/documents", query: str = "") -> bool:
    return signing.verify(signing.parse(headers), method, path, query, headers, SECRET)


def by_hand(signature_input: str, *others: tuple[str, str]) -> Headers:
    """Headers whose MAC nobody will get to check."""
    return [("Signature-Input", f"sig1={signature_input}"), ("Signature", f"sig1=:{'A' * 43}=:"), *others]


def test_what_was_signed_holds() -> None:
    headers = signed("POST", "/v1/documents", "type=chart", DIGEST, ("Idempotency-Key", "one"))
    claims = signing.parse(headers)
    assert claims.key_id == "k"
    assert claims.created == 1_700_000_000
    assert claims.nonce == "0123456789abcdef"
    assert claims.content_sha256 == bytes(32)
    assert claims.covered == ("@method", "@path", "@query", "content-digest", "idempotency-key")
    assert holds(headers, "POST", query="type=chart")


def test_without_a_body_nothing_is_said_of_one() -> None:
    assert signing.parse(signed()).content_sha256 is None


@pytest.mark.parametrize(
    ("signed_path", "asked_path"),
    [("/a%2Fb", "/a/b"), ("/%7Ex", "/~x"), ("/%7ex", "/%7Ex"), ("/a", "/a/"), ("/a", "/A"), ("/a/../b", "/b")],
)
def test_a_path_counts_as_it_was_sent(signed_path: str, asked_path: str) -> None:
    headers = signed(path=signed_path)
    assert holds(headers, path=signed_path)
    assert not holds(headers, path=asked_path)


def test_an_empty_path_is_a_slash() -> None:
    assert holds(signed(path=""), path="/")
    assert holds(signed(path="/"), path="")


@pytest.mark.parametrize(
    ("signed_query", "asked_query"),
    [
        ("a=1&b=2", "b=2&a=1"),
        ("a=1&a=2", "a=2&a=1"),
        ("a=1&a=1", "a=1"),
        ("a=%20", "a=+"),
        ("a=", "a"),
        ("a=1", ""),
        ("", "?"),
        ("a=1", "a=1&"),
    ],
)
def test_a_query_counts_as_it_was_sent(signed_query: str, asked_query: str) -> None:
    headers = signed(query=signed_query)
    assert holds(headers, query=signed_query)
    assert not holds(headers, query=asked_query)


def test_a_question_mark_alone_is_the_same_as_no_query() -> None:
    # RFC 9421, section 2.2.7: an absent query counts as the question mark alone; ASGI cannot tell the two apart either.
    assert '"@query"' in signed(query="")[0][1]
    assert holds(signed(query=""), query="")


@pytest.mark.parametrize("name", signing.SIGNED_WHEN_PRESENT)
def test_what_changes_the_meaning_of_a_request_must_be_covered(name: str) -> None:
    value = DIGEST[1] if name == "content-digest" else "value"
    headers = signed()
    with pytest.raises(signing.SignatureMalformed, match=name):
        signing.parse([*headers, (name.title(), value)])
    assert holds(signed("GET", "/v1/documents", "", (name.title(), value)))


@pytest.mark.parametrize("name", signing.SIGNED_WHEN_PRESENT)
def test_what_is_covered_cannot_be_changed_or_taken_away(name: str) -> None:
    value = DIGEST[1] if name == "content-digest" else "value"
    headers = signed("GET", "/v1/documents", "", (name, value))
    other = signing.content_digest(b"\1" * 32) if name == "content-digest" else "other"
    assert not holds([(name, other), *headers[1:]])
    with pytest.raises(signing.SignatureMalformed):
        holds(headers[1:])


def test_further_fields_may_be_covered() -> None:
    text = '("@method" "@path" "@query" "x-trace");created=1;nonce="0123456789abcdef";keyid="k";alg="hmac-sha256"'
    assert signing.parse(by_hand(text, ("X-Trace", "7"))).covered[-1] == "x-trace"
    claims = signing.parse(by_hand(text))
    with pytest.raises(signing.SignatureMalformed, match="x-trace"):
        signing.verify(claims, "GET", "/", "", by_hand(text), SECRET)


def test_no_signature_is_not_a_malformed_one() -> None:
    with pytest.raises(signing.SignatureAbsent):
        signing.parse([("Host", "ocr.example")])


MALFORMED: dict[str, Headers] = {
    "half a signature": by_hand(INPUT)[:1],
    "the other half": by_hand(INPUT)[1:],
    "empty": [("Signature-Input", ""), ("Signature", "")],
    "two signatures": [("Signature-Input", f"a={INPUT}, b={INPUT}"), by_hand(INPUT)[1]],
    "the same label twice": [("Signature-Input", f"sig1={INPUT}, sig1={INPUT}"), by_hand(INPUT)[1]],
    "two lines": [*by_hand(INPUT), by_hand(INPUT)[0]],
    "two MACs": [*by_hand(INPUT), by_hand(INPUT)[1]],
    "another label": [by_hand(INPUT)[0], ("Signature", f"sig2=:{'A' * 43}=:")],
    "a short MAC": [by_hand(INPUT)[0], ("Signature", "sig1=:AAAA:")],
    "no MAC": [by_hand(INPUT)[0], ("Signature", "sig1=?1")],
    "a MAC with a parameter": [by_hand(INPUT)[0], ("Signature", f"sig1=:{'A' * 43}=:;x=1")],
    "no list": by_hand("1"),
    "no structured field": by_hand("(((("),
    "not ASCII": by_hand(INPUT.replace('"k"', '"ké"')),
    "a control character": by_hand(INPUT + "\x07"),
    "a line feed": by_hand(INPUT + "\nx: y"),
    "no method": by_hand(INPUT.replace('"@method" ', "")),
    "no path": by_hand(INPUT.replace(' "@path"', "")),
    "no query": by_hand(INPUT.replace(' "@query"', "")),
    "a component twice": by_hand(INPUT.replace('"@path"', '"@path" "@path"')),
    "a component with a parameter": by_hand(INPUT.replace('"@path"', '"@path";req')),
    "a component of another kind": by_hand(INPUT.replace('"@path"', '"@path" "@authority"')),
    "a component in capitals": by_hand(INPUT.replace('"@path"', '"@path" "Host"')),
    "a token for a component": by_hand(INPUT.replace('"@path"', '"@path" host')),
    "the parameters themselves": by_hand(INPUT.replace('"@path"', '"@path" "@signature-params"')),
    "too many components": by_hand(INPUT.replace('"@path"', '"@path" ' + " ".join(f'"x{n}"' for n in range(30)))),
    "no time": by_hand(INPUT.replace("created=1;", "")),
    "a fraction of a time": by_hand(INPUT.replace("created=1;", "created=1.5;")),
    "a true time": by_hand(INPUT.replace("created=1;", "created;")),
    "a time before time": by_hand(INPUT.replace("created=1;", "created=-1;")),
    "a time too long": by_hand(INPUT.replace("created=1;", "created=1000000000000000;")),
    "a date for a time": by_hand(INPUT.replace("created=1;", "created=@1;")),
    "a time twice": by_hand(INPUT.replace("created=1;", "created=1;created=2;")),
    "no nonce": by_hand(INPUT.replace(';nonce="0123456789abcdef"', "")),
    "a short nonce": by_hand(INPUT.replace("0123456789abcdef", "0123456789abcde")),
    "a long nonce": by_hand(INPUT.replace("0123456789abcdef", "x" * 65)),
    "a nonce with blanks": by_hand(INPUT.replace("0123456789abcdef", "0123456 789abcdef")),
    "no key": by_hand(INPUT.replace(';keyid="k"', "")),
    "an empty key": by_hand(INPUT.replace('"k"', '""')),
    "a long key": by_hand(INPUT.replace('"k"', f'"{"k" * 65}"')),
    "a key with a slash": by_hand(INPUT.replace('"k"', '"../k"')),
    "no algorithm": by_hand(INPUT.replace(';alg="hmac-sha256"', "")),
    "another algorithm": by_hand(INPUT.replace("hmac-sha256", "ed25519")),
    "another parameter": by_hand(INPUT + ';tag="x"'),
    "a broken digest": by_hand(INPUT.replace('"@path"', '"@path" "content-digest"'), ("Content-Digest", "sha-256=x")),
    "a short digest": by_hand(
        INPUT.replace('"@path"', '"@path" "content-digest"'), ("Content-Digest", "sha-256=:AA==:")
    ),
    "another digest": by_hand(INPUT.replace('"@path"', '"@path" "content-digest"'), ("Content-Digest", "md5=:AA==:")),
    "two digests": by_hand(INPUT.replace('"@path"', '"@path" "content-digest"'), DIGEST, DIGEST),
    "too many lines": [*by_hand(INPUT), *(("X", "y") for _ in range(MAX_LINES))],
    "too long a line": by_hand(INPUT + " " * 3 + ";" * MAX_VALUE),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_every_other_form_is_refused(case: str) -> None:
    with pytest.raises(signing.SignatureMalformed):
        signing.parse(MALFORMED[case])


def test_the_form_that_the_cases_start_from_is_not_refused() -> None:
    assert signing.parse(by_hand(INPUT)).key_id == "k"


def test_what_is_told_repeats_nothing_that_was_sent() -> None:
    for headers in MALFORMED.values():
        with pytest.raises(signing.SignatureMalformed) as raised:
            signing.parse([*headers, ("Client-Reference", "Hong-Gildong")])
        assert "Hong" not in str(raised.value)
        assert "0123456789" not in str(raised.value)


@pytest.mark.parametrize("target", ["*", "ocr.example:443", "https://ocr.example/"])
def test_targets_without_a_path_are_refused(target: str) -> None:
    with pytest.raises(signing.SignatureMalformed):
        signed(path=target)


@pytest.mark.parametrize("value", ["\n", "\r", "\x00", "é", "\u2028"])
def test_no_component_can_forge_a_line(value: str) -> None:
    forge: list[Callable[[], object]] = [
        lambda: signed(path=f"/a{value}"),
        lambda: signed(query=f"a={value}"),
        lambda: signed(method=f"GET{value}"),
        lambda: signed("GET", "/", "", ("Client-Reference", f"a{value}b")),
    ]
    for attempt in forge:
        with pytest.raises(signing.SignatureMalformed):
            attempt()


def test_blanks_around_a_value_do_not_count() -> None:
    headers = signed("GET", "/", "", ("Client-Reference", "a"))
    assert holds([("client-reference", "  a\t"), *headers[1:]], path="/")


@pytest.mark.parametrize("text", ["", "AAAA", "A" * 44, "A" * 42 + "!", "é" * 43])
def test_a_secret_is_32_bytes_of_base64url(text: str) -> None:
    with pytest.raises(ValueError, match="secret") as raised:
        signing.decode_secret(text)
    assert not text or text not in str(raised.value)


def test_a_secret_survives_being_copied() -> None:
    secret = bytes([251, 255]) * 16
    assert signing.decode_secret(signing.encode_secret(secret)) == secret
    assert signing.decode_secret(signing.encode_secret(secret) + "=") == secret


def test_nonces_are_fresh_and_of_the_right_form() -> None:
    nonces = {signing.new_nonce() for _ in range(100)}
    assert len(nonces) == 100
    for nonce in nonces:
        assert signing.parse(by_hand(INPUT.replace("0123456789abcdef", nonce))).nonce == nonce


def test_every_bit_of_a_mac_counts() -> None:
    honest = signing.parse(signed())
    for bit in range(256):
        mac = bytearray(honest.signature)
        mac[bit // 8] ^= 1 << bit % 8
        assert not signing.verify(replace(honest, signature=bytes(mac)), "GET", "/v1/documents", "", signed(), SECRET)
    assert signing.verify(honest, "GET", "/v1/documents", "", signed(), SECRET)


def test_macs_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def watched(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return False

    monkeypatch.setattr("ocr_pipeline.signing.requests.hmac.compare_digest", watched)
    headers = signed()
    assert not holds(headers)
    assert compared == [(signing.parse(headers).signature,) * 2]
