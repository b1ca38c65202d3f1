"""`ocr-pipeline run s3://...`: files are read from a bucket, kept encrypted and written out as text."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from tests.e2e.cli_harness import Cli, line_page


def test_files_below_a_prefix_become_texts(object_server: S3Endpoint, tmp_path: Path) -> None:
    client = object_server.client()
    bucket = f"scans-in-{uuid4().hex}"
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key="2026/ward 1/a.png", Body=line_page("Ward Alder"))
    client.put_object(Bucket=bucket, Key="2026/b.png", Body=line_page("Ward Birch"))
    client.put_object(Bucket=bucket, Key="2025/c.png", Body=line_page("Ward Cedar"))
    cli = Cli(
        tmp_path / "data",
        OCR_PIPELINE_STORAGE__ENDPOINT_URL=str(object_server.endpoint_url),
        OCR_PIPELINE_STORAGE__ACCESS_KEY=str(object_server.access_key),
        OCR_PIPELINE_STORAGE__SECRET_KEY=str(object_server.secret_key),
    )
    summary = cli.run("run", f"s3://{bucket}/2026/", "--out", tmp_path / "texts")
    assert sum(summary["documents"].values()) == 2
    assert "Alder" in (tmp_path / "texts" / "ward 1" / "a.png.txt").read_text()
    assert "Birch" in (tmp_path / "texts" / "b.png.txt").read_text()
    assert "no file" in cli.fail("run", f"s3://{bucket}/2024/", "--out", tmp_path / "texts", code=4)
    client.close()
