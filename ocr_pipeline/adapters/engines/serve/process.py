"""One model server as a process: under its warden, its output sieved."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from ocr_pipeline.adapters.engines.serve.sieve import LONGEST_LINE, Remark, Sieve
from ocr_pipeline.domain.errors import ConfigurationError

_WARDEN = Path(__file__).with_name("warden.py")
_WARDEN_SECONDS = 15.0
_LAST_WORDS_SECONDS = 2.0
_READ_BYTES = 65536


class ServerProcess:
    """A running server. Made by `start`; `reading` reads its output from `pipe`.

    That it has ended is learnt from the process itself, not from the end of its output: something it has left behind
    may hold that open.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        lifeline: int,
        pipe: asyncio.ReadTransport,
        reading: asyncio.Task[None],
    ) -> None:
        self._process = process
        self._lifeline: int | None = lifeline
        self._pipe = pipe
        self._reading = reading
        self._exited = asyncio.Event()
        self._code = 0
        self._handle = os.pidfd_open(process.pid)
        asyncio.get_running_loop().add_reader(self._handle, self._bury)

    @classmethod
    async def start(
        cls, command: Sequence[str], environment: Mapping[str, str], sieve: Sieve, tell: Callable[[Remark], None]
    ) -> Self:
        """Start a command. `tell` is given what comes through the sieve of its output.

        Raises ConfigurationError where no process can be started.
        """
        theirs, lifeline = os.pipe()
        try:
            process = subprocess.Popen(  # noqa: ASYNC220, S603 - back in milliseconds; the operator's command, no shell
                [sys.executable, "-I", str(_WARDEN), str(theirs), *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                pass_fds=[theirs],
                start_new_session=True,
            )
        except OSError as error:
            os.close(lifeline)
            raise ConfigurationError(f"no process can be started for the server ({error.strerror})") from None
        finally:
            os.close(theirs)
        sieve.begin()
        output = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(output), process.stdout)
        return cls(process, lifeline, pipe, asyncio.create_task(_read(output, sieve, tell)))

    async def wait(self) -> int:
        """The exit code, when it has ended: 128 and the signal's number where a signal ended it."""
        await self._exited.wait()
        return self._code

    async def end(self, grace: float) -> None:
        """End it with all its processes: by asking, and after `grace` seconds by force. 0 does not ask."""
        if grace > 0 and not self._exited.is_set():
            self._process.send_signal(signal.SIGTERM)  # the warden hands it on
            await self._gone(grace)
        self._cut_lifeline()
        if not await self._gone(_WARDEN_SECONDS):
            self._kill_group()
        await asyncio.wait({self._reading}, timeout=_LAST_WORDS_SECONDS)
        self._reading.cancel()
        self._pipe.close()

    def _bury(self) -> None:
        asyncio.get_running_loop().remove_reader(self._handle)
        os.close(self._handle)
        self._code = self._process.wait()
        if self._code < 0:  # the warden itself was killed, so what it looked after may live on
            self._kill_group()
            self._code = 128 - self._code
        self._exited.set()

    async def _gone(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._exited.wait()
        return self._exited.is_set()

    def _cut_lifeline(self) -> None:
        """Let the warden see that nobody wants the server any longer: it kills what is left."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    def _kill_group(self) -> None:
        """The warden's whole process group, which has the warden's number."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


async def _read(output: asyncio.StreamReader, sieve: Sieve, tell: Callable[[Remark], None]) -> None:
    rest = b""
    while chunk := await output.read(_READ_BYTES):
        *lines, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            remark = sieve.take(line.decode(errors="replace"))
            if remark is not None:
                tell(remark)
        rest = rest[:LONGEST_LINE]  # of a line without end only the beginning is kept
