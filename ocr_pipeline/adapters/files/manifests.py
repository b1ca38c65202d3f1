"""Folders of documents with ground truth, each listed in a `manifest.jsonl`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ocr_pipeline.domain.errors import InputMissing

MANIFEST = "manifest.jsonl"


class ManifestFolder:
    """The files beside one manifest."""

    def __init__(self, manifest: Path) -> None:
        self.manifest = manifest
        self.name = manifest.parent.name

    def content(self, name: str) -> bytes:
        """Bytes of a document. Raises InputMissing."""
        try:
            return (self.manifest.parent / name).read_bytes()
        except OSError as error:
            raise InputMissing(f"a file of the manifest cannot be read: {error.strerror}") from error

    def text(self, name: str) -> str:
        """A text file, from UTF-8. Raises InputMissing."""
        try:
            return self.content(name).decode()
        except UnicodeDecodeError as error:
            raise InputMissing("a text of the manifest is not UTF-8") from error


def manifests(place: Path) -> Iterator[ManifestFolder]:
    """The manifest that a path names: a file, a folder that holds one, or a folder of such folders.

    Raises InputMissing when there is none.
    """
    if place.is_file():
        yield ManifestFolder(place)
        return
    found = [place / MANIFEST, *sorted(place.glob(f"*/{MANIFEST}"))]
    there = [path for path in found if path.is_file()]
    if not there:
        raise InputMissing(f"there is no {MANIFEST}", place=str(place))
    for path in there:
        yield ManifestFolder(path)
