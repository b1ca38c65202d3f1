"""The warden: the parent of a model server, so that nothing of the server outlives its supervisor.

A program of its own, on the standard library alone (`python -I warden.py FD PROGRAM ...`), because it must not change
the environment in which the server's Python looks for modules. It leads a process group, starts the server in it, and
adopts every process that the server leaves behind. SIGTERM it hands on to the server. It ends with the server, and then
leaves nothing behind: not when the server dies and its workers hang, nor when the supervisor is killed, which it learns
from FD, the reading end of a pipe that nobody but the supervisor can write to. When the warden itself is killed the
server dies with it, and the supervisor, which sees that, ends the rest of the group.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

CANNOT_START = 127
_KILLED = 128
_END_SECONDS = 10.0
_TRACKER_SECONDS = 3.0
_LOOK_SECONDS = 0.02
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class Warden:
    """Starts a command and sees to its end. `lifeline` is at its end when the supervisor is gone."""

    def __init__(self, lifeline: int, command: list[str]) -> None:
        self._lifeline = lifeline
        self._command = command
        self._server = 0
        self._code: int | None = None

    def run(self) -> int:
        """The server's exit code; 128 and the signal's number where a signal ended it."""
        woken, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)  # heard of through the pipe; a new program has its own again
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._server = self._start()
        poll = select.poll()
        poll.register(self._lifeline, select.POLLIN)
        poll.register(woken, select.POLLIN)
        while self._code is None:
            happened = {descriptor for descriptor, _ in poll.poll()}
            if self._lifeline in happened:
                break
            with contextlib.suppress(BlockingIOError):
                if signal.SIGTERM in os.read(woken, 4096):
                    # To the server alone, which ends its workers in order: told all at once, they cry murder.
                    os.kill(self._server, signal.SIGTERM)
            self._reap()
        self._end_all()
        return _KILLED + signal.SIGKILL if self._code is None else self._code

    def _start(self) -> int:
        warden = os.getpid()
        pid = os.fork()
        if pid == 0:
            _become(self._command, warden)
        return pid

    def _reap(self) -> bool:
        """Bury who has died; whether anybody is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._server:
                code = os.waitstatus_to_exitcode(status)
                self._code = code if code >= 0 else _KILLED - code

    def _end_all(self) -> None:
        """Kill and bury all descendants. One that hangs in the kernel beyond any signal is waited for a while only.

        Python's resource trackers come last: shared memory holds pages, and when all others are gone they remove it.
        """
        began = time.monotonic()
        while self._reap() and (waited := time.monotonic() - began) < _END_SECONDS:
            for pid in _descendants(os.getpid()):
                if waited < _TRACKER_SECONDS and _is_resource_tracker(pid):
                    continue
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(_LOOK_SECONDS)


def _become(command: list[str], warden: int) -> None:
    """Turn into the server, in the forked child. Never returns."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # no core dumps, which would hold pages: 1 rather than 0, since a piped core_pattern obeys nothing but 1
        _, ceiling = resource.getrlimit(resource.RLIMIT_CORE)
        least = 0 if ceiling == 0 else 1
        resource.setrlimit(resource.RLIMIT_CORE, (least, least))
        if os.getppid() == warden:
            os.execvp(command[0], command)  # noqa: S606 - a command line, not a shell's
    except OSError as error:
        os.write(2, f"the server's program cannot be started: {error.strerror}\n".encode())
    finally:
        os._exit(CANNOT_START)


def _descendants(ancestor: int) -> list[int]:
    parents = dict(_processes())
    found = {ancestor}
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return sorted(found - {ancestor})
        found |= more


def _is_resource_tracker(pid: int) -> bool:
    try:
        return b"multiprocessing.resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has just gone
        return False


def _processes() -> Iterator[tuple[int, int]]:
    """Each process with its parent."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = folder.joinpath("stat").read_bytes().rpartition(b")")[2].split()[1]
            except (OSError, IndexError):  # it has just gone
                continue
            yield int(folder.name), int(parent)


def main() -> int:
    """Start as a program: a descriptor, then the command line of the server."""
    lifeline = int(sys.argv[1])
    os.set_inheritable(lifeline, False)
    return Warden(lifeline, sys.argv[2:]).run()


if __name__ == "__main__":
    sys.exit(main())
