"""`ocr-pipeline bulk` as a user has it, with no broker: a real process does the work, dies, and goes on."""

from __future__ import annotations

import csv
import signal
import subprocess
import time
from pathlib import Path

import psycopg
import pymupdf
import pytest

from ocr_pipeline.adapters.postgres.embedded import EmbeddedPostgres
from tests.e2e.cli_harness import Cli, line_page
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.timeout(1800)

SCANS = 12


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path / "data", OCR_PIPELINE_BULK__PRICE_PER_GPU_HOUR="2.5")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "Kim Minjun"
    folder.mkdir()
    for number in range(SCANS):
        (folder / f"scan-{number}.png").write_bytes(line_page(f"Ward {number}", "Amoxicillin 500mg"))
    (folder / "notes.html").write_text("<html>not a scan</html>")
    return folder


def until_some_are_done(cli: Cli, running: subprocess.Popen[str]) -> None:
    """Ask the run's own database: in the time that a command takes to answer, a quick run may end."""
    objects = cli.data / "objects" / "documents"
    until(lambda: running.poll() is not None or any(objects.glob("*/pages/*")), "the first page", every=0.02)
    with EmbeddedPostgres(cli.data / "postgres") as joined:
        address = joined.url.set(drivername="postgresql")
    with psycopg.connect(address.render_as_string(hide_password=False), autocommit=True) as database:
        done = "SELECT FROM bulk_items WHERE state = 'done'"
        until(lambda: running.poll() is not None or database.execute(done).rowcount > 0, "a file done", every=0.02)
    assert running.poll() is None, "the run ended before it could be killed"


def chart(pages: int) -> bytes:
    document = pymupdf.open()
    for number in range(1, pages + 1):
        document.new_page(width=220, height=60).insert_text((20, 38), f"Sheet {number}", fontsize=20)
    return bytes(document.tobytes())


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_and_gives_out_every_text_once(cli: Cli, folder: Path, tmp_path: Path) -> None:
    made = cli.run("bulk", "create", folder, "--label", "Ward 7", "--any-time")
    assert (made["items"], made["window"]) == (SCANS + 1, None)
    one_by_one = Cli(cli.data, OCR_PIPELINE_WORKER__SLOTS="1")
    running = one_by_one.start("bulk", "start", made["run_id"])
    until_some_are_done(cli, running)
    running.send_signal(signal.SIGKILL)
    running.communicate()

    done = cli.run("bulk", "start", "last")
    assert done["state"] == "finished"
    assert {state: number for state, number in done["items"].items() if number} == {"done": SCANS, "refused": 1}
    assert sum(cli.run("status")["documents"].values()) == SCANS
    assert [run["state"] for run in cli.run("bulk", "list")] == ["finished"]

    out = tmp_path / "texts"
    assert cli.run("bulk", "export", "last", "--out", out, "--format", "text", "--format", "json")["written"] == SCANS
    assert all("500" in (out / f"scan-{number}.png.txt").read_text() for number in range(SCANS))
    assert len(list(out.glob("*.json"))) == SCANS

    report, listed = tmp_path / "report.html", tmp_path / "items.csv"
    told = cli.run("bulk", "report", "--out", report, "--csv", listed)
    assert told["codes"] == [{"state": "refused", "code": "unsupported_format", "items": 1}]
    assert told["cost"] > 0
    assert "Ward 7" in report.read_text()
    assert "name" not in next(csv.reader(listed.open(newline="")))
    for text in (report.read_text(), listed.read_text(), str(told)):
        assert "Kim" not in text
        assert "scan-" not in text
    assert "cannot become" in cli.fail("bulk", "pause", "last", code=4)
    assert "no such bulk run" in cli.fail("bulk", "status", "01890a5d-ac96-774b-bcce-b302099a8057", code=4)
    assert "not the id" in cli.fail("bulk", "status", "Kim", code=4)


