"""The recipe in the guides makes signatures that the server takes."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from ocr_pipeline import signing

RECIPE = Path(__file__).parents[3] / "docs" / "guides" / "api-curl.sh"
# Of the bytes that make both characters in which base64url differs from base64.
SECRET = bytes([251, 255]) * 16

pytestmark = pytest.mark.skipif(
    shutil.which("bash") is None or shutil.which("openssl") is None, reason="bash and openssl are not here"
)


def run(*arguments: str, **surroundings: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "OCR_KEY_ID": "ock_1",
        "OCR_SECRET": signing.encode_secret(SECRET),
        **surroundings,
    }
    return subprocess.run(
        ["bash", str(RECIPE), *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def headers_of(*arguments: str, **surroundings: str) -> list[tuple[str, str]]:
    done = run("--print-headers", *arguments, **surroundings)
    assert done.returncode == 0, done.stderr
    lines = [line.partition(": ") for line in done.stdout.splitlines()]
    return [(name, value) for name, _, value in lines]


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("GET", "/v1/documents", ""),
        ("GET", "/v1/documents", "state=failed&cursor=a%2Fb?c"),
        ("DELETE", "/v1/documents/a%2Fb", ""),
    ],
)
def test_a_request_without_a_body_is_signed(method: str, path: str, query: str) -> None:
    headers = headers_of(method, path + (f"?{query}" if query else ""))
    claims = signing.parse(headers)
    assert signing.verify(claims, method, path, query, headers, SECRET)
    assert not signing.verify(claims, method, path, query, headers, bytes(32))
    assert claims.key_id == "ock_1"
    assert abs(claims.created - time.time()) < 300
    assert claims.content_sha256 is None


def test_a_file_and_its_idempotency_key_are_signed(tmp_path: Path) -> None:
    scan = tmp_path / "a scan.pdf"
    scan.write_bytes(b"%PDF-\x00\n\n")
    headers = headers_of(
        "POST", "/v1/documents?type=chart", str(scan), "application/pdf", OCR_IDEMPOTENCY_KEY="visit-1"
    )
    claims = signing.parse(headers)
    assert signing.verify(claims, "POST", "/v1/documents", "type=chart", headers, SECRET)
    assert claims.content_sha256 == hashlib.sha256(scan.read_bytes()).digest()
    assert claims.covered == ("@method", "@path", "@query", "content-digest", "idempotency-key")
    assert ("Content-Type", "application/pdf") in headers


def test_no_two_requests_have_the_same_nonce() -> None:
    nonces = {signing.parse(headers_of("GET", "/v1/documents")).nonce for _ in range(2)}
    assert len(nonces) == 2


def test_wrong_usage_is_told() -> None:
    assert run("GET").returncode == 2
    assert "METHOD PATH [FILE TYPE]" in run().stderr
    wrong = run("--print-headers", "GET", "/", OCR_SECRET="short")
    assert wrong.returncode == 2
    assert "short" not in wrong.stderr
