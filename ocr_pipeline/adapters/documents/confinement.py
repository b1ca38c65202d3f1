"""What a child may do to the machine: next to nothing. It keeps one open socket and a bounded share of memory and time.

With no descriptor left to open (RLIMIT_NOFILE 0) it reaches no file, no socket and no network; it writes no file,
starts no process, and leaves no core dump. Where the nursery runs as root the child becomes nobody. Neither namespaces
nor system call filters are asked for: containers often forbid them, and these limits work everywhere.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import resource
import signal

from ocr_pipeline.adapters.documents.limits import OpenerLimits

NOBODY = 65534
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38


def confine(limits: OpenerLimits) -> None:
    """Give up everything the calling process does not need. There is no way back."""
    _drop_root()
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _limit(resource.RLIMIT_CPU, math.ceil(limits.document_seconds) + 1, grace=1)
    _limit(resource.RLIMIT_AS, limits.memory_bytes)
    for forbidden in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE):
        _limit(forbidden, 0)


def _limit(what: int, bound: int, grace: int = 0) -> None:
    """Bound a resource, or leave it where the machine already bounds it lower."""
    _, ceiling = resource.getrlimit(what)
    hard = bound + grace if ceiling == resource.RLIM_INFINITY else min(bound + grace, ceiling)
    resource.setrlimit(what, (min(bound, hard), hard))


def _drop_root() -> None:
    if os.geteuid() != 0:
        return
    with contextlib.suppress(OSError):  # a container without CAP_SETUID: the other limits still hold
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
