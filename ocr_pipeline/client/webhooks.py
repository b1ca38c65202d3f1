"""Reading the webhooks that the server sends, once their signature is known to be the server's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from standardwebhooks import Webhook, WebhookVerificationError


class WebhookRefused(Exception):
    """A message that the server did not send, or that was sent more than five minutes ago: answer 400 and forget it."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a webhook tells. `id` is the same whenever the message is repeated: act on each once.

    `kind` and `at` say what happened and when; `state` and `pages` (how many in each state) how the document stood when
    the message was sent.
    """

    id: str
    kind: str
    at: datetime
    document_id: str
    state: str
    pages: dict[str, int]


def read_webhook(body: bytes, headers: Mapping[str, str], secrets: str | Iterable[str]) -> Notice:
    """What a message says, its body and its headers given as they came.

    `secrets` are those that the receiver holds (`whsec_...`), one or several; while a secret is rotated the server
    signs with the old and the new one, and any signature by any of these will do. Raises WebhookRefused.
    """
    held = [secrets] if isinstance(secrets, str) else list(secrets)
    lines = {name.lower(): value for name, value in headers.items()}
    if not any(_signed(body, lines, secret) for secret in held):
        raise WebhookRefused("no signature of the message was made with a secret that is held")
    told = json.loads(body)
    data = told["data"]
    at = datetime.fromisoformat(told["timestamp"])
    return Notice(lines["webhook-id"], told["type"], at, data["document_id"], data["state"], data["pages"])


def _signed(body: bytes, headers: dict[str, str], secret: str) -> bool:
    verifier = Webhook(secret)
    try:
        verifier.verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError):  # the latter for a header that is garbled, or a body that is no text
        return False
    return True
