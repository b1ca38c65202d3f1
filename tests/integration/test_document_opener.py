"""The life of a child: confined, bounded in time and memory, replaced when lost, gone when nobody needs it."""

import io
import random
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from PIL import Image

from ocr_pipeline.adapters.documents import protocol
from ocr_pipeline.adapters.documents.limits import OpenerLimits
from ocr_pipeline.adapters.documents.opener import ChildProcessOpener, Conversation, explain
from ocr_pipeline.adapters.documents.protocol import FrameHeader, Kind
from ocr_pipeline.adapters.documents.request import ChildExit, Request
from ocr_pipeline.adapters.documents.spawner import Child
from ocr_pipeline.domain.documents import MediaType, RefusalReason
from ocr_pipeline.domain.errors import PipelineError, Refused, Unavailable
from ocr_pipeline.ports.documents import OpenedDocument
from tests.waiting import until


@pytest.fixture(scope="module")
def opener() -> Iterator[ChildProcessOpener]:
    with ChildProcessOpener() as made:
        yield made


def tiff(frames: int, side: int = 1000) -> bytes:
    """Frames of noise: a page of them does not fit into a socket, so the child waits for its reader."""
    made = [Image.frombytes("L", (side, side), random.Random(n).randbytes(side * side)) for n in range(frames)]
    buffer = io.BytesIO()
    made[0].save(buffer, "TIFF", save_all=True, append_images=made[1:])
    return buffer.getvalue()


SMALL = tiff(1, side=64)


def endless_pdf() -> bytes:
    """Forms that draw the next one twenty times each, twelve deep, without a cross-reference table."""
    parts = [
        b"%PDF-1.4\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj",
        b"2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj",
        b"3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources 99 0 R >> endobj",
        b"99 0 obj << /XObject << /Fm 5 0 R >> >> endobj",
        b"4 0 obj << /Length 6 >> stream\n/Fm Do\nendstream endobj",
    ]
    depth = 12
    for level in range(depth):
        last = level == depth - 1
        content = b"0 0 1 1 re f" if last else b"/Fm Do " * 20
        resources = b"" if last else b"/Resources << /XObject << /Fm %d 0 R >> >>" % (6 + level)
        head = b"%d 0 obj << /Type /XObject /Subtype /Form /BBox [0 0 612 792] %s" % (5 + level, resources)
        parts.append(head + b" /Length %d >> stream\n%s\nendstream endobj" % (len(content), content))
    return b"\n".join([*parts, b"trailer << /Root 1 0 R >>"])


def nurseries() -> set[psutil.Process]:
    mine = psutil.Process().children()
    return {child for child in mine if any("documents.nursery" in word for word in child.cmdline())}


@dataclass(frozen=True)
class Work:
    """A document of four pages after its first: its opener, the nursery, and the child that waits to say more."""

    opener: ChildProcessOpener
    nursery: psutil.Process
    child: psutil.Process
    document: OpenedDocument


@contextmanager
def at_work(limits: OpenerLimits | None = None) -> Iterator[Work]:
    before = nurseries()
    with ChildProcessOpener(limits) as made, made.open(tiff(4), MediaType.TIFF) as document:
        next(document.pages)
        (nursery,) = nurseries() - before
        (child,) = nursery.children()
        yield Work(made, nursery, child, document)


def consume(opener: ChildProcessOpener, content: bytes, media_type: MediaType) -> int:
    with opener.open(content, media_type) as document:
        return len(list(document.pages))


def test_pages_come_one_at_a_time() -> None:
    with at_work() as work:
        assert work.document.page_count == 4
        assert work.child.is_running()
        assert [page.number for page in work.document.pages] == [2, 3, 4]


def test_leaving_early_ends_the_child() -> None:
    with ChildProcessOpener() as opener:
        before = nurseries()
        with opener.open(tiff(4), MediaType.TIFF) as document:
            next(document.pages)
            (nursery,) = nurseries() - before
            (child,) = nursery.children()
        assert not child.is_running()
        assert nursery.is_running()
    assert not nursery.is_running()


