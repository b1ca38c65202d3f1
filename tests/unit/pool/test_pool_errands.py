"""Work that is not waited for longer than it is worth."""

from __future__ import annotations

import asyncio

import pytest

from ocr_pipeline.domain.errors import EngineTimeout, EngineUnavailable
from ocr_pipeline.recognition.pool.clock import loop_time
from ocr_pipeline.recognition.pool.errands import Errands
from tests.unit.pool.virtual import run


class Work:
    """Takes so many seconds, and so many more to tidy up when it is cancelled."""

    def __init__(self, seconds: float, tidying: float = 0.0) -> None:
        self.seconds, self.tidying = seconds, tidying
        self.cancelled = self.tidied = False

    async def __call__(self) -> str:
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled = True
            await asyncio.sleep(self.tidying)
            self.tidied = True
            raise
        return "done"


def test_a_result_in_time_is_given_and_an_error_raised() -> None:
    async def scenario() -> None:
        async def failing() -> None:
            raise LookupError

        errands = Errands(loop_time)
        assert await errands.within(Work(1), 2.0) == "done"
        with pytest.raises(LookupError):
            await errands.within(failing, 2.0)

    run(scenario())


def test_when_time_is_up_work_is_cancelled_and_left_to_tidy_up_alone() -> None:
    async def scenario() -> None:
        errands, work = Errands(loop_time), Work(100, tidying=50)
        with pytest.raises(EngineTimeout):
            await errands.within(work, 2.0)
        assert loop_time() == pytest.approx(2)
        await asyncio.sleep(0)
        assert work.cancelled
        await asyncio.sleep(51)
        assert work.tidied

    run(scenario())


def test_when_the_caller_is_cancelled_so_is_the_work() -> None:
    async def scenario() -> None:
        errands, work = Errands(loop_time), Work(100)
        caller = asyncio.create_task(errands.within(work, 50.0))
        await asyncio.sleep(1)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await asyncio.sleep(0)
        assert work.tidied

    run(scenario())


def test_work_that_somebody_else_stops_is_no_cancellation_of_the_caller() -> None:
    async def scenario() -> None:
        async def stops_itself() -> None:
            raise asyncio.CancelledError

        with pytest.raises(EngineUnavailable):
            await Errands(loop_time).within(stops_itself, 50.0)

    run(scenario())


def test_closing_cancels_everything_and_waits_no_longer_than_it_may() -> None:
    async def scenario() -> None:
        errands, quick, slow = Errands(loop_time), Work(100), Work(100, tidying=50)
        for work in (quick, slow):
            errands.start(work())
        await asyncio.sleep(1)
        await errands.close(3)
        assert loop_time() == pytest.approx(4)
        assert quick.tidied
        assert not slow.tidied

    run(scenario())
