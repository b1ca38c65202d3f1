"""Events from Amazon SQS, or from a server that speaks it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ocr_pipeline.domain.errors import QueueUnavailable
from ocr_pipeline.domain.triggers import EventId
from ocr_pipeline.ports.events import Letter

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_BATCH = 10
_LONGEST_WAIT = 20
_LONGEST_HIDING = 43_200
_MESSAGES = UUID("d9f86a4e-8d3c-4d6e-9a41-3f0c57f8c1b7")


@dataclass(frozen=True, slots=True)
class SqsEndpoint:
    """How to reach the service. None leaves a value to boto3's own chain: environment, profile, role of the machine."""

    endpoint_url: str | None = None
    region: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)

    def client(self) -> SQSClient:
        """A client whose waits outlast a long poll."""
        return boto3.session.Session().client(
            "sqs",
            endpoint_url=self.endpoint_url,
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(
                connect_timeout=5,
                read_timeout=_LONGEST_WAIT + 10,
                retries={"mode": "standard", "total_max_attempts": 3},
            ),
        )


class SqsEvents:
    """The `EventSource` port over one queue, by long polling.

    A message that was received is hidden from others for `hidden` seconds, and as long again each time it is kept.
    """

    def __init__(self, name: str, client: SQSClient, queue_url: str, *, hidden: int = 60) -> None:
        self._name = name
        self._client = client
        self._queue_url = queue_url
        self._hidden = hidden

    @property
    def name(self) -> str:
        """As the settings have it."""
        return self._name

    def receive(self, most: int, wait: float) -> list[Letter]:
        """At most ten at once, as the service has it. Raises QueueUnavailable."""
        with _errors_mapped():
            answer = self._client.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=max(1, min(most, _BATCH)),
                WaitTimeSeconds=max(0, min(int(wait), _LONGEST_WAIT)),
                VisibilityTimeout=self._hidden,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        return [
            Letter(
                id=EventId(uuid5(_MESSAGES, f"{self._name}/{message['MessageId']}")),
                source=self._name,
                body=message["Body"].encode(),
                attempt=int(message.get("Attributes", {}).get("ApproximateReceiveCount", "1")),
                handle=message["ReceiptHandle"],
            )
            for message in answer.get("Messages", [])
        ]

    def keep(self, letters: list[Letter]) -> None:
        """Hide them for as long again. Raises QueueUnavailable."""
        for letter in letters:
            self._hide(letter, self._hidden)

    def done(self, letters: list[Letter]) -> None:
        """Delete them, ten a request; one that is not deleted comes again. Raises QueueUnavailable."""
        for start in range(0, len(letters), _BATCH):
            batch = letters[start : start + _BATCH]
            with _errors_mapped():
                self._client.delete_message_batch(
                    QueueUrl=self._queue_url,
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": str(letter.handle)} for number, letter in enumerate(batch)
                    ],
                )

    def put_back(self, letter: Letter, seconds: float) -> None:
        """Show it again after so many seconds. Raises QueueUnavailable."""
        self._hide(letter, int(seconds))

    def close(self) -> None:
        """Give back connections."""
        self._client.close()

    def _hide(self, letter: Letter, seconds: int) -> None:
        with _errors_mapped():
            self._client.change_message_visibility(
                QueueUrl=self._queue_url,
                ReceiptHandle=str(letter.handle),
                VisibilityTimeout=max(0, min(seconds, _LONGEST_HIDING)),
            )


@contextmanager
def _errors_mapped() -> Iterator[None]:
    """The project's error without its cause: boto quotes requests, and requests quote messages."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        raise QueueUnavailable(f"the event queue fails ({code})") from None
    except BotoCoreError as error:
        raise QueueUnavailable(f"the event queue does not answer ({type(error).__name__})") from None
