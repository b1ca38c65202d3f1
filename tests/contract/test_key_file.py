"""What the key file promises beyond the port: closed to others, never lost, and told when it is damaged."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ocr_pipeline.adapters.keys.local_file import LocalFileKeyProvider
from ocr_pipeline.domain.errors import ConfigurationError, KeyMissing, KeyUnavailable
from ocr_pipeline.domain.ids import ClientId
from tests.key_providers import DATA_KEY, new_document


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
