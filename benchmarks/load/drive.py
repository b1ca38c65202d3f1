"""The crowd at the door: acts drawn by their weight, so many a second, with a look at every process in between."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import BoundedSemaphore

import httpx

from benchmarks.load import bad_acts, good_acts
from benchmarks.load.memory import Samples
from benchmarks.load.place import Place
from benchmarks.load.tally import Tally
from benchmarks.load.visitor import Act, Visitor
from ocr_pipeline.domain.errors import PipelineError

ACTS = (*good_acts.ACTS, *bad_acts.ACTS)
CROWD = 24
REPORT_SECONDS = 10.0
SAMPLE_SECONDS = 2.0


class Drive:
    """One run: what came back, and what every process held meanwhile."""

    def __init__(self, running: Place, visitor: Visitor) -> None:
        self.tally = Tally()
        self.memory = {name: Samples() for name in running.processes}
        self.seconds = 0.0
        self.left_out = 0
        self._running = running
        self._visitor = visitor
        self._free = BoundedSemaphore(CROWD)

    def __call__(self, seconds: float, rate: float) -> None:
        """Let the crowd in for so long. An act waits for nobody: with everybody busy it is left out.

        Raises psutil.NoSuchProcess where a process has died.
        """
        began = time.monotonic()
        random = Random(self._visitor.random.random())  # noqa: S311 - repeatable, not secret
        weights = [act.weight for act in ACTS]
        due = reported = sampled = 0.0
        told = 0
        with ThreadPoolExecutor(CROWD) as threads:
            while (now := time.monotonic() - began) < seconds:
                if self._free.acquire(blocking=False):
                    threads.submit(self._do, random.choices(ACTS, weights)[0])
                else:
                    self.left_out += 1
                if now - sampled >= SAMPLE_SECONDS:
                    sampled = now
                    self._sample(now)
                if now - reported >= REPORT_SECONDS:
                    self._tell(now, (self.tally.total - told) / (now - reported))
                    reported, told = now, self.tally.total
                due = max(due + random.expovariate(rate), now - 1.0)
                time.sleep(max(0.0, due - (time.monotonic() - began)))
        self.seconds = time.monotonic() - began

    def _do(self, act: Act) -> None:
        try:
            self.tally.add(act, act(self._visitor))
        except (httpx.HTTPError, OSError, ValueError, LookupError) as error:
            self.tally.broke(act, error)
        finally:
            self._free.release()

    def _sample(self, now: float) -> None:
        for name, process in self._running.processes.items():
            self.memory[name].add(now, process.memory_info().rss)

    def _tell(self, now: float, rate: float) -> None:
        statuses = " ".join(f"{status or 'none'}:{count}" for status, count in sorted(self.tally.statuses.items()))
        sizes = ", ".join(f"{name} {samples.mebibytes[-1]:.0f}" for name, samples in self.memory.items())
        print(f"{now:5.0f} s {rate:5.1f}/s  {statuses}  wrong {self.tally.wrong}, left out {self.left_out}")
        print(f"        MiB: {sizes}; waiting: {self._waiting()}", flush=True)

    def _waiting(self) -> str:
        try:
            depths = self._running.app.lane_depths()
        except PipelineError as error:
            return error.code
        return ", ".join(f"{lane} {depth}" for lane, depth in depths.items() if depth) or "nothing"
