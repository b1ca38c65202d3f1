"""Why somebody was not let in: for the log, never for the answer."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from ocr_pipeline.gateway.auth.errors import KeyRevoked, SignatureWrong, TokenInvalid, Unauthenticated
from ocr_pipeline.gateway.problems import install


@pytest.mark.parametrize(
    ("error", "code", "cause"),
    [
        (SignatureWrong("mac"), "signature_wrong", "mac"),
        (SignatureWrong("key_unknown"), "signature_wrong", "key_unknown"),
        (TokenInvalid("the token is not valid here", cause="ExpiredSignatureError"), "token_invalid", "ExpiredSig"),
        (KeyRevoked("the key was revoked"), "key_revoked", "key_revoked"),
    ],
)
def test_a_cause_is_logged_and_not_told(error: Unauthenticated, code: str, cause: str) -> None:
    app = FastAPI()
    install(app)

    @app.get("/")
    def refuse() -> None:
        raise error

    with capture_logs() as logs:
        answer = TestClient(app).get("/")
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    (line,) = logs
    assert (line["event"], line["code"]) == ("not let in", code)
    assert line["cause"].startswith(cause)
    assert cause == code or cause not in answer.text