def test_a_child_is_confined() -> None:
    with at_work(OpenerLimits(memory_bytes=700 * 2**20, document_seconds=99)) as work:
        proc = Path(f"/proc/{work.child.pid}")
        limits = {line[:26].strip(): line[26:].split()[:2] for line in (proc / "limits").read_text().splitlines()}
        assert limits["Max address space"] == [str(700 * 2**20)] * 2
        assert limits["Max cpu time"] == ["100", "101"]
        for nothing in ("Max open files", "Max file size", "Max processes", "Max core file size"):
            assert limits[nothing] == ["0", "0"]
        status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines())
        assert status["NoNewPrivs"] == "1"
        if psutil.Process().uids().real == 0:
            assert set(work.child.uids()) == {65534}
            assert len(list((proc / "fd").iterdir())) == 5  # standard streams, what it says, what its libraries say


def test_a_nursery_holds_nothing_of_its_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_PIPELINE_SECRET", "hunter2")
    with at_work() as work:
        assert set(work.nursery.environ()) <= {"PYTHONPATH", "LC_ALL", "LC_CTYPE"}
        assert work.nursery.num_threads() == 1
        for stream in "012":
            assert Path(f"/proc/{work.nursery.pid}/fd/{stream}").readlink() == Path("/dev/null")


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with ChildProcessOpener() as opener, pytest.raises(Refused):
        consume(opener, b"%PDF-1.4 broken", MediaType.PDF)
    assert capfd.readouterr() == ("", "")


def test_a_child_killed_in_the_middle_is_no_fault_of_the_document() -> None:
    with at_work() as work:
        work.child.kill()
        with pytest.raises(PipelineError) as caught:
            list(work.document.pages)
        assert not isinstance(caught.value, Refused)
        assert work.nursery.children() == []
        assert consume(work.opener, SMALL, MediaType.TIFF) == 1
        assert work.nursery.is_running()


def test_a_lost_nursery_takes_its_children_along_and_is_replaced() -> None:
    with at_work() as work:
        work.nursery.kill()
        until(lambda: not work.child.is_running() or work.child.status() == psutil.STATUS_ZOMBIE, "the child to end")
        with pytest.raises(PipelineError) as caught:
            list(work.document.pages)
        assert not isinstance(caught.value, Refused)
        until(lambda: work.nursery.status() == psutil.STATUS_ZOMBIE, "the nursery to end")
        assert consume(work.opener, SMALL, MediaType.TIFF) == 1


def test_close_ends_a_document_that_is_still_open() -> None:
    with at_work() as work:
        work.opener.close()
        assert not work.nursery.is_running()
        until(lambda: not work.child.is_running() or work.child.status() == psutil.STATUS_ZOMBIE, "the child to end")
        with pytest.raises(PipelineError):
            list(work.document.pages)


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (OpenerLimits(page_seconds=2.5), "page_seconds=2.5"),
        (OpenerLimits(document_seconds=2.5), "document_seconds=2.5"),
    ],
)
def test_an_endless_document_is_stopped(limits: OpenerLimits, name: str) -> None:
    ended: list[ChildExit] = []
    with ChildProcessOpener(limits, ended.append) as opener:
        assert consume(opener, SMALL, MediaType.TIFF) == 1
        with pytest.raises(Refused) as caught:
            consume(opener, endless_pdf(), MediaType.PDF)
        assert (caught.value.reason, caught.value.limit) == (RefusalReason.TOO_SLOW, name)
        assert [one.code for one in ended] == [0, -signal.SIGKILL]
        assert consume(opener, SMALL, MediaType.TIFF) == 1


def test_a_hungry_document_is_stopped() -> None:
    ended: list[ChildExit] = []
    hungry = Image.new("RGB", (6000, 6000))
    buffer = io.BytesIO()
    hungry.save(buffer, "PNG", compress_level=1)
    limits = OpenerLimits(memory_bytes=300 * 2**20)
    with ChildProcessOpener(limits, ended.append) as opener:
        with pytest.raises(Refused) as caught:
            consume(opener, buffer.getvalue(), MediaType.PNG)
        assert (caught.value.reason, caught.value.limit) == (RefusalReason.OUT_OF_MEMORY, f"memory_bytes={300 * 2**20}")
        assert consume(opener, SMALL, MediaType.TIFF) == 1
    assert max(one.peak_bytes for one in ended) <= 300 * 2**20


