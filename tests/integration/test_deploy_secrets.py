"""The secrets that make-secrets.sh makes: whole, kept, closed, and taken by the services they are for."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import make_url

from ocr_pipeline.settings import load
from tests.worker_harness import ROOT

SCRIPT = ROOT / "deploy" / "docker" / "make-secrets.sh"

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


def make(folder: Path) -> dict[str, bytes]:
    subprocess.run([SCRIPT, folder], check=True, capture_output=True, timeout=60)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "secrets"
    make(folder)
    return folder


def test_they_are_made_once_and_closed_by_their_folder(folder: Path) -> None:
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert make(folder) == before
    assert all(before.values())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not [name for name in before if name.endswith(".part")]


def test_each_site_has_its_own(folder: Path, tmp_path: Path) -> None:
    other = make(tmp_path / "other")
    same = {name for name, value in other.items() if (folder / name).read_bytes() == value}
    assert same == {"storage__access_key"}


def test_they_are_settings_that_fit_together(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OCR_PIPELINE_SECRETS_DIR", str(folder))
    settings = load()
    assert settings.database.url is not None
    url = make_url(settings.database.url.get_secret_value())
    assert (url.host, url.password) == ("postgres", (folder / "postgres_password").read_text())
    assert settings.storage.secret_key is not None
    identity = json.loads((folder / "seaweedfs_s3.json").read_text())["identities"][0]["credentials"][0]
    assert identity["secretKey"] == settings.storage.secret_key.get_secret_value()
    assert settings.gateway.valkey_url is not None
    assert (folder / "valkey_password").read_text() in settings.gateway.valkey_url.get_secret_value()
    assert settings.observability.management_url is not None
    assert settings.vllm.api_key is not None


def test_the_operators_door_asks_for_their_password(folder: Path) -> None:
    lines = (folder / "haproxy-operators.cfg").read_text().splitlines()
    stored = next(line.split()[-1] for line in lines if "user operator password" in line)
    salt = stored.split("$")[2]
    password = (folder / "operators_password").read_text()
    again = subprocess.run(
        ["openssl", "passwd", "-6", "-salt", salt, "-stdin"], input=password, capture_output=True, text=True, check=True
    )
    assert again.stdout.strip() == stored


def test_the_brokers_hashes_are_of_the_passwords(folder: Path) -> None:
    users = json.loads((folder / "rabbitmq_users.json").read_text())["users"]
    for user in users:
        name = user["name"]
        file = "management_password" if name == "watcher" else f"broker_password.{name}"
        hashed = base64.b64decode(user["password_hash"])
        assert hashed[4:] == hashlib.sha256(hashed[:4] + (folder / file).read_bytes()).digest()
    assert [user["name"] for user in users if user["tags"]] == ["watcher"]
    assert len({user["password_hash"] for user in users}) == len(users)
