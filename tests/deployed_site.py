"""A pipeline on services as an operator has it, whose commands and scripts are run from a shell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import URL

from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from tests.e2e.cli_harness import line_page
from tests.worker_harness import ROOT

SCRIPTS = ROOT / "deploy" / "backup"
LINES = ("Amoxicillin 500 mg capsules", "three times daily after meals", "continue treatment for seven days")
"""On a small page: quickly read."""


@dataclass
class Site:
    """A pipeline whose records and objects lie on services; commands run as an operator would run them."""

    folder: Path
    environment: dict[str, str]
    bucket: str
    client: Any

    def run(self, *command: str | Path, code: int = 0) -> str:
        done = subprocess.run(
            [str(each) for each in command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr if code else done.stdout

    def pipeline(self, *arguments: str | Path) -> str:
        return self.run("ocr-pipeline", *arguments)

    def backup(self, *arguments: str | Path, code: int = 0) -> str:
        return self.run(SCRIPTS / "backup.sh", *arguments, code=code)

    def restore(self, folder: Path, code: int = 0) -> str:
        return self.run(SCRIPTS / "restore.sh", folder, code=code)

    def objects(self) -> dict[str, bytes]:
        listed = self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {
            each["Key"]: self.client.get_object(Bucket=self.bucket, Key=each["Key"])["Body"].read() for each in listed
        }

    def audit(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.pipeline("audit", "verify", "--json"))
        return told

    @property
    def keys(self) -> Path:
        return self.folder / "data" / "keys.json"


def site_at(folder: Path, database: URL, server: S3Endpoint) -> Site:
    """A site with an empty bucket, told of its secrets by files."""
    secrets = folder / "secrets"
    secrets.mkdir(parents=True)
    (folder / "data").mkdir()
    for name, value in {
        "database__url": database.render_as_string(hide_password=False),
        "storage__access_key": server.access_key,
        "storage__secret_key": server.secret_key,
    }.items():
        (secrets / name).write_text(str(value))
    bucket = f"backup-{uuid4().hex}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OCR_PIPELINE")}
    environment = kept | {
        "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}",
        "PYTHON": sys.executable,
        "OCR_PIPELINE_SECRETS_DIR": str(secrets),
        "OCR_PIPELINE_DATA_DIR": str(folder / "data"),
        "OCR_PIPELINE_STORAGE__KIND": "s3",
        "OCR_PIPELINE_STORAGE__BUCKET": bucket,
        "OCR_PIPELINE_STORAGE__CREATE_BUCKET": "true",
        "OCR_PIPELINE_STORAGE__ENDPOINT_URL": str(server.endpoint_url),
    }
    return Site(folder, environment, bucket, server.client())


def read_scans(site: Site, folder: Path, *names: str) -> list[str]:
    """Small pages go through the pipeline, each with a text of its own; their documents, in order."""
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(line_page(f"Ward of {name}", *LINES))
    texts = folder / "texts"
    site.pipeline("run", *(folder / name for name in names), "--out", texts)
    return [json.loads((texts / f"{name}.json").read_text())["document_id"] for name in names]
