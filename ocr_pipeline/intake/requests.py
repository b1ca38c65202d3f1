"""What tells one request from another that comes under the same idempotency key."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC

from ocr_pipeline.intake.receive import Arrival
from ocr_pipeline.ports.vault import Vault

_FORM = "ocr-pipeline/request/1"


def request_digest(vault: Vault, arrival: Arrival, fingerprint: bytes) -> bytes:
    """SHA-256 over a canonical JSON of all that a request asks for: 32 bytes, equal for equal requests of one client.

    It is kept beside the document, so whatever may be PHI goes in as a keyed fingerprint, as the content does.
    `priority` counts as it was asked for: the class that a deadline gives depends on when the request came.
    """

    def keyed(text: str | None) -> str | None:
        return None if text is None else vault.fingerprint(arrival.client_id, text.encode()).hex()

    canonical = json.dumps(
        {
            "again": arrival.again,
            "callback": keyed(arrival.callback),
            "content": fingerprint.hex(),
            "deadline": None if arrival.deadline is None else arrival.deadline.astimezone(UTC).isoformat(),
            "form": _FORM,
            "kind": arrival.kind.value,
            "name": keyed(arrival.name),
            "priority": arrival.priority.label,
            "reference": keyed(arrival.reference),
        },
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(canonical.encode()).digest()
