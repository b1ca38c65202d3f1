"""The folder that results are written to, each file wholly or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ocr_pipeline.domain.errors import OutputFailed, StoreFull

_FULL = {errno.ENOSPC, errno.EDQUOT}


class OutputFolder:
    """Writes the renderings of a document side by side, named after the file they come from."""

    def __init__(self, folder: Path) -> None:
        self.path = folder

    def write(self, label: str, renderings: Mapping[str, str]) -> None:
        """Write `{label}{suffix}` for each rendering, e.g. `chart.pdf.txt`. Raises OutputFailed, StoreFull."""
        try:
            for suffix, text in renderings.items():
                self._replace(self._place(label + suffix), text)
        except OSError as error:
            if error.errno in _FULL:
                raise StoreFull("the disk of the output folder is full") from error
            raise OutputFailed(f"the output folder cannot be written: {error.strerror}") from error

    def missing(self, label: str, suffixes: tuple[str, ...], newer_than: float) -> bool:
        """Whether a rendering is absent or older than the given time (seconds since the epoch)."""
        places = [self._place(label + suffix) for suffix in suffixes]
        return not all(place.is_file() and place.stat().st_mtime >= newer_than for place in places)

    def _place(self, name: str) -> Path:
        place = (self.path / name).resolve()
        if not place.is_relative_to(self.path.resolve()):
            raise OutputFailed("a result would lie outside the output folder")
        return place

    @staticmethod
    def _replace(place: Path, text: str) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=".writing-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(temporary).replace(place)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
