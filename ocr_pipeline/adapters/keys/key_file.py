"""The key file: a key ring as JSON that only its owner can read, written wholly or not at all.

{"format": 1, "current": "local-0001-9f3c2a71", "keys": {"local-0001-9f3c2a71": "<base64>"},
 "fingerprint_secret": "<base64>"}
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocr_pipeline.adapters.keys.keyring import Keyring
from ocr_pipeline.domain.errors import ConfigurationError

FORMAT = 1
BACKUP_SUFFIX = ".previous"

_OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells one version of the file, or of its permissions, from the next without reading it."""

    inode: int
    changed_ns: int
    size: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp of a file's status."""
        return cls(status.st_ino, status.st_ctime_ns, status.st_size)


def read(path: Path) -> tuple[Stamp, Keyring]:
    """The key ring and the stamp of the very file it was read from.

    Raises ConfigurationError when the file is missing, open to others, or no key file.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            _check_permissions(path, status)
            content = file.read()
    except FileNotFoundError:
        raise ConfigurationError(
            f"there is no key file at {path}; create one, or restore it from your backup"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"the key file {path} cannot be read: {error.strerror}") from error
    return Stamp.of(status), _decode(path, content)


def create(path: Path, ring: Keyring) -> None:
    """Write a new key file. Raises ConfigurationError when there is one already (it is kept) or none can be written."""
    with _writing(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = _write_temporary(path, _encode(ring))
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            raise ConfigurationError(f"there is a key file at {path} already; it is kept as it is") from None
        finally:
            temporary.unlink()
        _sync_folder(path.parent)


def rotate(path: Path) -> Keyring:
    """Add a key to the file and make it the current one. The file as it was stays beside it as `*.previous`.

    Of several rotations at once each adds its own key. Raises ConfigurationError as `read` and `create` do.
    """
    with _writing(path):
        path = path.resolve()
        with _locked(path.parent):
            ring = read(path)[1].rotated()
            owner = path.stat()
            _replace(path.with_name(path.name + BACKUP_SUFFIX), path.read_bytes(), owner)
            _replace(path, _encode(ring), owner)
    return ring


def destroy(path: Path, key_id: str) -> Keyring:
    """Take a key out of the file for good, and the file as it was before the last rotation with it.

    What the key wrapped can never be opened again. Raises ConfigurationError for the current or an unknown key, and as
    `read` and `create` do.
    """
    with _writing(path):
        path = path.resolve()
        with _locked(path.parent):
            try:
                ring = read(path)[1].without(key_id)
            except ValueError:
                raise ConfigurationError("that is no key of the key file, or its current one") from None
            _replace(path, _encode(ring), path.stat())
            path.with_name(path.name + BACKUP_SUFFIX).unlink(missing_ok=True)
            _sync_folder(path.parent)
    return ring


def _check_permissions(path: Path, status: os.stat_result) -> None:
    # The rule PostgreSQL has for its TLS key: the owner alone, or a file of root's that our group may read, which is
    # how Kubernetes mounts a secret for a container that does not run as root.
    lent_by_root = status.st_uid == 0 and os.geteuid() != 0
    forbidden = 0o037 if lent_by_root else 0o077
    mode = stat.S_IMODE(status.st_mode)
    if mode & forbidden:
        raise ConfigurationError(f"the key file {path} is open to others (mode {mode:04o}); run: chmod 600 {path}")


def _encode(ring: Keyring) -> bytes:
    content = {
        "format": FORMAT,
        "current": ring.current,
        "keys": {key_id: base64.b64encode(key).decode() for key_id, key in ring.keys.items()},
        "fingerprint_secret": base64.b64encode(ring.fingerprint_secret).decode(),
    }
    return json.dumps(content, indent=2).encode() + b"\n"


def _decode(path: Path, content: bytes) -> Keyring:
    try:
        fields: dict[str, Any] = json.loads(content)
        if fields["format"] != FORMAT:
            raise ConfigurationError(f"the key file {path} has a format this version does not know")
        keys = {str(key_id): _bytes_of(key) for key_id, key in fields["keys"].items()}
        return Keyring(str(fields["current"]), keys, _bytes_of(fields["fingerprint_secret"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        # Without the cause: it would quote the file.
        raise ConfigurationError(f"the key file {path} is damaged; restore it from your backup") from None


def _bytes_of(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"the key file {path} cannot be written: {error.strerror}") from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, content: bytes, owner: os.stat_result) -> None:
    temporary = _write_temporary(path, content, owner)
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink()
        raise
    _sync_folder(path.parent)


def _write_temporary(path: Path, content: bytes, owner: os.stat_result | None = None) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if owner is not None and os.geteuid() == 0:
                # Root may rotate a key file for the service: it must stay the service's.
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink()
        raise
    return temporary


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
