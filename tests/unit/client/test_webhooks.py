"""Webhooks as a receiver reads them: any secret that is held will do, and nothing else."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from ocr_pipeline.client import Notice, WebhookRefused, read_webhook

OLD, NEW, OTHER = ("whsec_" + base64.b64encode(bytes([number] * 32)).decode() for number in range(3))
BODY = json.dumps(
    {
        "type": "document.completed",
        "timestamp": "2026-03-01T12:00:00Z",
        "data": {"document_id": "d-1", "state": "completed", "pages": {"accepted": 2}},
    }
)
SAID = Notice("w-1", "document.completed", datetime(2026, 3, 1, 12, tzinfo=UTC), "d-1", "completed", {"accepted": 2})


def headers(*secrets: str, age: timedelta = timedelta(0), body: str = BODY) -> dict[str, str]:
    at = datetime.now(UTC) - age
    return {
        "Webhook-Id": "w-1",
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": " ".join(Webhook(secret).sign("w-1", at, body) for secret in secrets),
    }


@pytest.mark.parametrize("held", [OLD, NEW, [OLD], [NEW, OLD], [OTHER, OLD]])
def test_a_message_signed_by_both_is_taken_with_either(held: str | list[str]) -> None:
    assert read_webhook(BODY.encode(), headers(NEW, OLD), held) == SAID


@pytest.mark.parametrize("signer", [OLD, NEW])
def test_a_receiver_that_holds_both_takes_a_message_signed_by_either(signer: str) -> None:
    assert read_webhook(BODY.encode(), headers(signer), (OLD, NEW)) == SAID


@pytest.mark.parametrize("held", [OTHER, [OTHER], []])
def test_a_message_signed_by_none_that_is_held_is_refused(held: str | list[str]) -> None:
    with pytest.raises(WebhookRefused):
        read_webhook(BODY.encode(), headers(NEW, OLD), held)


def test_what_was_changed_or_is_old_or_garbled_is_refused() -> None:
    good = headers(OLD)
    for body, lines in (
        (BODY.encode() + b" ", good),
        (b"\xff", good),
        (BODY.encode(), headers(OLD, age=timedelta(minutes=6))),
        (BODY.encode(), headers(OLD, age=timedelta(minutes=-6))),
        (BODY.encode(), good | {"Webhook-Id": "w-2"}),
        (BODY.encode(), good | {"Webhook-Signature": "v1,a,b"}),
        (BODY.encode(), good | {"Webhook-Signature": "v1,é"}),
        (BODY.encode(), good | {"Webhook-Timestamp": "yesterday"}),
        (BODY.encode(), {}),
    ):
        with pytest.raises(WebhookRefused):
            read_webhook(body, lines, OLD)
