"""What was erased after a backup stays erased when that backup is put back: with the scripts that operators use."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from tests.deployed_site import Site, read_scans, site_at
from tests.postgres_databases import TestServer
from tests.worker_harness import ROOT

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture
def site(
    tmp_path: Path, postgres_server: TestServer, migrated_template: str, object_server: S3Endpoint
) -> Iterator[Site]:
    """A pipeline on services."""
    database = postgres_server.create(migrated_template)
    site = site_at(tmp_path / "site", database, object_server)
    yield site
    site.client.close()
    postgres_server.drop(database)


def told(site: Site, *arguments: str) -> Any:
    return json.loads(site.pipeline(*arguments, "--json"))


def state_of(site: Site, document_id: str) -> str:
    listed = told(site, "status")["listed"]
    return str(next(each["state"] for each in listed if each["document_id"] == document_id))


@pytest.mark.parametrize("lost", ["the database alone", "the bucket too"])
def test_a_restored_backup_revives_nothing_that_was_erased_since(
    site: Site, lost: str, tmp_path: Path, postgres_server: TestServer, object_server: S3Endpoint
) -> None:
    kept, erased = read_scans(site, tmp_path / "scans", "kept.png", "erased.png")
    text = site.pipeline("show", kept)
    backup, notes = tmp_path / "backup", tmp_path / "notes"
    site.backup("data", backup)
    site.pipeline("erase", erased, "--yes")
    site.backup("erasures", notes)
    assert [file.name for file in (notes / "erasures").iterdir()] == [erased]
    assert erased in "".join(str(file) for file in backup.rglob("*"))

    database = postgres_server.create()
    again = site_at(tmp_path / "again", database, object_server)
    try:
        shutil.copy(site.keys, again.keys)
        if lost == "the database alone":
            again.environment["OCR_PIPELINE_STORAGE__BUCKET"] = site.bucket
            said = again.restore(backup)
        else:
            said = again.run(ROOT / "deploy" / "backup" / "restore.sh", backup, notes)
        assert "erased again: 1 documents" in said
        assert state_of(again, erased) == "erased"
        assert "was erased" in again.run("ocr-pipeline", "show", erased, code=1)
        bucket = again.environment["OCR_PIPELINE_STORAGE__BUCKET"]
        listed = again.client.list_objects_v2(Bucket=bucket)["Contents"]
        assert [each["Key"] for each in listed if erased in each["Key"]] == [f"erasures/{erased}"]
        assert again.pipeline("show", kept) == text
        assert told(again, "erasures", "apply") == {"erased_again": 0, "refused": []}
        assert told(again, "audit", "verify")["broken"] == []
    finally:
        again.client.close()
        postgres_server.drop(database)


def test_a_copy_of_the_notes_never_forgets_one(site: Site, tmp_path: Path) -> None:
    (document,) = read_scans(site, tmp_path / "scans", "erased.png")
    site.pipeline("erase", document, "--yes")
    notes = tmp_path / "notes"
    site.backup("erasures", notes)
    (key,) = (each["Key"] for each in site.client.list_objects_v2(Bucket=site.bucket)["Contents"])
    site.client.delete_object(Bucket=site.bucket, Key=key)
    site.backup("erasures", notes)
    assert [file.name for file in (notes / "erasures").iterdir()] == [document]
    assert told(site, "erasures", "complete") == {"written": 1}
    assert "keep the keys apart" in site.backup("keys", notes, code=1)
