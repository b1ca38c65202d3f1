"""The walk over HTTP in the README works as it is written, in one process and on real services."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocr_pipeline.adapters.queues.topology import RECOGNITION_LANES
from tests.worker_harness import crew
from tools.ports import free_port

ROOT = Path(__file__).parents[2]
PATIENT = {"OCR_PIPELINE_REQUEST_TIMEOUT_SECONDS": "600"}
"""A page that takes long on a busy machine is no fault of the walk."""


def walk() -> str:
    section = re.search(r"## Over HTTP\n\n```sh\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert section is not None
    return section[1]


@pytest.fixture(params=["embedded", pytest.param("distributed", marks=pytest.mark.services)])
def surroundings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The settings that the walk finds: none, or those of services whose workers run apart."""
    if request.param == "embedded":
        yield {}
        return
    common, database, url = (request.getfixturevalue(name) for name in ("common", "database", "broker_url"))
    with crew(tmp_path, url, application="workers.app", environment={**common, **PATIENT}) as workers:
        workers.start_stages(database)
        workers.start("recognition", RECOGNITION_LANES, "-P", "threads", ready=False)
        yield {**common, **database, "OCR_PIPELINE_BROKER__URL": url}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_walk_works_as_written(tmp_path: Path, surroundings: dict[str, str]) -> None:
    for name in ("docs", "samples"):
        (tmp_path / name).symlink_to(ROOT / name)
    script = walk().replace("8080", str(free_port())).replace("$api DELETE", '$api GET "$place/audit"; $api DELETE')
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-eu", "-c", f"trap 'kill %1; wait %1 || true' EXIT\n{script}\n$api GET $place"],
        cwd=tmp_path,
        env={**os.environ, "PATH": programs, "NO_PROXY": "*", **PATIENT, **surroundings},
        capture_output=True,
        text=True,
        timeout=1000,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "event: settled" in done.stdout
    assert "처방" in done.stdout
    assert '"kind":"document_read"' in done.stdout
    assert '"state":"erased"' in done.stdout
