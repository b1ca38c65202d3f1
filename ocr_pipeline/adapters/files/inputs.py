"""Files named on a command line: single files, folders (walked through), and glob patterns."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ocr_pipeline.domain.errors import InputMissing
from ocr_pipeline.ports.inputs import InputFile


def local_inputs(pattern: str) -> Iterator[InputFile]:
    """Every regular file that a path or pattern names, in order; hidden files inside folders are left out.

    Raises InputMissing when there is none, or a folder may not be read. The error's `place` is what was named.
    """
    path = Path(pattern)
    if path.is_file():
        yield _input(path, path.name)
    elif path.is_dir():
        yield from _folder(path)
    else:
        matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - patterns may be absolute
        files = [Path(match) for match in matches if Path(match).is_file()]
        if not files:
            raise InputMissing("there is no file or folder", place=pattern)
        base = Path(os.path.commonpath([file.parent for file in files]))
        for file in files:
            yield _input(file, str(file.relative_to(base)))


def _folder(folder: Path) -> Iterator[InputFile]:
    def refuse(error: OSError) -> None:
        raise InputMissing(f"a folder cannot be read: {error.strerror}", place=str(error.filename)) from None

    found = False
    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            if not name.startswith(".") and stat.S_ISREG(path.stat().st_mode):
                found = True
                yield _input(path, str(path.relative_to(folder)))
    if not found:
        raise InputMissing("the folder holds no files", place=str(folder))


def _input(path: Path, label: str) -> InputFile:
    def read() -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise InputMissing(f"a named file cannot be read: {error.strerror}", place=label) from None

    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputMissing(f"a named file cannot be read: {error.strerror}", place=label) from None
    return InputFile(label, size, read)
