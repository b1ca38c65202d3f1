"""What the others do: mistakes, greed and malice. Each has answers that are right, and none of them is 500."""

from __future__ import annotations

import socket
import struct
import time
from random import Random
from urllib.parse import urlsplit

import httpx

from benchmarks.load import files
from benchmarks.load.visitor import DOCUMENTS, NO_ANSWER, Act, Answer, Visitor
from ocr_pipeline.client import SignedAuth
from tests.gateway_requests import head_of, signed

PNG = {"Content-Type": "image/png"}
TOO_MANY_BYTES = 20 * 1024 * 1024 + 1
_STALE_SECONDS = 3_600
_PATHS = (
    f"{DOCUMENTS}/../../etc/passwd",
    f"{DOCUMENTS}/%2e%2e/%2e%2e/etc/passwd",
    f"/v1//documents/{'a' * 40}",
    f"{DOCUMENTS}/%00",
    f"{DOCUMENTS}/x",
    "/.git/config",
    "/v1/documents;x=1",
)


def wrong_type(visitor: Visitor) -> httpx.Response:
    content, kind = visitor.random.choice([(files.other_format(), "image/png"), (b"words", "text/plain")])
    return visitor.http.post(DOCUMENTS, content=content, headers={"Content-Type": kind})


def truncated(visitor: Visitor) -> httpx.Response:
    return visitor.submit(files.truncated(visitor.random), PNG)


def announced_too_large(visitor: Visitor) -> Answer:
    headers = signed(visitor.key, "POST", DOCUMENTS, PNG, b"x")
    return visitor.raw(head_of("POST", DOCUMENTS, TOO_MANY_BYTES, headers), bytes(65_536))


def streamed_too_large(visitor: Visitor) -> Answer:
    """A body whose length nobody was told, one byte longer than it may be."""
    headers = signed(visitor.key, "POST", DOCUMENTS, PNG, b"x")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {DOCUMENTS} HTTP/1.1\r\nHost: gateway\r\nTransfer-Encoding: chunked\r\n{lines}\r\n".encode()
    body = b"\xff\xd8\xff" + bytes(TOO_MANY_BYTES - 3)
    step = 1 << 20
    pieces = (body[start : start + step] for start in range(0, len(body), step))
    return visitor.raw(head, *(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces), b"0\r\n\r\n")


def bad_json(visitor: Visitor) -> httpx.Response:
    body = visitor.random.choice([b"{", b"[1]", b"\xff\xfe", b'{"source": 7}', b'{"source": "s3://scans/x.pdf"}'])
    return visitor.http.post(DOCUMENTS, content=body, headers={"Content-Type": "application/json"})


def bad_form(visitor: Visitor) -> httpx.Response:
    form = b'--a\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n\x89PNG'
    body = visitor.random.choice([b"--a--\r\n", form, b"nothing of the kind"])
    kind = visitor.random.choice(["multipart/form-data", "multipart/form-data; boundary=a"])
    return visitor.http.post(DOCUMENTS, content=body, headers={"Content-Type": kind})


def bad_parameter(visitor: Visitor) -> httpx.Response:
    query = visitor.random.choice(["priority=now", "type=x-ray", "again=perhaps", "deadline=yesterday"])
    content, kind = files.document(visitor.random)
    return visitor.http.post(f"{DOCUMENTS}?{query}", content=content, headers={"Content-Type": kind})


def key_of_another_file(visitor: Visitor) -> httpx.Response:
    known = next((each for each in reversed(visitor.recent) if each.key is not None), None)
    headers = {**PNG, "Idempotency-Key": str(known.key if known else "a key\x7f")}
    return visitor.http.post(DOCUMENTS, content=files.truncated(visitor.random), headers=headers)


def wrong_signature(visitor: Visitor) -> httpx.Response:
    auth = SignedAuth(visitor.key.key.id, bytes(32))
    return visitor.anybody.get(DOCUMENTS, auth=auth)


def stale_signature(visitor: Visitor) -> httpx.Response:
    created = int(time.time()) - _STALE_SECONDS
    return visitor.anybody.get(DOCUMENTS, headers=signed(visitor.key, "GET", DOCUMENTS, {}, b"", created=created))


def another_body_than_signed(visitor: Visitor) -> httpx.Response:
    content = files.truncated(visitor.random)
    headers = signed(visitor.key, "POST", DOCUMENTS, PNG, files.truncated(visitor.random))
    return visitor.anybody.post(DOCUMENTS, content=content, headers=headers)


def unsigned(visitor: Visitor) -> httpx.Response:
    return visitor.anybody.post(DOCUMENTS, content=files.truncated(visitor.random), headers=PNG)


def somebody_elses(visitor: Visitor) -> httpx.Response:
    return visitor.crowded.get(f"{DOCUMENTS}/{visitor.some().id}")


def wrong_method(visitor: Visitor) -> httpx.Response:
    return visitor.http.request("PATCH", DOCUMENTS)


