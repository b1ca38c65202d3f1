"""What every key provider promises, asked of the key file, the one in memory and KMS (as moto speaks it)."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from botocore.stub import Stubber
from moto import mock_aws

from ocr_pipeline.adapters.keys.aws_kms import AwsKmsKeyProvider, KmsEndpoint
from ocr_pipeline.adapters.keys.data_key_cache import DataKeyCache
from ocr_pipeline.adapters.keys.local_file import LocalFileKeyProvider
from ocr_pipeline.adapters.keys.memory import MemoryKeyProvider
from ocr_pipeline.adapters.keys.vault import AesGcmVault
from ocr_pipeline.domain.errors import (
    ConfigurationError,
    DecryptionFailed,
    KeyMissing,
    KeyUnavailable,
    PipelineError,
)
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.sealing import WrappedKey
from ocr_pipeline.ports.vault import KeyProvider

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

DATA_KEY = bytes(range(32))
REGION = "eu-central-1"


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


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


def kms_client() -> KMSClient:
    return KmsEndpoint(region=REGION, access_key="key", secret_key="secret", attempts=1, connect_timeout=1).client()


def new_wrapping_key(client: KMSClient) -> str:
    return client.create_key()["KeyMetadata"]["KeyId"]


def new_document() -> DocumentId:
    return DocumentId(uuid4())


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


# The key file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "keys.json"


def test_a_destroyed_key_is_nowhere_and_the_others_go_on(path: Path) -> None:
    provider, document = LocalFileKeyProvider.create(path), new_document()
    lost, secret = provider.wrap(DATA_KEY, document), provider.fingerprint_key(ClientId("a"))
    provider.rotate()
    kept = provider.wrap(DATA_KEY, document)
    provider.destroy(lost.key_id)
    assert all(lost.key_id not in each.read_text() for each in path.parent.iterdir())
    for view in (provider, LocalFileKeyProvider(path)):
        with pytest.raises(KeyMissing):
            view.unwrap(lost, document)
        assert view.unwrap(kept, document) == DATA_KEY
        assert view.fingerprint_key(ClientId("a")) == secret
    assert provider.rotate() not in {lost.key_id, kept.key_id}
    assert provider.unwrap(kept, document) == DATA_KEY


@pytest.mark.parametrize("which", ["current", "unknown"])
def test_only_an_older_key_can_be_destroyed(path: Path, which: str) -> None:
    provider = LocalFileKeyProvider.create(path)
    before = path.read_bytes()
    with pytest.raises(ConfigurationError):
        provider.destroy(provider.current_key_id if which == "current" else "local-0001-00000000")
    assert path.read_bytes() == before


def test_only_the_owner_can_read_the_key_file_and_its_backup(path: Path) -> None:
    before = os.umask(0)
    try:
        LocalFileKeyProvider.create(path).rotate()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {(each.name, stat.S_IMODE(each.stat().st_mode)) for each in path.parent.iterdir()} == {
        ("keys.json", 0o600),
        ("keys.json.previous", 0o600),
    }


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o602, 0o644, 0o660])
def test_a_key_file_open_to_others_is_refused_with_the_remedy(path: Path, mode: int) -> None:
    running = LocalFileKeyProvider.create(path)
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match=f"chmod 600 {path}"):
        LocalFileKeyProvider(path)
    with pytest.raises(KeyUnavailable):
        running.check()
    path.chmod(0o600)
    running.check()
    LocalFileKeyProvider(path).check()


def test_a_key_file_that_is_there_is_never_replaced(path: Path) -> None:
    LocalFileKeyProvider.create(path)
    content = path.read_bytes()
    with pytest.raises(ConfigurationError, match="already"):
        LocalFileKeyProvider.create(path)
    assert path.read_bytes() == content
    assert [each.name for each in path.parent.iterdir()] == ["keys.json"]


def test_of_several_creations_at_once_one_wins(path: Path) -> None:
    def created(_: int) -> bool:
        try:
            LocalFileKeyProvider.create(path)
        except ConfigurationError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(created, range(8))) == 1
    LocalFileKeyProvider(path).check()


def test_rotations_at_once_each_add_a_key(path: Path) -> None:
    provider, document = LocalFileKeyProvider.create(path), new_document()
    first = provider.wrap(DATA_KEY, document)

    def rotate(_: int) -> str:
        return LocalFileKeyProvider(path).rotate()

    with ThreadPoolExecutor(6) as pool:
        added = set(pool.map(rotate, range(6)))
    assert len(added) == 6
    assert set(json.loads(path.read_bytes())["keys"]) == added | {first.key_id}
    assert provider.unwrap(first, document) == DATA_KEY


def test_the_file_as_it_was_before_a_rotation_stays_beside_it(path: Path) -> None:
    provider = LocalFileKeyProvider.create(path)
    before = path.read_bytes()
    provider.rotate()
    assert path.with_name("keys.json.previous").read_bytes() == before


def test_a_failed_rotation_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = LocalFileKeyProvider.create(path)
    before = path.read_bytes()

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(ConfigurationError, match="No space left"):
            provider.rotate()
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["keys.json"]


def test_a_rotation_follows_a_link_to_the_file(path: Path, tmp_path: Path) -> None:
    LocalFileKeyProvider.create(path)
    link = tmp_path / "link.json"
    link.symlink_to(path)
    key_id = LocalFileKeyProvider(link).rotate()
    assert link.is_symlink()
    assert LocalFileKeyProvider(path).current_key_id == key_id


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_root_leaves_the_file_to_the_one_who_owns_it(path: Path) -> None:
    provider = LocalFileKeyProvider.create(path)
    os.chown(path, 12345, 23456)
    provider.rotate()
    owners = {(each.stat().st_uid, each.stat().st_gid) for each in path.parent.iterdir()}
    assert owners == {(12345, 23456)}


def test_a_missing_key_file_says_what_to_do(path: Path) -> None:
    with pytest.raises(ConfigurationError, match="create one, or restore"):
        LocalFileKeyProvider(path)


def test_a_key_file_that_vanishes_makes_the_provider_unavailable_until_it_is_back(path: Path) -> None:
    provider, document = LocalFileKeyProvider.create(path), new_document()
    wrapped = provider.wrap(DATA_KEY, document)
    path.rename(path.with_name("away"))
    calls: list[Callable[[], object]] = [
        lambda: provider.wrap(DATA_KEY, document),
        lambda: provider.unwrap(wrapped, document),
        lambda: provider.fingerprint_key(ClientId("a")),
        lambda: provider.current_key_id,
        provider.check,
    ]
    for call in calls:
        with pytest.raises(KeyUnavailable):
            call()
    path.with_name("away").rename(path)
    assert provider.unwrap(wrapped, document) == DATA_KEY


DAMAGES = {
    "cut": lambda fields: json.dumps(fields)[:-9],
    "no object": lambda _: "[]",
    "no text": lambda _: "\udcff",
    "other format": lambda fields: json.dumps({**fields, "format": 2}),
    "no current": lambda fields: json.dumps({**fields, "current": "other"}),
    "no keys": lambda fields: json.dumps({**fields, "keys": []}),
    "short key": lambda fields: json.dumps({**fields, "keys": {fields["current"]: "AAAA"}}),
    "no base64": lambda fields: json.dumps({**fields, "fingerprint_secret": "?"}),
    "no secret": lambda fields: json.dumps({k: v for k, v in fields.items() if k != "fingerprint_secret"}),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_key_file_is_refused_and_not_quoted(path: Path, damage: Callable[[dict[str, str]], str]) -> None:
    LocalFileKeyProvider.create(path)
    fields = json.loads(path.read_bytes())
    path.write_bytes(damage(fields).encode(errors="surrogateescape"))
    with pytest.raises(ConfigurationError) as caught:
        LocalFileKeyProvider(path)
    assert fields["fingerprint_secret"][:8] not in str(caught.value)


# KMS


@pytest.mark.parametrize(
    ("operation", "code", "expected"),
    [
        ("decrypt", "NotFoundException", KeyMissing),
        ("decrypt", "InvalidCiphertextException", DecryptionFailed),
        ("decrypt", "IncorrectKeyException", DecryptionFailed),
        ("decrypt", "DisabledException", KeyUnavailable),
        ("decrypt", "KMSInvalidStateException", KeyUnavailable),
        ("decrypt", "AccessDeniedException", KeyUnavailable),
        ("decrypt", "ThrottlingException", KeyUnavailable),
        ("encrypt", "NotFoundException", KeyUnavailable),
        ("encrypt", "ValidationException", KeyUnavailable),
        ("describe_key", "NotFoundException", KeyUnavailable),
        ("generate_mac", "NotFoundException", KeyUnavailable),
        ("generate_mac", "KMSInternalException", KeyUnavailable),
    ],
)
def test_each_answer_of_kms_has_its_meaning(operation: str, code: str, expected: type[PipelineError]) -> None:
    client = kms_client()
    provider = AwsKmsKeyProvider(client, "alias/wrapping", "alias/mac")
    calls: dict[str, Callable[[], object]] = {
        "decrypt": lambda: provider.unwrap(WrappedKey("a-key", b"wrapped"), new_document()),
        "encrypt": lambda: provider.wrap(DATA_KEY, new_document()),
        "describe_key": lambda: provider.current_key_id,
        "generate_mac": lambda: provider.fingerprint_key(ClientId("a")),
    }
    with Stubber(client) as stubber:
        stubber.add_client_error(operation, code)
        with pytest.raises(expected):
            calls[operation]()


def test_a_kms_that_is_not_there_is_unavailable() -> None:
    endpoint = KmsEndpoint(REGION, "http://127.0.0.1:9", "key", "secret", connect_timeout=1, attempts=1)
    provider = AwsKmsKeyProvider(endpoint.client(), "alias/wrapping", "alias/mac")
    with pytest.raises(KeyUnavailable, match="does not answer"):
        provider.check()
    provider.close()


def test_kms_is_asked_for_a_fingerprint_key_and_the_current_key_once() -> None:
    client = kms_client()
    provider = AwsKmsKeyProvider(client, "alias/wrapping", "alias/mac", Clock())
    with Stubber(client) as stubber:
        stubber.add_response("generate_mac", {"Mac": DATA_KEY})
        stubber.add_response("describe_key", {"KeyMetadata": {"KeyId": "a", "Arn": "arn:a-key-of-twenty-or-more"}})
        for _ in range(3):
            assert provider.fingerprint_key(ClientId("a")) == DATA_KEY
            assert provider.current_key_id == "arn:a-key-of-twenty-or-more"


def test_the_secret_is_in_no_representation() -> None:
    assert "hush" not in repr(KmsEndpoint(secret_key="hush"))
