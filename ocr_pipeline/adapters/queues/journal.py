"""What the embedded worker has in hand, written down, so that a page that kills the process is known at the next start.

A broker would deliver such a page again and say so. Without one, a file a page does: made before the page is read,
removed after. What is left over when the next process starts was in the hands of one that died.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path

from ocr_pipeline.domain.errors import MalformedMessage, StoreFull, StoreUnavailable
from ocr_pipeline.domain.messages import PageRedelivered, RecognitionTask, Report, parse_report

Recognise = Callable[[RecognitionTask], Report]

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


class HandJournal:
    """The pages in hand, one small file each (ids and counters only) in `folder`. Safe between threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def around(self, recognise: Recognise) -> Recognise:
        """The same stage, each page written down for as long as it is being read."""

        def noted(task: RecognitionTask) -> Report:
            place = self._folder / f"{task.page.document_id}-{task.page.number}"
            self._write(place, PageRedelivered(task.page, task.attempt, task.dispatch))
            report = recognise(task)
            place.unlink(missing_ok=True)
            return report

        return noted

    def left_over(self) -> list[PageRedelivered]:
        """The pages that the process before this one died with; forgets them. Call it before any page is read."""
        found = []
        for place in sorted(self._folder.glob("*")):
            try:
                report = parse_report(json.loads(place.read_bytes()))
            except (ValueError, MalformedMessage):
                report = None  # the process died while it wrote this down, so the page was never read
            if isinstance(report, PageRedelivered):
                found.append(report)
            place.unlink(missing_ok=True)
        return found

    def _write(self, place: Path, note: PageRedelivered) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.write_text(json.dumps(note.to_json()), encoding="utf-8")
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise StoreFull("the disk of the data directory is full") from error
            raise StoreUnavailable("the data directory cannot be written") from error
