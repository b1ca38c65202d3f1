"""`ocr-pipeline run` as a user has it: a real process, the embedded defaults, the real recogniser."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.cli_harness import Cli, line_page
from tests.waiting import until

pytestmark = pytest.mark.timeout(1800)

NAMES = ["Alder 101", "Birch 202", "Cedar 303", "Damson 404", "Elder 505", "Fir 606", "Gorse 707", "Hazel 808"]
MOST_MEMORY = 1.5e9


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path / "data")


def one_by_one(cli: Cli) -> Cli:
    """Reads a page at a time, so that much is left to do when the first is done."""
    return Cli(cli.data, OCR_PIPELINE_WORKER__SLOTS="1")


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        (folder / f"scan-{number}.png").write_bytes(line_page(f"Ward {name}", "Amoxicillin 500mg"))
    return folder


def test_scans_become_texts_once(cli: Cli, scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "texts"
    (scans / "notes.html").write_text("<html>not a scan</html>")
    first = cli.run("run", scans, "--out", out, code=5)
    assert first["refused"][0]["reason"] == "unsupported_format"
    assert sum(first["documents"].values()) == len(NAMES)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < MOST_MEMORY
    for number, name in enumerate(NAMES):
        assert name.split()[0] in (out / f"scan-{number}.png.txt").read_text()
        assert (out / f"scan-{number}.png.md").is_file()
        assert '"read"' in (out / f"scan-{number}.png.json").read_text()
    events = cli.run("audit", "verify")["events"]
    written = (out / "scan-0.png.txt").stat().st_mtime_ns

    second = cli.run("run", scans, "--out", out, code=5)
    assert second["known_already"] == len(NAMES)
    assert second["pages"] == first["pages"]
    assert (out / "scan-0.png.txt").stat().st_mtime_ns == written
    again = cli.run("audit", "verify")
    # A second run reads every document and does nothing else.
    assert again["events"] == events + len(NAMES)
    assert again["broken"] == []


def test_a_killed_run_goes_on_where_it_was(cli: Cli, scans: Path, tmp_path: Path) -> None:
    out = tmp_path / "texts"
    running = one_by_one(cli).start("run", scans, "--out", out)
    until(lambda: running.poll() is not None or any(out.glob("*.txt")), "the first text", every=0.02)
    assert running.poll() is None, "the run ended before it could be killed"
    running.send_signal(signal.SIGKILL)
    running.communicate()
    done_before = len(list(out.glob("*.txt")))
    assert done_before < len(NAMES)

    summary = cli.run("run", scans, "--out", out)
    assert len(list(out.glob("*.txt"))) == len(NAMES)
    status = cli.run("status", "--limit", "100")
    assert sum(status["documents"].values()) == len(NAMES)
    assert {state for state, number in status["pages"].items() if number} <= {"accepted", "in_review"}
    assert sum(status["pages"].values()) == len(NAMES)
    assert sum(summary["pages"].values()) == len(NAMES)
    assert cli.run("audit", "verify")["broken"] == []


def test_two_runs_at_once_share_the_work(cli: Cli, scans: Path, tmp_path: Path) -> None:
    commands = [cli.start("run", scans, "--out", tmp_path / f"texts-{number}") for number in range(2)]
    for command in commands:
        _out, err = command.communicate(timeout=600)
        assert command.returncode == 0, err[-2000:]
    for number in range(2):
        assert len(list((tmp_path / f"texts-{number}").glob("*.txt"))) == len(NAMES)
    assert sum(cli.run("status")["documents"].values()) == len(NAMES)
    assert cli.run("audit", "verify")["broken"] == []


def test_a_reviewer_decides_and_the_document_is_completed(cli: Cli, tmp_path: Path) -> None:
    scan = tmp_path / "scan.png"
    scan.write_bytes(line_page("Ward Alder", "Amoxicillin 500mg"))
    strict = Cli(cli.data, OCR_PIPELINE_MIN_CONFIDENCE_THRESHOLD="1.0")
    strict.run("run", scan, "--out", tmp_path / "texts")
    item = strict.run("review", "list")[0]["item_id"]
    assert "claim the review item first" in strict.fail("review", "accept", item, code=4)
    strict.run("review", "claim", item)
    image = tmp_path / "page.png"
    assert strict.run("review", "show", item, "--image", image)["read"]["blocks"]
    assert image.read_bytes().startswith(b"\x89PNG")
    text = tmp_path / "right.txt"
    text.write_text("Ward Elder\nAmoxicillin 500mg\n")
    assert strict.run("review", "correct", item, "--file", text)["cer"] > 0
    assert strict.run("review", "list") == []
    document = strict.run("status")["listed"][0]
    assert document["state"] == "completed"
    assert strict.run("show", document["document_id"])["pages"][0]["text"].endswith("500mg\n")

    (before,) = strict.run("keys", "list")["in_use"]
    rotated = strict.run("keys", "rotate")
    assert (rotated["rewrapped"], rotated["left"]) == (1, 0)
    assert strict.run("keys", "list")["in_use"] == [{**before, "key_id": rotated["key_id"]}]
    assert "current key" in strict.fail("keys", "destroy", rotated["key_id"], "--yes", code=4)
    strict.run("keys", "destroy", before["key_id"], "--yes")
    assert strict.run("show", document["document_id"])["pages"][0]["state"] == "corrected"
    strict.run("erase", document["document_id"], "--yes")
    assert "erased" in strict.fail("show", document["document_id"], code=1)
    assert strict.run("audit", "verify")["broken"] == []


def test_nothing_readable_is_left_at_rest(cli: Cli, tmp_path: Path) -> None:
    canary = "Zebulonska"
    scan = tmp_path / f"{canary}.png"
    scan.write_bytes(line_page(f"Patient {canary}", "880101-2345678"))
    running = cli.start("--log-level", "debug", "run", scan, "--out", tmp_path / "texts")
    _out, log = running.communicate(timeout=600)
    assert running.returncode == 0, log[-2000:]
    assert canary in (tmp_path / "texts" / f"{canary}.png.txt").read_text()
    held = [path for path in cli.data.rglob("*") if path.is_file()]
    assert any("objects" in path.parts for path in held)
    assert any("postgres" in path.parts for path in held)
    for path in held:
        content = path.read_bytes()
        for planted in (canary, "880101-2345678", "2345678"):
            assert planted.encode() not in content, path
            assert planted not in str(path)
    assert canary not in log


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("run", "/nowhere/at/all"), 4, "there is no file or folder"),
        (("status", "not-an-id"), 4, "that is not the id of a document"),
        (("status", "01890a5d-ac96-774b-bcce-b302099a8057"), 4, "not_found"),
    ],
)
def test_a_mistake_gives_one_clear_line(cli: Cli, arguments: tuple[str, ...], code: int, said: str) -> None:
    line = cli.fail(*arguments, code=code)
    assert said in line
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize("arguments", [(), ("run",), ("status", "--nonsense"), ("show", "x", "--format", "nonsense")])
def test_wrong_usage_shows_help_and_no_traceback(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert "Usage" in cli.fail(*arguments, code=2) or not arguments


def test_an_interrupted_run_says_how_to_go_on(cli: Cli, scans: Path, tmp_path: Path) -> None:
    running = one_by_one(cli).start("run", scans, "--out", tmp_path / "texts")
    objects = cli.data / "objects" / "documents"
    until(lambda: running.poll() is not None or any(objects.glob("*/pages/*")), "the first page", every=0.02)
    assert running.poll() is None, "the run ended before it could be interrupted"
    running.send_signal(signal.SIGINT)
    _out, err = running.communicate(timeout=600)
    assert running.returncode == 130
    assert "run the same command again" in err
    assert "Traceback" not in err
    assert cli.run("audit", "verify")["broken"] == []


def test_an_empty_folder_says_so(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no files" in cli.fail("run", tmp_path / "empty", code=4)


def test_a_lost_database_gives_one_clear_line(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "data", OCR_PIPELINE_DATABASE__URL="postgresql://nobody:x@127.0.0.1:9/none")
    line = cli.fail("status", code=6)
    assert "database_unavailable" in line
    assert len(line.splitlines()) == 1


def test_a_wrong_setting_is_named_and_its_value_is_not(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "data", OCR_PIPELINE_WORKER__SLOTS="hunter2")
    line = cli.fail("status", code=3)
    assert "worker.slots" in line
    assert "hunter2" not in line


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_gives_one_clear_line_and_nothing_half_kept(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this machine allows no mounts")
    try:
        cli = Cli(tmp_path / "data", OCR_PIPELINE_STORAGE__PATH=str(disk / "objects"))
        (disk / "filler").write_bytes(bytes(3 * 1024 * 1024 + 900 * 1024))
        scan = tmp_path / "scan.png"
        scan.write_bytes(line_page("Ward Alder") + os.urandom(300_000))
        line = cli.fail("run", scan, "--out", tmp_path / "texts", code=6)
        assert "store_full" in line
        assert not list((disk / "objects").rglob("original"))
        (disk / "filler").unlink()
        cli.run("run", scan, "--out", tmp_path / "texts")
        assert cli.run("audit", "verify")["documents"] == 1
    finally:
        subprocess.run(["umount", disk], check=True)
