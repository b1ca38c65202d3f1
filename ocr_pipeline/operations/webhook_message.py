"""The message that a webhook carries: ids and states, nothing of the document, under signatures for the client."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from standardwebhooks import Webhook as Signer

from ocr_pipeline.domain.webhooks import Webhook
from ocr_pipeline.ports.records import Progress


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """What is posted."""

    headers: dict[str, str] = field(repr=False)
    body: bytes


def sign_message(webhook: Webhook, progress: Progress, secrets: Sequence[bytes], *, at: datetime) -> SignedMessage:
    """The message of a webhook, signed at a time (aware, in UTC) as Standard Webhooks v1 (HMAC-SHA256) says.

    It bears one signature for each secret; a receiver is content with any one that it can check.

    `type` and `timestamp` tell what happened and when; `data` tells how the document stands now, which after a failed
    try may be further on.
    """
    body = json.dumps(
        {
            "type": webhook.event.value,
            "timestamp": webhook.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "data": {
                "document_id": str(webhook.document_id),
                "state": progress.state.value,
                "pages": {state.value: count for state, count in progress.pages.items() if count},
            },
        },
        separators=(",", ":"),
    )
    headers = {
        "content-type": "application/json",
        "user-agent": "ocr-pipeline",
        "webhook-id": str(webhook.id),
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(
            Signer(secret).sign(str(webhook.id), at.astimezone(UTC), body) for secret in secrets
        ),
    }
    return SignedMessage(headers, body.encode())
