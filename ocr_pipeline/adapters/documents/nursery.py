"""The nursery: a clean process that forks one child for each document.

Importing MuPDF costs a second of CPU; forking a process that has already done so costs milliseconds. The nursery is
started afresh with an empty environment (`python -m ocr_pipeline.adapters.documents.nursery FD`), has a single thread,
holds no secret and never looks at a document itself, so what a child inherits is worth nothing to an attacker.

On its control socket each message asks for a child and carries three descriptors: the document (a memory file), the
socket to answer on, and a status socket. When the child has ended the nursery reports how on the status socket; when
the parent hangs up that socket, or is itself gone, the nursery kills the child.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass

from ocr_pipeline.adapters.documents.child import rehearse, serve
from ocr_pipeline.adapters.documents.confinement import confine
from ocr_pipeline.adapters.documents.grumbles import Grumbles
from ocr_pipeline.adapters.documents.request import MAX_REQUEST_BYTES, READY, ChildExit, Request

_DESCRIPTORS = 3


@dataclass(frozen=True, slots=True)
class _Child:
    pid: int
    handle: int
    status: socket.socket


class Nursery:
    """Forks children for as long as the parent holds the other end of `control`."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._selector = selectors.DefaultSelector()
        self._children: dict[int, _Child] = {}
        self._open = True

    def run(self) -> None:
        """Serve until the parent hangs up. Children still alive then die with this process."""
        self._watch(self._control, self._fork)
        self._control.send(READY)
        while self._open:
            for key, _ in self._selector.select():
                key.data()

    def _watch(self, source: socket.socket | int, act: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, act)

    def _fork(self) -> None:
        data, descriptors, _, _ = socket.recv_fds(self._control, MAX_REQUEST_BYTES, _DESCRIPTORS)
        if not data:
            self._open = False
            return
        document, answer, status = descriptors
        try:
            pid = os.fork()
        except OSError:  # too many processes, too little memory: the parent sees its status socket close
            for descriptor in descriptors:
                os.close(descriptor)
            return
        if pid == 0:
            _be_child(data, document, answer)
        os.close(document)
        os.close(answer)
        child = _Child(pid, os.pidfd_open(pid), socket.socket(fileno=status))
        self._children[pid] = child
        self._watch(child.handle, lambda: self._bury(child))
        self._watch(child.status, lambda: self._kill(child))

    def _kill(self, child: _Child) -> None:
        if child.pid in self._children:  # else it was buried a moment ago, and its number may be another's
            self._selector.unregister(child.status)
            os.kill(child.pid, signal.SIGKILL)

    def _bury(self, child: _Child) -> None:
        del self._children[child.pid]
        _, status, usage = os.wait4(child.pid, 0)
        self._selector.unregister(child.handle)
        os.close(child.handle)
        with contextlib.suppress(KeyError):  # the parent had hung up already
            self._selector.unregister(child.status)
        with child.status, contextlib.suppress(OSError):  # the parent may no longer listen
            child.status.send(ChildExit(os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024).encode())


def _be_child(message: bytes, document: int, answer: int) -> None:
    """Open one document and end the process, whatever happens."""
    code = 1
    try:
        request = Request.decode(message)
        content = _read_all(document)
        grumbles = Grumbles()
        _keep_only(answer, grumbles.descriptor)
        confine(request.limits)
        with socket.socket(fileno=answer) as channel:
            serve(content, request.media_type, request.limits, channel, grumbles, request.part_pages)
        code = 0
    finally:
        os._exit(code)


def _read_all(document: int) -> bytes:
    size = os.fstat(document).st_size
    content = os.pread(document, size, 0)
    if len(content) != size:
        raise OSError("the document was cut on its way")
    return content


def _keep_only(*descriptors: int) -> None:
    """Close everything but the standard streams, which lead nowhere, and these."""
    first = 3
    for kept in sorted(descriptors):
        os.closerange(first, kept)
        first = kept + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def main() -> None:
    """Start as a program; the argument is the descriptor of the control socket."""
    control = socket.socket(fileno=int(sys.argv[1]))
    rehearse()
    gc.collect()
    gc.freeze()
    Nursery(control).run()


if __name__ == "__main__":
    main()