def test_time_the_reader_takes_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = time.monotonic
    with at_work() as work:
        for number in (2, 3, 4):
            monkeypatch.setattr(time, "monotonic", lambda hours=number: clock() + hours * 3600)
            assert next(work.document.pages).number == number


def test_many_documents_at_once(opener: ChildProcessOpener) -> None:
    documents = [tiff(number % 4 + 1, side=100) for number in range(24)]
    with ThreadPoolExecutor(12) as pool:
        counts = list(pool.map(lambda content: consume(opener, content, MediaType.TIFF), documents))
    assert counts == [number % 4 + 1 for number in range(24)]
    assert not any(nursery.children() for nursery in nurseries())


def test_an_empty_file_is_refused(opener: ChildProcessOpener) -> None:
    with pytest.raises(Refused) as caught:
        consume(opener, b"", MediaType.PDF)
    assert caught.value.reason == RefusalReason.EMPTY_FILE


def test_no_nursery_means_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nonexistent/python")
    with ChildProcessOpener() as opener, pytest.raises(Unavailable):
        consume(opener, SMALL, MediaType.TIFF)
    monkeypatch.setattr("sys.executable", "/bin/false")
    with ChildProcessOpener() as opener, pytest.raises(Unavailable):
        consume(opener, SMALL, MediaType.TIFF)


@pytest.mark.parametrize(
    ("code", "peak", "reason"),
    [
        (-signal.SIGXCPU, 0, RefusalReason.TOO_SLOW),
        (-signal.SIGKILL, 900 * 2**20, RefusalReason.OUT_OF_MEMORY),
        (-signal.SIGSEGV, 900 * 2**20, RefusalReason.OUT_OF_MEMORY),
        (-signal.SIGSEGV, 90 * 2**20, RefusalReason.MALFORMED),
        (-signal.SIGABRT, 90 * 2**20, RefusalReason.MALFORMED),
        (1, 90 * 2**20, RefusalReason.MALFORMED),
        (-signal.SIGKILL, 90 * 2**20, None),
    ],
)
def test_what_a_death_means(code: int, peak: int, reason: RefusalReason | None) -> None:
    error = explain(ChildExit(code, peak), OpenerLimits())
    assert (error.reason if isinstance(error, Refused) else None) == reason


HOSTILE = {
    "silence": b"",
    "unknown kind": b"\x09" + b"\x00" * 12,
    "fields too long": FrameHeader(Kind.OPENED, fields=5000).encode(),
    "image too long": FrameHeader(Kind.PAGE, fields=2, image=2**31).encode(),
    "text too long": FrameHeader(Kind.PAGE, fields=2, text=2**31).encode(),
    "cut": FrameHeader(Kind.OPENED, fields=20).encode() + b"{",
    "too many pages": b"".join(protocol.encode_opened(21)),
    "no pages": b"".join(protocol.encode_opened(0)),
    "negative": b"".join(protocol.encode_opened(-1)),
    "end at once": b"".join(protocol.encode_end()),
    "a page too few": b"".join(protocol.encode_opened(1) + protocol.encode_end()),
    "an invented reason": b"".join(protocol.encode_refused("Hong Gildong has the flu", None)),
    "an invented limit": b"".join(protocol.encode_refused("malformed", "Hong Gildong")),
}


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
def test_a_child_that_breaks_the_protocol_is_not_believed(said: bytes) -> None:
    ours, theirs = socket.socketpair()
    status, nursery = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs, nursery, Child(ours, status) as child:
        theirs.sendall(said)
        theirs.shutdown(socket.SHUT_WR)
        nursery.send(ChildExit(0, 1).encode())
        conversation = Conversation(child, OpenerLimits())
        with pytest.raises(Refused) as caught:
            list(conversation.reports(conversation.page_count()))
    assert caught.value.reason == RefusalReason.MALFORMED
    assert "Gildong" not in f"{caught.value} {caught.value.limit}"


def test_requests_survive_the_way() -> None:
    request = Request(MediaType.TIFF, OpenerLimits(max_pages=3, page_seconds=1.5))
    assert Request.decode(request.encode()) == request


def test_limits_are_positive_and_known_by_name() -> None:
    with pytest.raises(ValueError, match="max_pages"):
        OpenerLimits(max_pages=0)
    with pytest.raises(ValueError, match="no such limit"):
        OpenerLimits().describe("__class__")
