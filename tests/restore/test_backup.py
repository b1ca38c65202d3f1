"""A backup is made, everything is destroyed, and the backup is put back: with the scripts that operators use."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from tests.deployed_site import Site, read_scans, site_at
from tests.postgres_databases import TestServer

KEPT = "scan of kim.png"
ERASED = "scan of lee.png"

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(3600)]


@dataclass(frozen=True)
class Lost:
    """A pipeline that is no more: what was known of it, and where its backup and its keys are."""

    document: str
    erased: str
    text: str
    trail: dict[str, Any]
    objects: dict[str, bytes]
    first_backup: dict[str, int]
    backup: Path
    safe: Path


def files_of(folder: Path) -> dict[str, int]:
    """The objects' files, and when each was written."""
    return {
        str(file.relative_to(folder)): file.stat().st_mtime_ns
        for file in (folder / "objects").rglob("*")
        if file.is_file()
    }


@pytest.fixture(scope="module")
def lost(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: TestServer,
    migrated_template: str,
    object_server: S3Endpoint,
) -> Lost:
    """Two documents are read and backed up; one is erased, the rest backed up again; then all of it is destroyed."""
    folder = tmp_path_factory.mktemp("lost")
    database = postgres_server.create(migrated_template)
    site = site_at(folder / "site", database, object_server)
    backup, safe = folder / "backup", folder / "safe"

    document, erased = read_scans(site, folder / "scans", KEPT, ERASED)
    text = site.pipeline("show", document)
    site.backup("data", backup)
    first_backup = files_of(backup)
    site.pipeline("erase", erased, "--yes")
    site.backup("data", backup)
    site.backup("keys", safe)
    lost = Lost(document, erased, text, site.audit(), site.objects(), first_backup, backup, safe / "keys.json")

    postgres_server.drop(database)
    for key in lost.objects:
        site.client.delete_object(Bucket=site.bucket, Key=key)
    shutil.rmtree(site.folder)
    return lost


@contextmanager
def new_place(folder: Path, lost: Lost, postgres: TestServer, objects: S3Endpoint) -> Iterator[Site]:
    """An empty database, no bucket yet, and the keys out of their safe."""
    database = postgres.create()
    site = site_at(folder, database, objects)
    shutil.copy(lost.safe, site.keys)
    yield site
    site.client.close()
    postgres.drop(database)


@pytest.fixture
def site(tmp_path: Path, lost: Lost, postgres_server: TestServer, object_server: S3Endpoint) -> Iterator[Site]:
    """A new place for it."""
    with new_place(tmp_path / "site", lost, postgres_server, object_server) as site:
        yield site


@pytest.fixture(scope="module")
def restored(
    tmp_path_factory: pytest.TempPathFactory, lost: Lost, postgres_server: TestServer, object_server: S3Endpoint
) -> Iterator[Site]:
    """What came of the backup."""
    with new_place(tmp_path_factory.mktemp("restored") / "site", lost, postgres_server, object_server) as site:
        assert "as it was at" in site.restore(lost.backup)
        yield site


def test_what_was_backed_up_is_there_again_can_be_read_and_proves_itself(restored: Site, lost: Lost) -> None:
    site = restored
    assert site.objects() == lost.objects != {}
    assert site.audit() == lost.trail
    assert lost.trail["broken"] == []
    assert lost.trail["documents"] == 2
    assert site.pipeline("show", lost.document) == lost.text
    assert len(lost.text) > 100


def test_what_was_erased_before_the_backup_stays_erased(restored: Site, lost: Lost) -> None:
    assert "was erased" in restored.run("ocr-pipeline", "show", lost.erased, code=1)


def test_without_the_keys_nothing_of_it_can_be_read(site: Site, lost: Lost) -> None:
    site.keys.unlink()
    site.pipeline("keys", "create")
    site.restore(lost.backup)
    assert lost.text not in site.run("ocr-pipeline", "show", lost.document, code=1)


def test_the_backup_holds_neither_keys_nor_text_nor_names(lost: Lost, site: Site) -> None:
    files = [file for file in lost.backup.rglob("*") if file.is_file()]
    everything = b"".join(file.read_bytes() for file in files)
    keys = json.loads(lost.safe.read_text())
    words = [word for word in lost.text.split() if len(word) > 7 and word.isalpha()]
    assert words
    for secret in (*keys["keys"].values(), keys["fingerprint_secret"], KEPT, *words):
        assert secret.encode() not in everything
    assert not [file for file in files if file.stat().st_mode & 0o077]
    assert "keep the keys apart" in site.backup("keys", lost.backup, code=1)


def test_a_backup_again_copied_what_was_new_and_forgot_what_was_erased(lost: Lost) -> None:
    now = files_of(lost.backup)
    assert [name for name in lost.first_backup if lost.erased in name]
    assert now == {name: written for name, written in lost.first_backup.items() if lost.erased not in name}
    assert lost.erased not in (lost.backup / "objects.jsonl").read_text()


@pytest.mark.parametrize("damage", ["an object changed", "an object gone", "the dump changed", "never finished"])
def test_a_damaged_backup_is_not_put_back(site: Site, lost: Lost, tmp_path: Path, damage: str) -> None:
    backup = tmp_path / "backup"
    shutil.copytree(lost.backup, backup)
    victim = backup / min(files_of(backup))
    match damage:
        case "an object changed":
            victim.write_bytes(victim.read_bytes()[:-1] + b"?")
        case "an object gone":
            victim.unlink()
        case "the dump changed":
            (backup / "database.dump").write_bytes((backup / "database.dump").read_bytes()[:-1] + b"?")
        case _:
            (backup / "finished").unlink()
    site.restore(backup, code=1)
    assert site.bucket not in [each["Name"] for each in site.client.list_buckets()["Buckets"]]


def test_nothing_is_restored_over_what_is_there(restored: Site, lost: Lost) -> None:
    assert "not empty" in restored.restore(lost.backup, code=1)
    assert restored.pipeline("show", lost.document) == lost.text
