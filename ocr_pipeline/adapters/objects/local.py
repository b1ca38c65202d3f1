"""An object store in a local directory: one file an object, the embedded default.

Files hold the object's bytes and nothing else, so a directory can be copied to a bucket and back with any tool. There
is no checksum of the store's own: everything kept here is sealed, the vault refuses an object with a single bit
changed, and a write that did not finish never gets its name.
"""

from __future__ import annotations

import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from io import FileIO
from pathlib import Path

from ocr_pipeline.adapters.objects.disk import disk_errors_mapped, write_all
from ocr_pipeline.adapters.objects.object_key import checked_deletion_prefix, checked_key, checked_prefix, is_segment
from ocr_pipeline.adapters.objects.probe import probe
from ocr_pipeline.domain.errors import ObjectExists, ObjectMissing, StoreUnavailable

STALE_SECONDS = 3600.0

_INCOMING = ".incoming"  # no key has a segment that begins with a dot
_PLACING_TRIALS = 8
_FOLDER_MODE = 0o700
_FILE_MODE = 0o600
_NESTED = "one object key lies inside another"


class LocalObjectStore:
    """Objects as files under `root`, folders of mode 0700, files of mode 0600. Safe between threads and processes.

    `prepare` must have been called once. As in any file system a key cannot lie inside another (`a` and `a/b`): such
    a put raises ValueError.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / _INCOMING

    def prepare(self) -> None:
        """Make the directory and clear away what interrupted writes left. Raises StoreUnavailable or StoreFull."""
        with _errors_mapped():
            self._root.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            self._incoming.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        self.remove_stale(STALE_SECONDS)

    def remove_stale(self, older_than: float) -> int:
        """Remove unfinished writes older than so many seconds, left by a process that was killed; returns how many."""
        oldest_kept = time.time() - older_than
        removed = 0
        with _errors_mapped(), os.scandir(self._incoming) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if entry.stat(follow_symlinks=False).st_mtime <= oldest_kept:
                        Path(entry).unlink()
                        removed += 1
        return removed

    def put(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
        """Keep `data` under `key`, on the disk before it returns. Raises ObjectExists, StoreFull, StoreUnavailable."""
        with self.writing(key) as writer:
            writer.write(data)
            writer.commit(if_absent=if_absent)

    @contextmanager
    def writing(self, key: str) -> Iterator[LocalWriter]:
        """Keep an object that arrives in pieces; it lies among the unfinished writes until it is committed."""
        target = self._path(key)
        with _errors_mapped():
            writer = LocalWriter(self._incoming / secrets.token_hex(16), partial(self._place, target=target))
        try:
            yield writer
        finally:
            writer.discard()

    def get(self, key: str) -> bytes:
        """The bytes as they were put. Raises ObjectMissing or StoreUnavailable."""
        with _errors_mapped():
            try:
                return self._path(key).read_bytes()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                self._check_root()
                raise ObjectMissing("the object is not there") from None

    def exists(self, key: str) -> bool:
        """Whether the key is there. Raises StoreUnavailable."""
        with _errors_mapped():
            try:
                return stat.S_ISREG(self._path(key).stat().st_mode)
            except (FileNotFoundError, NotADirectoryError):
                self._check_root()
                return False

    def delete(self, key: str) -> None:
        """Remove the object; a key that is not there is no error. Raises StoreUnavailable."""
        self._remove(self._path(key))

    def delete_prefix(self, prefix: str) -> int:
        """Remove every object under the prefix, which may not be empty; returns how many there were."""
        checked_deletion_prefix(prefix)
        return sum(self._remove(self._root / key) for key in list(self.keys(prefix)))

    def keys(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """The keys under a prefix behind `after`, in the order of their bytes; objects may come and go meanwhile."""
        checked_prefix(prefix)
        checked_prefix(after)
        folder, _, _ = prefix.rpartition("/")
        return self._keys_below(f"{folder}/" if folder else "", prefix, after)

    def check(self) -> None:
        """Prove with a small write and read that the store works. Raises StoreUnavailable or StoreFull."""
        probe(self)

    def _path(self, key: str) -> Path:
        return self._root / checked_key(key)

    def _check_root(self) -> None:
        if not self._incoming.is_dir():
            raise StoreUnavailable("the directory of the object store is not there")

    def _place(self, temporary: Path, *, target: Path, if_absent: bool) -> None:
        for _ in range(_PLACING_TRIALS):
            try:
                self._make_folders(target.parent)
                if if_absent:
                    target.hardlink_to(temporary)
                else:
                    temporary.replace(target)
            except FileNotFoundError:
                continue  # a deletion took the empty folder away in between
            except FileExistsError:
                if target.is_dir():
                    raise ValueError(_NESTED) from None
                raise ObjectExists("the object is there already") from None
            except (IsADirectoryError, NotADirectoryError):
                raise ValueError(_NESTED) from None
            except OSError:
                self._remove_empty_folders(target.parent)
                raise
            _sync_folder(target.parent)
            return
        raise StoreUnavailable("the folder of an object keeps vanishing")

    def _make_folders(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self._check_root()
        missing = [folder, *(parent for parent in folder.parents if self._root in parent.parents)]
        for each in reversed(missing):
            with suppress(FileExistsError):
                each.mkdir(mode=_FOLDER_MODE)
                _sync_folder(each.parent)

    def _remove(self, path: Path) -> bool:
        with _errors_mapped():
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                self._check_root()
                return False
            _sync_folder(path.parent)
            self._remove_empty_folders(path.parent)
        return True

    def _remove_empty_folders(self, folder: Path) -> None:
        while folder != self._root:
            try:
                folder.rmdir()
            except OSError:
                return  # still in use, or gone already
            folder = folder.parent

    def _keys_below(self, folder: str, prefix: str, after: str) -> Iterator[str]:
        for name in self._names(folder):
            path = folder + name
            if path <= after and not after.startswith(path):
                continue  # a key, or a folder of keys, that lies before
            if name.endswith("/"):
                if path.startswith(prefix) or prefix.startswith(path):
                    yield from self._keys_below(path, prefix, after)
            elif path.startswith(prefix) and path != after:
                yield path

    def _names(self, folder: str) -> list[str]:
        """The names in a folder, those of folders with a slash behind: so sorted, keys come in the order of bytes."""
        with _errors_mapped():
            try:
                with os.scandir(self._root / folder) as entries:
                    ours = [entry for entry in entries if is_segment(entry.name)]
                    return sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in ours)
            except (FileNotFoundError, NotADirectoryError):
                self._check_root()
                return []


class LocalWriter:
    """A file without a name of its own yet; `place(path, if_absent=...)` gives it one. Used by one thread at a time."""

    def __init__(self, temporary: Path, place: Callable[..., None]) -> None:
        self._temporary = temporary
        self._place = place
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
        self._file = FileIO(descriptor, "wb")

    def write(self, data: bytes) -> None:
        """Add a piece. Raises StoreFull, StoreUnavailable; ValueError once the object was committed."""
        with _errors_mapped():
            write_all(self._file, data)

    def commit(self, *, if_absent: bool = False) -> None:
        """Keep the object, on the disk before it returns. Raises ObjectExists, StoreFull, StoreUnavailable."""
        with _errors_mapped():
            os.fsync(self._file.fileno())
            self._file.close()
            self._place(self._temporary, if_absent=if_absent)

    def discard(self) -> None:
        """Take the temporary name away: all there is of an object that was not committed."""
        with _errors_mapped():
            self._file.close()
            self._temporary.unlink(missing_ok=True)


def _errors_mapped() -> AbstractContextManager[None]:
    return disk_errors_mapped("the disk of the object store")


def _sync_folder(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return  # emptied and removed by another meanwhile: its parent's entry is what counts
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
