"""Hostile and broken files through the whole pipeline: each ends refused with a code, or in honest page states."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ocr_pipeline.domain.documents import RefusalReason
from tests.e2e.cli_harness import Cli

DATA = Path(os.environ.get("OCR_TEST_DATA", "/nonexistent")) / "bad_inputs"
pytestmark = [
    pytest.mark.skipif(not DATA.is_dir(), reason="OCR_TEST_DATA names no folder with bad_inputs"),
    pytest.mark.slow,
]
HONEST = {"accepted", "in_review", "blank", "failed"}


@pytest.mark.timeout(2400)
def test_every_bad_input_ends_honestly(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "data")
    names = [json.loads(line)["file"] for line in (DATA / "manifest.jsonl").read_text().splitlines()]
    summary = cli.run("run", *(DATA / name for name in names), "--out", tmp_path / "texts", code=5, timeout=1800)
    refused = {each["file"]: each["reason"] for each in summary["refused"]}
    assert set(refused.values()) <= set(RefusalReason)
    assert len(refused) + sum(summary["documents"].values()) == len(names)
    assert set(summary["pages"]) <= HONEST
    listed = cli.run("status", "--limit", "200")["listed"]
    for document in listed:
        assert document["state"] in {"completed", "needs_review", "rejected"}
        if document["state"] == "rejected":
            assert document["reason"] in set(RefusalReason)
        else:
            assert document["pages"]
    reasons = {document["reason"] for document in listed}
    assert {"encrypted_pdf", "too_many_pages", "malformed", "no_pages"} <= reasons
    assert cli.run("audit", "verify")["broken"] == []
