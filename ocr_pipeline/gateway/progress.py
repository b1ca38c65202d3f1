"""Watching documents: one look at the database every so often serves everybody who waits in this process."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TypeVar

from anyio import to_thread

from ocr_pipeline import logs
from ocr_pipeline.domain.documents import SETTLED_STATES
from ocr_pipeline.domain.errors import PipelineError
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.gateway.problems import Problem
from ocr_pipeline.ports.records import Progress

Counted = TypeVar("Counted")

Look = Callable[[Sequence[DocumentId]], dict[DocumentId, Progress]]
"""How far documents are: called in a thread, raises what the database raises."""


class ProgressWatch:
    """Tells whoever follows a document of each change. Lives on one event loop.

    It looks every `interval` seconds, and only while somebody follows; at most `most` may, and `most_of_one` of each
    client.
    """

    def __init__(self, look: Look, *, interval: float, most: int, most_of_one: int) -> None:
        self._look = look
        self._interval = interval
        self._most = most
        self._most_of_one = most_of_one
        self._followed: Counter[DocumentId] = Counter()
        self._following: Counter[ClientId] = Counter()
        self._latest: dict[DocumentId, Progress] = {}
        self._looked = asyncio.Condition()
        self._wanted = asyncio.Event()

    @property
    def followers(self) -> int:
        """How many follow a document now."""
        return self._followed.total()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look for as long as the block lasts."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @contextmanager
    def following(self, document_id: DocumentId, client_id: ClientId) -> Iterator[AsyncIterator[Progress]]:
        """Each change of a document from now on, up to the one that settles it, for that client.

        Raises Problem (503) when too many follow already.
        """
        if self.followers >= self._most or self._following[client_id] >= self._most_of_one:
            raise Problem("too_many_streams")
        self._followed[document_id] += 1
        self._following[client_id] += 1
        self._wanted.set()
        try:
            yield self._changes(document_id)
        finally:
            _count_down(self._following, client_id)
            if not _count_down(self._followed, document_id):
                self._latest.pop(document_id, None)

    async def _changes(self, document_id: DocumentId) -> AsyncIterator[Progress]:
        told: Progress | None = None
        while told is None or told.state not in SETTLED_STATES:
            told = await self._next(document_id, told)
            yield told

    async def _next(self, document_id: DocumentId, told: Progress | None) -> Progress:
        async with self._looked:
            while (latest := self._latest.get(document_id)) is None or latest == told:
                await self._looked.wait()
        return latest

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            await self._look_once()
            await asyncio.sleep(self._interval)
            if not self._followed:
                self._wanted.clear()

    async def _look_once(self) -> None:
        try:
            found = await to_thread.run_sync(self._look, list(self._followed))
        except PipelineError as error:
            logs.get(__name__).warning("no look at the documents that are followed", code=error.code)
            return
        async with self._looked:
            self._latest = {document_id: found[document_id] for document_id in self._followed if document_id in found}
            self._looked.notify_all()


def _count_down(counter: Counter[Counted], key: Counted) -> int:
    """One fewer; what is left. What is down to nothing is forgotten."""
    left = counter[key] - 1
    if left:
        counter[key] = left
    else:
        del counter[key]
    return left