def hasty(visitor: Visitor) -> httpx.Response:
    return visitor.hasty.get(f"{DOCUMENTS}?limit=1")


def crowded(visitor: Visitor) -> httpx.Response:
    content, kind = files.document(visitor.random)
    answer = visitor.crowded.post(f"{DOCUMENTS}?priority=bulk", content=content, headers={"Content-Type": kind})
    if answer.is_success:
        visitor.accepted.add(str(answer.json()["id"]))
    return answer


def replay(visitor: Visitor) -> httpx.Response:
    headers = signed(visitor.key, "GET", f"{DOCUMENTS}?limit=1", {}, b"")
    visitor.anybody.get(f"{DOCUMENTS}?limit=1", headers=headers)
    return visitor.anybody.get(f"{DOCUMENTS}?limit=1", headers=headers)


def slow_body(visitor: Visitor) -> Answer:
    content = files.truncated(visitor.random)
    headers = signed(visitor.key, "POST", DOCUMENTS, PNG, content)
    return visitor.raw(head_of("POST", DOCUMENTS, len(content), headers), content[:50])


def flood_of_headers(visitor: Visitor) -> Answer:
    count, size = visitor.random.choice([(2_000, 200), (90, 300), (1, 60_000)])
    return visitor.raw(head_of("GET", DOCUMENTS, 0, {f"X-{number}": "y" * size for number in range(count)}))


def callback_inside(visitor: Visitor) -> httpx.Response:
    inside = visitor.random.choice(["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "0x7f000001", "localhost"])
    headers = {**PNG, "Callback-Url": f"https://{inside}/hook"}
    return visitor.http.post(DOCUMENTS, content=files.truncated(visitor.random), headers=headers)


def tricky_path(visitor: Visitor) -> Answer:
    path = visitor.random.choice(_PATHS)
    return visitor.raw(head_of("GET", path, 0, signed(visitor.key, "GET", path, {}, b"")))


def half_closed(visitor: Visitor) -> Answer:
    content = files.truncated(visitor.random)
    head = head_of("POST", DOCUMENTS, len(content) + 500, signed(visitor.key, "POST", DOCUMENTS, PNG, content))
    pieces = visitor.random.choice([(head, content), (head[:200],), (head,), ()])
    return visitor.raw(*pieces, end=True)


def torn_off(visitor: Visitor) -> Answer:
    """A connection that is reset in the midst of a body."""
    place = urlsplit(visitor.url)
    content = files.truncated(visitor.random)
    head = head_of("POST", DOCUMENTS, len(content) + 500, signed(visitor.key, "POST", DOCUMENTS, PNG, content))
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=10) as link:
        link.sendall(head + content)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return Answer(NO_ANSWER)


def no_http(visitor: Visitor) -> Answer:
    return visitor.raw(Random(visitor.random.random()).randbytes(200) + b"\r\n\r\n", end=True)  # noqa: S311


_NONE = frozenset({NO_ANSWER})

ACTS = (
    Act("wrong type", "invalid", 2, frozenset({415}), wrong_type),
    Act("truncated file", "invalid", 2, frozenset({200, 202}), truncated),
    Act("too large, announced", "invalid", 1, frozenset({413}), announced_too_large),
    Act("too large, streamed", "invalid", 0.2, frozenset({413}), streamed_too_large),
    Act("bad JSON", "invalid", 2, frozenset({400, 403, 422}), bad_json),
    Act("bad form", "invalid", 2, frozenset({400}), bad_form),
    Act("bad parameter", "invalid", 2, frozenset({422}), bad_parameter),
    Act("a key's other file", "invalid", 1, frozenset({422}), key_of_another_file),
    Act("wrong signature", "invalid", 2, frozenset({401}), wrong_signature),
    Act("stale signature", "invalid", 2, frozenset({401}), stale_signature),
    Act("another body than signed", "invalid", 1, frozenset({401}), another_body_than_signed),
    Act("unsigned", "invalid", 2, frozenset({401}), unsigned),
    Act("somebody else's", "invalid", 1, frozenset({404}), somebody_elses),
    Act("wrong method", "invalid", 1, frozenset({405}), wrong_method),
    Act("hasty", "limited", 5, frozenset({200, 429}), hasty),
    Act("crowded", "limited", 3, frozenset({200, 202, 429}), crowded),
    Act("replay", "abusive", 2, frozenset({401}), replay),
    Act("slow body", "abusive", 1, frozenset({408}), slow_body),
    Act("flood of headers", "abusive", 1, frozenset({400, 401, 431}) | _NONE, flood_of_headers),
    Act("callback inside", "abusive", 2, frozenset({422}), callback_inside),
    Act("tricky path", "abusive", 2, frozenset({400, 401, 404, 422}), tricky_path),
    Act("half closed", "abusive", 2, frozenset({400, 401, 408}) | _NONE, half_closed),
    Act("torn off", "abusive", 1, _NONE, torn_off),
    Act("no HTTP", "abusive", 1, frozenset({400}) | _NONE, no_http),
)