@pytest.mark.slow
def test_a_long_chart_is_split_read_and_put_together_again(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "charts"
    folder.mkdir()
    (folder / "chart.pdf").write_bytes(chart(22))
    manifest = tmp_path / "charts" / "list.jsonl"
    manifest.write_text('{"path": "chart.pdf", "type": "chart", "reference": "=R-1"}\n{"path": "gone.pdf"}\n{"x": 1}\n')
    made = cli.run("bulk", "create", "--manifest", manifest, "--any-time")
    assert (made["items"], made["refused"], made["duplicates"]) == (3, 1, 0)
    assert sum(made["bad_lines"].values()) == 1
    done = cli.run("bulk", "start", "last")
    assert {state: number for state, number in done["items"].items() if number} == {
        "done": 1,
        "missing": 1,
        "refused": 1,
    }
    assert sum(done["pages"].values()) == 22
    listed = tmp_path / "items.csv"
    cli.run("bulk", "report", "last", "--csv", listed, "--with-names")
    rows = list(csv.DictReader(listed.open(newline="")))
    assert [(row["name"], row["reference"], row["line"], row["code"]) for row in rows] == [
        ("chart.pdf", "'=R-1", "1", ""),
        ("gone.pdf", "", "2", "input_missing"),
        ("", "", "3", "no_path"),
    ]
    documents = rows[0]["documents"].split()
    assert len(documents) == 2
    cli.run("bulk", "export", "last", "--out", tmp_path / "texts")
    pages = (tmp_path / "texts" / "chart.pdf.txt").read_text().split("\f")
    assert [f"{number}" in page for number, page in enumerate(pages, start=1)].count(True) >= 20
    assert len(pages) == 22

    cli.run("keys", "rotate")
    cli.run("erase", documents[0], "--yes")
    cli.run("bulk", "report", "last", "--csv", listed, "--with-names")
    assert "chart.pdf" not in listed.read_text()
    assert cli.run("audit", "verify")["broken"] == []


def test_a_run_waits_for_its_window_and_is_paused_and_cancelled(cli: Cli, folder: Path) -> None:
    for never in ("2020-01-01T08:00", "9999-12-31T23:59"):
        assert "--deadline" in cli.fail("bulk", "create", folder, "--deadline", never, code=2)
    hour = time.gmtime().tm_hour
    shut = f"{(hour + 10) % 24:02}:00-{(hour + 12) % 24:02}:00"
    made = cli.run("bulk", "create", folder, "--window", shut, "--time-zone", "UTC")
    assert made["window"] == f"{shut} UTC"
    running = cli.start("bulk", "start", "last")
    until(lambda: running.poll() is not None or cli.run("bulk", "status")["state"] == "running", "a run", every=1)
    status = cli.run("bulk", "status")
    assert (status["window_seconds_left"], status["items"]["waiting"]) == (0, SCANS + 1)
    assert cli.run("bulk", "pause", "last")["state"] == "paused"
    out, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0, err[-1000:]
    assert "paused" in out
    assert "waiting for the window" in err
    cancelled = cli.run("bulk", "cancel", "last", "--yes")
    assert (cancelled["state"], cancelled["items"]["waiting"]) == ("cancelled", SCANS + 1)
    assert "cannot become" in cli.fail("bulk", "resume", "last", code=4)


def test_what_makes_no_run_is_told(cli: Cli, folder: Path, tmp_path: Path) -> None:
    assert "name a folder" in cli.fail("bulk", "create", code=2)
    assert "no such folder" in cli.fail("bulk", "create", tmp_path / "nowhere", code=4)
    assert "no such manifest" in cli.fail("bulk", "create", "--manifest", tmp_path / "nowhere.csv", code=4)
    assert "22:00-06:00" in cli.fail("bulk", "create", folder, "--window", "late", code=2)
    assert "time zone" in cli.fail("bulk", "create", folder, "--time-zone", "Mars/Olympus", code=2)
    (tmp_path / "empty").mkdir()
    assert "no files" in cli.fail("bulk", "create", tmp_path / "empty", code=4)
    assert "choose one of" in cli.fail("bulk", "create", folder, "--type", "novel", code=2)
