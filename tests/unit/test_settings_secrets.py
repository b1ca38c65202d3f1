"""Secrets from files, one a setting, as Docker and Kubernetes mount them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.settings import SECRETS_VARIABLE, Settings, load

DATABASE = "postgresql+psycopg://ocr:from-a-file@postgres/ocr"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of secrets that the settings are told of, and no other settings."""
    for name in os.environ:
        if name.startswith("OCR_PIPELINE_"):
            monkeypatch.delenv(name)
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    monkeypatch.setenv(SECRETS_VARIABLE, str(secrets))
    monkeypatch.chdir(tmp_path)
    return secrets


def database_of(settings: Settings) -> str | None:
    return None if settings.database.url is None else settings.database.url.get_secret_value()


def test_a_file_is_a_setting_and_its_last_newline_no_part_of_it(folder: Path) -> None:
    (folder / "database__url").write_text(DATABASE + "\n")
    (folder / "storage__access_key").write_text("pipeline")

    settings = load()

    assert database_of(settings) == DATABASE
    assert settings.storage.access_key is not None
    assert settings.storage.access_key.get_secret_value() == "pipeline"


def test_the_links_of_a_kubernetes_secret_are_followed(folder: Path) -> None:
    (folder / "..2026_11_23").mkdir()
    (folder / "..2026_11_23" / "database__url").write_text(DATABASE)
    (folder / "..data").symlink_to("..2026_11_23")
    (folder / "database__url").symlink_to("..data/database__url")

    assert database_of(load()) == DATABASE


def test_environment_wins_over_a_file_and_a_file_over_toml(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("ocr-pipeline.toml").write_text('[database]\nurl = "from-toml"\npool_size = 3\n[broker]\nurl = "from-toml"\n')
    (folder / "database__url").write_text("from-a-file")
    (folder / "broker__url").write_text("from-a-file")
    monkeypatch.setenv("OCR_PIPELINE_BROKER__URL", "from-the-environment")

    settings = load()

    assert database_of(settings) == "from-a-file"
    assert settings.database.pool_size == 3
    assert settings.broker.url is not None
    assert settings.broker.url.get_secret_value() == "from-the-environment"


def test_files_that_are_no_settings_are_left_alone(folder: Path) -> None:
    (folder / "tls.crt").write_text("a certificate")

    assert load().database.url is None


def test_a_folder_that_is_not_there_is_told(folder: Path) -> None:
    folder.rmdir()

    with pytest.raises(ConfigurationError, match=SECRETS_VARIABLE):
        load()


def test_a_wrong_secret_is_named_and_not_shown(folder: Path) -> None:
    (folder / "database__pool_size").write_text("hunter2")

    with pytest.raises(ConfigurationError, match=r"database\.pool_size") as raised:
        load()

    assert "hunter2" not in str(raised.value)
