"""What every key provider promises, asked of the key file, the one in memory and KMS (as moto speaks it)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from ocr_pipeline.adapters.keys.aws_kms import AwsKmsKeyProvider
from ocr_pipeline.adapters.keys.data_key_cache import DataKeyCache
from ocr_pipeline.adapters.keys.local_file import LocalFileKeyProvider
from ocr_pipeline.adapters.keys.memory import MemoryKeyProvider
from ocr_pipeline.adapters.keys.vault import AesGcmVault
from ocr_pipeline.domain.errors import DecryptionFailed, KeyMissing
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.domain.sealing import WrappedKey
from ocr_pipeline.ports.vault import KeyProvider
from tests.key_providers import DATA_KEY, Clock, kms_client, new_document

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient


@dataclass(frozen=True)
class Case:
    """A provider, how an operator rotates its key, and another process's view of the same keys."""

    provider: KeyProvider
    rotate: Callable[[], object]
    reopened: Callable[[], KeyProvider]


@pytest.fixture(params=["memory", "file", "kms"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    match request.param:
        case "memory":
            memory = MemoryKeyProvider()
            yield Case(memory, memory.rotate, lambda: memory)
        case "file":
            path = tmp_path / "keys.json"
            file = LocalFileKeyProvider.create(path)
            yield Case(file, lambda: LocalFileKeyProvider(path).rotate(), lambda: LocalFileKeyProvider(path))
        case _:
            with mock_aws():
                yield kms_case()


def kms_case() -> Case:
    clock, client = Clock(), kms_client()
    client.create_alias(AliasName="alias/wrapping", TargetKeyId=new_wrapping_key(client))
    mac_key = client.create_key(KeyUsage="GENERATE_VERIFY_MAC", KeySpec="HMAC_256")["KeyMetadata"]["KeyId"]

    def rotate() -> None:
        client.update_alias(AliasName="alias/wrapping", TargetKeyId=new_wrapping_key(client))
        clock.now += 61

    def provider() -> AwsKmsKeyProvider:
        return AwsKmsKeyProvider(client, "alias/wrapping", mac_key, clock)

    return Case(provider(), rotate, provider)


def new_wrapping_key(client: KMSClient) -> str:
    return client.create_key()["KeyMetadata"]["KeyId"]


def test_what_was_wrapped_unwraps(case: Case) -> None:
    document = new_document()
    wrapped = case.provider.wrap(DATA_KEY, document)
    assert wrapped.key_id == case.provider.current_key_id
    assert DATA_KEY not in wrapped.ciphertext
    assert case.provider.unwrap(wrapped, document) == DATA_KEY
    assert case.reopened().unwrap(wrapped, document) == DATA_KEY
    assert case.provider.wrap(DATA_KEY, document).ciphertext != wrapped.ciphertext


def test_a_wrapped_key_of_another_document_does_not_unwrap(case: Case) -> None:
    wrapped = case.provider.wrap(DATA_KEY, new_document())
    with pytest.raises(DecryptionFailed):
        case.provider.unwrap(wrapped, new_document())


@pytest.mark.parametrize(
    "change", [lambda c: c[:-1], lambda c: c[:0], lambda c: c[:40], lambda c: c[:-1] + bytes([c[-1] ^ 1])]
)
def test_a_changed_wrapped_key_does_not_unwrap(case: Case, change: Callable[[bytes], bytes]) -> None:
    document = new_document()
    wrapped = case.provider.wrap(DATA_KEY, document)
    with pytest.raises(DecryptionFailed):
        case.provider.unwrap(WrappedKey(wrapped.key_id, change(wrapped.ciphertext)), document)


def test_an_unknown_key_is_missing(case: Case) -> None:
    document = new_document()
    wrapped = case.provider.wrap(DATA_KEY, document)
    unknown = wrapped.key_id[:-8] + "00000000"
    with pytest.raises(KeyMissing):
        case.provider.unwrap(WrappedKey(unknown, wrapped.ciphertext), document)


def test_after_a_rotation_old_keys_open_and_a_new_one_wraps(case: Case) -> None:
    document = new_document()
    before, fingerprint = case.provider.wrap(DATA_KEY, document), case.provider.fingerprint_key(ClientId("a"))
    case.rotate()
    after = case.provider.wrap(DATA_KEY, document)
    assert case.provider.current_key_id == after.key_id != before.key_id
    for provider in (case.provider, case.reopened()):
        assert provider.unwrap(before, document) == provider.unwrap(after, document) == DATA_KEY
        assert provider.fingerprint_key(ClientId("a")) == fingerprint


def test_each_client_has_a_fingerprint_key_of_its_own(case: Case) -> None:
    clients = [ClientId(name) for name in ("a", "b", "ab", "a\n", "A", "병원")]
    keys = [case.provider.fingerprint_key(client) for client in clients]
    assert {len(key) for key in keys} == {32}
    assert len(set(keys)) == len(clients)
    assert [case.reopened().fingerprint_key(client) for client in clients] == keys


def test_each_label_of_a_client_has_a_secret_of_its_own_in_every_process(case: Case) -> None:
    asked = [(ClientId(client), label) for client in ("a", "b") for label in ("webhook", "api-key/1", "api-key/2")]
    vault = AesGcmVault(case.provider, DataKeyCache(0, 0))
    secrets = [vault.secret(*each) for each in asked]
    assert {len(secret) for secret in secrets} == {32}
    assert len({*secrets, case.provider.fingerprint_key(ClientId("a"))}) == len(asked) + 1
    case.rotate()
    assert [AesGcmVault(case.reopened(), DataKeyCache(0, 0)).secret(*each) for each in asked] == secrets


def test_a_check_passes(case: Case) -> None:
    case.provider.check()


def test_threads_share_a_provider(case: Case) -> None:
    def round_trip(_: int) -> bool:
        document = new_document()
        return case.provider.unwrap(case.provider.wrap(DATA_KEY, document), document) == DATA_KEY

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(round_trip, range(40)))
