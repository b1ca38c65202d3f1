"""Making a run from a list of files of any size, streamed into rows and never held whole.

Listing may be interrupted at any point. Gone on with, it passes over what is written down already: lines of a manifest
by their number, files of a folder or prefix by their (fingerprinted) names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from ocr_pipeline.bulk.control import move
from ocr_pipeline.bulk.sealed import About, name_fingerprint, open_about, seal_about, seal_source
from ocr_pipeline.domain.bulk import BulkItem, BulkRun, ItemState, RunEvent, RunId, RunState, run_owner
from ocr_pipeline.domain.errors import Conflict
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.domain.window import Window
from ocr_pipeline.ports.bulk import FileList, SourceFile
from ocr_pipeline.ports.clock import Clock, Ids
from ocr_pipeline.ports.records import Records
from ocr_pipeline.ports.vault import Vault


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run is to be."""

    client_id: ClientId
    about: About
    window: Window | None
    deadline: datetime | None
    actor: str


@dataclass(frozen=True, slots=True)
class Listed:
    """How far the list is written down: items so far, and of those refused and duplicates."""

    items: int = 0
    refused: int = 0
    duplicates: int = 0


class CreateRun:
    """Writes runs down. `batch` rows go into one transaction."""

    def __init__(self, records: Records, vault: Vault, clock: Clock, ids: Ids, batch: int = 1000) -> None:
        self._records = records
        self._vault = vault
        self._clock = clock
        self._ids = ids
        self._batch = batch

    def begin(self, wish: Wish) -> BulkRun:
        """A run without items yet."""
        run_id, now = RunId(self._ids.new()), self._clock.now()
        key = self._vault.new_key(run_owner(run_id))
        run = BulkRun(
            id=run_id,
            client_id=wish.client_id,
            state=RunState.LISTING,
            created_at=now,
            updated_at=now,
            key=key,
            about=seal_about(self._vault, key, run_id, wish.about),
            window=wish.window,
            deadline=wish.deadline,
        )
        with self._records() as uow:
            uow.bulk_runs.add(run)
            uow.bulk_runs.log(RunEvent(run_id, now, RunState.LISTING, wish.actor))
            uow.commit()
        return run

    def fill(self, run_id: RunId, files: FileList, *, actor: str) -> Iterator[Listed]:
        """Write the list down, from where it was left, telling how far it is.

        Raises Conflict for a run that is listed to its end, and what the list raises: call it again to go on.
        """
        with self._records() as uow:
            run = uow.bulk_runs.get(run_id)
            number, line = uow.bulk_items.last(run_id)
        base = open_about(self._vault, run).base
        listed, rows = Listed(number), files.files(after_line=line)
        while batch := list(islice(rows, self._batch)):
            listed = self._note(run, base, batch, listed)
            yield listed
        with self._records() as uow:
            move(
                uow,
                self._still_listing(uow.bulk_runs.lock(run_id)),
                RunState.CREATED,
                at=self._clock.now(),
                actor=actor,
            )
            uow.commit()

    def _note(self, run: BulkRun, base: str, batch: list[SourceFile], listed: Listed) -> Listed:
        prints = [
            None if row.problem else name_fingerprint(self._vault, run.client_id, base, row.name) for row in batch
        ]
        items: list[BulkItem] = []
        with self._records() as uow:
            # The lock makes two that list the same run at once take turns.
            self._still_listing(uow.bulk_runs.lock(run.id))
            number, line = uow.bulk_items.last(run.id)
            known = uow.bulk_items.known(run.id, [each for each in prints if each is not None])
            for row, fingerprint in zip(batch, prints, strict=True):
                if row.line is not None and row.line <= line:
                    continue
                if row.line is None and fingerprint is not None and fingerprint in known:
                    continue
                number += 1
                items.append(self._item(run, number, row, fingerprint, known))
                if fingerprint is not None:
                    known.setdefault(fingerprint, number)
            uow.bulk_items.add(items)
            uow.commit()
        return Listed(
            number,
            listed.refused + sum(item.state is ItemState.REFUSED for item in items),
            listed.duplicates + sum(item.state is ItemState.DUPLICATE for item in items),
        )

    def _item(
        self, run: BulkRun, number: int, row: SourceFile, fingerprint: bytes | None, known: dict[bytes, int]
    ) -> BulkItem:
        if fingerprint is None:
            return BulkItem(run.id, number, ItemState.REFUSED, None, line=row.line, code=row.problem)
        if fingerprint in known:
            # Its name is kept once, with the first item: what is forgotten there is forgotten everywhere.
            return BulkItem(
                run.id,
                number,
                ItemState.DUPLICATE,
                None,
                fingerprint,
                row.line,
                row.kind,
                "duplicate_row",
                known[fingerprint],
            )
        sealed = seal_source(self._vault, run, number, row)
        return BulkItem(run.id, number, ItemState.WAITING, sealed, fingerprint, row.line, row.kind)

    @staticmethod
    def _still_listing(run: BulkRun) -> BulkRun:
        if run.state is not RunState.LISTING:
            raise Conflict("this bulk run is listed to its end already, or was cancelled")
        return run
