"""The parent's side of the nursery: starts it, asks it for children, and ends them."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import ocr_pipeline
from ocr_pipeline.adapters.documents.request import READY, ChildExit, Request
from ocr_pipeline.domain.errors import Unavailable

START_SECONDS = 60.0
END_SECONDS = 5.0
"""How long a start may take on a busy machine, and how long a killed child may take to be gone."""


class Child:
    """One child at work: `answers` is the stream of what it says."""

    def __init__(self, answers: socket.socket, status: socket.socket) -> None:
        self.answers = answers
        self._status = status
        self._exit: ChildExit | None = None

    def end(self) -> ChildExit | None:
        """Kill the child if it still lives, wait until it is gone, and tell how it ended; None where nobody knows."""
        if self._exit is None:
            with contextlib.suppress(OSError):
                self._status.shutdown(socket.SHUT_WR)
        return self.wait(END_SECONDS)

    def wait(self, seconds: float) -> ChildExit | None:
        """How the child ended, within some seconds; None where it has not, or its nursery is gone."""
        if self._exit is None:
            self._status.settimeout(seconds)
            with contextlib.suppress(OSError, struct.error):
                self._exit = ChildExit.decode(self._status.recv(64))
        return self._exit

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        self.answers.close()
        self._status.close()


class Spawner:
    """Gets children from one nursery, which it starts when first asked and again when it is gone. Safe between threads.

    A nursery costs one start (a second of CPU, 150 MB); it belongs to the process that made it, so make one spawner in
    each worker process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._nursery: _Nursery | None = None

    def spawn(self, content: bytes, request: Request) -> Child:
        """A child that has begun on a document. Raises Unavailable when no process can be started."""
        try:
            return self._spawn(content, request)
        except OSError as error:
            raise Unavailable(f"no process to open documents in can be started ({type(error).__name__})") from None

    def close(self) -> None:
        """End the nursery, and with it every child still at work."""
        with self._lock:
            if self._nursery is not None:
                self._nursery.close()
                self._nursery = None

    def _spawn(self, content: bytes, request: Request) -> Child:
        with _memory_file(content) as document:
            answers, childs_answers = socket.socketpair()
            status, childs_status = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with childs_answers, childs_status:
                descriptors = [document, childs_answers.fileno(), childs_status.fileno()]
                try:
                    self._ask(request.encode(), descriptors)
                except BaseException:
                    answers.close()
                    status.close()
                    raise
        return Child(answers, status)

    def _ask(self, message: bytes, descriptors: list[int]) -> None:
        with self._lock:
            if self._nursery is not None and not self._nursery.is_alive():
                self._nursery.close()
                self._nursery = None
            if self._nursery is None:
                self._nursery = _Nursery()
            self._nursery.ask(message, descriptors)


class _Nursery:
    """A running nursery process."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, by this interpreter
                [sys.executable, "-P", "-m", f"{__package__}.nursery", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # MuPDF quotes documents in its complaints
                env={"PYTHONPATH": str(Path(ocr_pipeline.__path__[0]).parent), "LC_ALL": "C.UTF-8"},
                cwd="/",
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._control.settimeout(START_SECONDS)
        if self._control.recv(len(READY)) != READY:
            self.close()
            raise OSError("the nursery did not start")
        self._control.settimeout(END_SECONDS)

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, message: bytes, descriptors: list[int]) -> None:
        socket.send_fds(self._control, [message], descriptors)

    def close(self) -> None:
        self._control.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def _memory_file(content: bytes) -> Iterator[int]:
    descriptor = os.memfd_create("document")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        yield descriptor
    finally:
        os.close(descriptor)
