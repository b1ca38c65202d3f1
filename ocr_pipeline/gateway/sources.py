"""S3 addresses that a client may name instead of sending a file."""

from __future__ import annotations

from ocr_pipeline.domain.clients import Client
from ocr_pipeline.gateway.problems import Problem


def grant(client: Client, source: str) -> None:
    """Raises Problem (403) unless the address lies under a prefix that the client was granted.

    A prefix ends at a slash: `s3://scans/ward` grants `s3://scans/ward/1.pdf` and not `s3://scans/ward-2/1.pdf`.
    Steps such as `..` mean nothing to S3 and something to other servers, so an address with one is never granted.
    """
    steps = source.removeprefix("s3://").split("/")
    plain = all(step not in {"", ".", ".."} for step in steps) and "\\" not in source
    if not plain or not any(source.startswith(f"{prefix.rstrip('/')}/") for prefix in client.sources):
        raise Problem("source_not_granted")
