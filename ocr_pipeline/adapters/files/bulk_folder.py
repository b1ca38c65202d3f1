"""A folder as what a bulk run is made from: walked through entry by entry, read file by file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ocr_pipeline.domain.documents import DocumentKind, RefusalReason
from ocr_pipeline.domain.errors import InputMissing, Refused
from ocr_pipeline.ports.bulk import SourceFile


class FolderList:
    """Every regular file below a folder but hidden ones, in the order in which the file system gives them.

    Only the folders still to be walked through are held.
    """

    def __init__(self, folder: Path, kind: DocumentKind = DocumentKind.OTHER) -> None:
        self._folder = folder
        self._kind = kind

    def files(self, *, after_line: int = 0) -> Iterator[SourceFile]:
        """Every file. Raises InputMissing where a folder is not there or may not be read; its `place` names it."""
        del after_line
        waiting = [self._folder]
        while waiting:
            for entry in _entries(waiting.pop()):
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif entry.is_file():
                    name = os.path.relpath(entry.path, self._folder)
                    yield SourceFile(name, kind=self._kind)


class FolderSource:
    """The files below a folder. Nothing outside it is read, whatever names and links say."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def read(self, name: str, version: str | None, max_bytes: int) -> bytes:
        """The content of a file. Raises InputMissing, Refused (`too_large`)."""
        del version
        try:
            place = (self._folder / name).resolve()
            if not place.is_relative_to(self._folder):
                raise InputMissing("a named file lies outside the folder of its run")
            with open(place, "rb", opener=_without_waiting) as file:  # Path.open knows no opener
                found = os.fstat(file.fileno())
                if not stat.S_ISREG(found.st_mode):
                    raise InputMissing("what was named is no file")
                content = file.read(max_bytes + 1) if found.st_size <= max_bytes else None
        except (OSError, ValueError):
            raise InputMissing("a named file is not there or cannot be read") from None
        if content is None or len(content) > max_bytes:
            raise Refused(RefusalReason.TOO_LARGE, "the file is too large", limit=f"max_source_bytes={max_bytes}")
        return content


def _without_waiting(path: str, flags: int) -> int:
    """Open a pipe without waiting for its other end."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        raise InputMissing(f"a folder cannot be read: {error.strerror}", place=str(folder)) from None
