"""`ocr-pipeline migrate`, as a deployment runs it first: on an empty database, with nothing else there yet."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import URL
from typer.testing import CliRunner

from ocr_pipeline.adapters.postgres.engine import create_pool
from ocr_pipeline.adapters.postgres.records import PostgresRecords
from ocr_pipeline.cli.main import build


def test_an_empty_database_is_brought_to_the_schema_and_again_is_no_harm(
    empty_database: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OCR_PIPELINE_DATABASE__URL", empty_database.render_as_string(hide_password=False))
    monkeypatch.setenv("OCR_PIPELINE_BROKER__URL", "amqp://nobody:nothing@127.0.0.1:1//")

    for _ in range(2):
        done = CliRunner().invoke(build(), ["migrate"])
        assert done.exit_code == 0, done.output

    records = PostgresRecords(create_pool(empty_database))
    try:
        records.check()
    finally:
        records.close()
