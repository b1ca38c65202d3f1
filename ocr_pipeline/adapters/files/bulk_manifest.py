"""A manifest as what a bulk run is made from: CSV with a header, or JSON lines, one file a line, read as a stream.

A line that cannot be used is told by its number and a code; what stands in it is repeated nowhere.
"""

from __future__ import annotations

import csv
import json
import posixpath
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from ocr_pipeline.domain.documents import DocumentKind
from ocr_pipeline.domain.errors import ConfigurationError, InputMissing
from ocr_pipeline.ports.bulk import SourceFile

MAX_LINE_BYTES = 64 * 1024
MAX_PATH_CHARACTERS = 1024
MAX_REFERENCE_CHARACTERS = 256
_BOM = b"\xef\xbb\xbf"

Values = dict[str, object]


class _BadLine(Exception):
    """A line that cannot be used, for a reason that has a code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ManifestList:
    """The files that a manifest names below a base: a folder, or `s3://bucket/prefix`.

    Columns (or keys) are `path`, and where wanted `type` and `reference`; others are passed over. A path is relative to
    the base; an absolute one, or an `s3://` address, must lie below it.
    """

    def __init__(self, manifest: Path, base: str, kind: DocumentKind = DocumentKind.OTHER) -> None:
        self._manifest = manifest
        self._base = base
        self._kind = kind

    def files(self, *, after_line: int = 0) -> Iterator[SourceFile]:
        """The files from the line after the given one on, bad lines among them as such.

        Raises InputMissing, ConfigurationError for a CSV whose first line does not name its columns.
        """
        try:
            with self._manifest.open("rb") as file:
                yield from self._rows(file, after_line)
        except OSError as error:
            raise InputMissing(f"the manifest cannot be read: {error.strerror}", place=str(self._manifest)) from None

    def _rows(self, file: BinaryIO, after_line: int) -> Iterator[SourceFile]:
        lines = _numbered(file)
        parse: Callable[[str], Values]
        if self._manifest.suffix.lower() in {".jsonl", ".ndjson", ".json"}:
            parse = _from_json
        else:
            _, header = next(lines, (0, b""))
            parse = _csv_parser(header)
        for number, line in lines:
            if number > after_line and (line is None or line.strip()):
                yield self._row(number, line, parse)

    def _row(self, number: int, line: bytes | None, parse: Callable[[str], Values]) -> SourceFile:
        if line is None:
            return SourceFile("", line=number, problem="line_too_long")
        try:
            values = parse(_text(line))
            return SourceFile(
                name=self._name(values.get("path")),
                line=number,
                kind=_kind(values.get("type"), self._kind),
                reference=_reference(values.get("reference")),
            )
        except _BadLine as bad:
            return SourceFile("", line=number, problem=bad.code)

    def _name(self, path: object) -> str:
        if not isinstance(path, str) or not path.strip():
            raise _BadLine("no_path")
        if len(path) > MAX_PATH_CHARACTERS:
            raise _BadLine("path_too_long")
        if "\0" in path or not _is_text(path):
            raise _BadLine("bad_path")
        return self._below_bucket(path) if self._base.startswith("s3://") else self._below_folder(path)

    def _below_bucket(self, path: str) -> str:
        base = self._base.rstrip("/") + "/"
        name = path.removeprefix(base)
        if name.startswith("s3://") or not name:
            raise _BadLine("outside_base")
        return name

    def _below_folder(self, path: str) -> str:
        base = posixpath.normpath(self._base)
        place = posixpath.normpath(posixpath.join(base, path))
        name = posixpath.relpath(place, base)
        if name in {".", ".."} or name.startswith("../") or "://" in path:
            raise _BadLine("outside_base")
        return name


def _numbered(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their numbers from 1; None for one that is too long, which is never held whole."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if number == 1:
            line = line.removeprefix(_BOM)
        if len(line) <= MAX_LINE_BYTES or line.endswith(b"\n"):
            yield number, line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE_BYTES)
        yield number, None


def _text(line: bytes) -> str:
    try:
        return line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise _BadLine("not_utf8") from None


def _csv_parser(header: bytes | None) -> Callable[[str], Values]:
    """A parser of lines under this header. A record never spans lines: an open quote would swallow those after it."""
    try:
        columns = [name.strip().lower() for name in _csv_fields(_text(header or b""))]
    except _BadLine as bad:
        columns = [bad.code]
    if columns == ["not_utf8"] or b"\0" in (header or b""):
        raise ConfigurationError("a CSV manifest is UTF-8 text (not CP949, not UTF-16) with a column `path`")
    if "path" not in columns or len(set(columns)) != len(columns):
        raise ConfigurationError("the first line of a CSV manifest names its columns, each once, `path` among them")

    def parse(line: str) -> Values:
        fields = _csv_fields(line)
        if len(fields) != len(columns):
            raise _BadLine("wrong_columns")
        return dict(zip(columns, fields, strict=True))

    return parse


def _csv_fields(line: str) -> list[str]:
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error:
        raise _BadLine("not_csv") from None


def _from_json(line: str) -> Values:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        raise _BadLine("not_json") from None
    if not isinstance(values, dict):
        raise _BadLine("not_an_object")
    return values


def _kind(value: object, otherwise: DocumentKind) -> DocumentKind:
    if value is None or value == "":
        return otherwise
    try:
        return DocumentKind(str(value).strip().lower())
    except ValueError:
        raise _BadLine("unknown_type") from None


def _reference(value: object) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str | int) or len(str(value)) > MAX_REFERENCE_CHARACTERS or not _is_text(str(value)):
        raise _BadLine("bad_reference")
    return str(value)


def _is_text(value: str) -> bool:
    """False for what JSON can say and no encoding can: halves of characters."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
