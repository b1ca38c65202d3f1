"""Wrapping keys that never leave AWS KMS (or a service that speaks its API)."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from ocr_pipeline.adapters.keys import aead
from ocr_pipeline.domain.errors import DecryptionFailed, KeyMissing, KeyUnavailable
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.sealing import WrappedKey

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

_CHECKED_DOCUMENT = DocumentId(UUID(int=0))
_FINGERPRINT_CONTEXT = b"ocr-pipeline/fingerprint/1"
_CURRENT_KEY_SECONDS = 60.0
_FINGERPRINT_KEYS_KEPT = 1024
_REFUSED_CIPHERTEXT = frozenset({"InvalidCiphertextException", "IncorrectKeyException", "ValidationException"})


@dataclass(frozen=True, slots=True)
class KmsEndpoint:
    """How to reach KMS. None leaves a value to boto3's own chain: environment, profile, role of the machine."""

    region: str | None = None
    endpoint_url: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    connect_timeout: float = 3.0
    read_timeout: float = 10.0
    attempts: int = 3
    connections: int = 16

    def client(self) -> KMSClient:
        """A client with bounded waits and retries; it is safe between threads."""
        return boto3.session.Session().client(
            "kms",
            region_name=self.region,
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(
                connect_timeout=self.connect_timeout,
                read_timeout=self.read_timeout,
                retries={"mode": "standard", "total_max_attempts": self.attempts},
                max_pool_connections=self.connections,
            ),
        )


class AwsKmsKeyProvider:
    """Wraps data keys with a symmetric KMS key, the document id as encryption context.

    `key` names the wrapping key by id, ARN or alias. A wrapped key keeps the ARN that KMS reported, so an alias may be
    pointed at another key: older data still opens and `current_key_id` follows within a minute.

    `fingerprint_key` is KMS GenerateMac under `mac_key`, an HMAC_256 key: the secret never leaves KMS, and KMS never
    rotates such keys, so fingerprints stay the same. Rights needed: kms:Encrypt, kms:Decrypt and kms:DescribeKey on
    the one, kms:GenerateMac on the other.

    A key that is disabled or about to be deleted is KeyUnavailable (both can be undone); one that is gone is
    KeyMissing.
    """

    def __init__(self, client: KMSClient, key: str, mac_key: str, now: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._key = key
        self._mac_key = mac_key
        self._now = now
        self._lock = threading.Lock()
        self._current: tuple[float, str] | None = None
        self._fingerprint_keys: OrderedDict[ClientId, bytes] = OrderedDict()

    @property
    def current_key_id(self) -> str:
        """The ARN of the key that wraps new data keys, asked at most once a minute. Raises KeyUnavailable."""
        with self._lock:
            if self._current is not None and self._now() < self._current[0]:
                return self._current[1]
        with _answering():
            arn = self._client.describe_key(KeyId=self._key)["KeyMetadata"]["Arn"]
        with self._lock:
            self._current = (self._now() + _CURRENT_KEY_SECONDS, arn)
        return arn

    def wrap(self, data_key: bytes, document_id: DocumentId) -> WrappedKey:
        """Encrypt a data key, bound to its document. Raises KeyUnavailable."""
        with _answering():
            answer = self._client.encrypt(KeyId=self._key, Plaintext=data_key, EncryptionContext=_context(document_id))
        return WrappedKey(answer["KeyId"], answer["CiphertextBlob"])

    def unwrap(self, wrapped: WrappedKey, document_id: DocumentId) -> bytes:
        """The data key. Raises KeyUnavailable, KeyMissing for a key that is gone, DecryptionFailed otherwise."""
        with _answering(), _opening():
            answer = self._client.decrypt(
                KeyId=wrapped.key_id, CiphertextBlob=wrapped.ciphertext, EncryptionContext=_context(document_id)
            )
        data_key = answer["Plaintext"]
        if len(data_key) != aead.KEY_BYTES:
            raise DecryptionFailed("what was wrapped is no data key")
        return data_key

    def fingerprint_key(self, client_id: ClientId) -> bytes:
        """A 32-byte secret of this client alone; KMS is asked once a client and process. Raises KeyUnavailable."""
        with self._lock:
            known = self._fingerprint_keys.get(client_id)
        if known is not None:
            return known
        with _answering():
            mac = self._client.generate_mac(
                KeyId=self._mac_key,
                MacAlgorithm="HMAC_SHA_256",
                Message=_FINGERPRINT_CONTEXT + b"\n" + client_id.encode(),
            )["Mac"]
        with self._lock:
            self._fingerprint_keys[client_id] = mac
            if len(self._fingerprint_keys) > _FINGERPRINT_KEYS_KEPT:
                self._fingerprint_keys.popitem(last=False)
        return mac

    def check(self) -> None:
        """Wrap and unwrap a throw-away key. Raises KeyUnavailable."""
        data_key = aead.new_key()
        try:
            unwrapped = self.unwrap(self.wrap(data_key, _CHECKED_DOCUMENT), _CHECKED_DOCUMENT)
        except (KeyMissing, DecryptionFailed) as error:
            raise KeyUnavailable("KMS does not unwrap what it wrapped") from error
        if unwrapped != data_key:
            raise KeyUnavailable("KMS does not unwrap what it wrapped")

    def close(self) -> None:
        """Give back connections."""
        self._client.close()


def _context(document_id: DocumentId) -> dict[str, str]:
    return {"document_id": str(document_id)}


@contextmanager
def _answering() -> Iterator[None]:
    """Whatever keeps KMS from answering is KeyUnavailable."""
    try:
        yield
    except ClientError as error:
        raise KeyUnavailable(f"KMS refused the call ({_code(error)})") from error
    except BotoCoreError as error:
        raise KeyUnavailable("KMS does not answer") from error


@contextmanager
def _opening() -> Iterator[None]:
    """What says that this wrapped key will never open, now or later; other errors pass."""
    try:
        yield
    except ParamValidationError as error:
        raise DecryptionFailed("the wrapped data key is none of KMS") from error
    except ClientError as error:
        if _code(error) == "NotFoundException":
            raise KeyMissing("the key that wraps this document's data key is gone from KMS") from error
        if _code(error) in _REFUSED_CIPHERTEXT:
            raise DecryptionFailed("KMS does not open the wrapped data key") from error
        raise


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")
